package db

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
)

// The arguments that an action of each kind carries. They hold no password in clear.

// SuspendArguments are those of suspend.
type SuspendArguments struct {
	Category  string `json:"category"`
	Reason    string `json:"reason,omitempty"`
	StopClock bool   `json:"stop_clock,omitempty"`
	// Until is in whole seconds; zero: until somebody reconnects.
	Until time.Time `json:"until,omitzero"`
}

// ReconnectArguments are those of reconnect.
type ReconnectArguments struct {
	GraceHours int `json:"grace_hours,omitempty"`
}

// ChangeArguments are those of change-package.
type ChangeArguments struct {
	PlanID    int64 `json:"plan_id"`
	AtRenewal bool  `json:"at_renewal,omitempty"`
	Convert   bool  `json:"convert,omitempty"`
}

// ExtendArguments are those of extend.
type ExtendArguments struct {
	Days int    `json:"days"`
	Note string `json:"note,omitempty"`
}

// EditArguments are those of edit; what is absent stays.
type EditArguments struct {
	Name           *string `json:"name,omitempty"`
	Phone          *string `json:"phone,omitempty"`
	Email          *string `json:"email,omitempty"`
	Address        *string `json:"address,omitempty"`
	Username       *string `json:"username,omitempty"`
	RouterID       *int64  `json:"router_id,omitempty"`
	FixedAddress   *string `json:"fixed_address,omitempty"`
	PinnedNote     *string `json:"pinned_note,omitempty"`
	PasswordSealed []byte  `json:"password_sealed,omitempty"`
	Revision       int64   `json:"revision,omitempty"`
}

// NoteArguments are those of note.
type NoteArguments struct {
	Text string `json:"text"`
	Pin  bool   `json:"pin,omitempty"`
}

// UndoArguments are those of undo.
type UndoArguments struct {
	ActionID int64 `json:"action"`
}

// DeleteArguments are those of delete.
type DeleteArguments struct {
	Confirm string `json:"confirm"`
}

// PaymentArguments are those of payment (an unallocated payment is given to the account), reverse and unallocate.
type PaymentArguments struct {
	PaymentID int64  `json:"payment_id"`
	Reason    string `json:"reason,omitempty"`
}

// Order is an action made ready: the command for the rules, and what is stored beside the change that it makes.
type Order struct {
	Command account.Command
	// PaymentID, Allocation, PasswordSealed and Also are those of [Deed].
	PaymentID      int64
	Allocation     int32
	PasswordSealed []byte
	Also           func(q *Queries) error
}

// ReadOrder makes an action ready for an account whose row is locked. Its error is [*account.Refused] where the action
// cannot be done: a plan that is not sold any more, a payment that is somebody's already.
func ReadOrder(ctx context.Context, q *Queries, kind string, arguments []byte, a account.Account, now time.Time) (Order, error) {
	switch kind {
	case "suspend":
		args, err := read[SuspendArguments](kind, arguments)
		return Order{Command: account.Suspend{
			Category: account.Category(args.Category), Reason: args.Reason, StopClock: args.StopClock, Until: args.Until,
		}}, err
	case "reconnect":
		args, err := read[ReconnectArguments](kind, arguments)
		return Order{Command: account.Reconnect{Grace: time.Duration(args.GraceHours) * time.Hour}}, err
	case "change-package":
		return readChange(ctx, q, arguments)
	case "cancel-change":
		return Order{Command: account.CancelChange{}}, nil
	case "extend":
		args, err := read[ExtendArguments](kind, arguments)
		return Order{Command: account.Extend{Days: args.Days, Note: args.Note}}, err
	case "edit":
		return readEdit(ctx, q, arguments, a)
	case "note":
		args, err := read[NoteArguments](kind, arguments)
		return Order{Command: account.Note{Text: args.Text, Pin: args.Pin}}, err
	case "undo":
		return readUndo(ctx, q, arguments, a)
	case "delete":
		args, err := read[DeleteArguments](kind, arguments)
		return Order{Command: account.Delete{Confirm: args.Confirm}}, err
	case "payment":
		return readAllocation(ctx, q, arguments, a)
	case "reverse", "unallocate":
		return readReversal(ctx, q, kind, arguments, a, now)
	default:
		return Order{}, refuse("this version does not know actions of kind %q", kind)
	}
}

func refuse(format string, args ...any) error {
	return &account.Refused{Reason: fmt.Sprintf(format, args...)}
}

func read[T any](kind string, arguments []byte) (args T, err error) {
	if json.Unmarshal(arguments, &args) != nil {
		return args, refuse("the arguments of this %s are damaged", kind)
	}
	return args, nil
}

func readChange(ctx context.Context, q *Queries, arguments []byte) (Order, error) {
	args, err := read[ChangeArguments]("change-package", arguments)
	if err != nil {
		return Order{}, err
	}
	plans, err := q.PlansByID(ctx, []int64{args.PlanID})
	switch {
	case err != nil:
		return Order{}, fmt.Errorf("read plan %d: %w", args.PlanID, err)
	case len(plans) == 0 || plans[0].ArchivedAt != nil:
		return Order{}, refuse("this plan is not sold any more")
	}
	return Order{Command: account.ChangePackage{Plan: plans[0].Facts(), AtRenewal: args.AtRenewal, Convert: args.Convert}}, nil
}

func readEdit(ctx context.Context, q *Queries, arguments []byte, a account.Account) (Order, error) {
	args, err := read[EditArguments]("edit", arguments)
	if err != nil {
		return Order{}, err
	}
	edit := account.Edit{
		Name: args.Name, Phone: args.Phone, Email: args.Email, Address: args.Address, Username: args.Username,
		RouterID: args.RouterID, FixedAddress: args.FixedAddress, Pinned: args.PinnedNote,
		NewPassword: len(args.PasswordSealed) > 0, Revision: args.Revision,
	}
	router, username, fixed := a.RouterID, a.Username, a.Address
	if edit.RouterID != nil {
		router = *edit.RouterID
	}
	if edit.Username != nil {
		username = *edit.Username
	}
	if edit.FixedAddress != nil {
		fixed = *edit.FixedAddress
	}
	if router != a.RouterID || username != a.Username {
		taken, err := q.UsernameTaken(ctx, UsernameTakenParams{RouterID: router, Username: username, But: a.ID})
		if err != nil {
			return Order{}, fmt.Errorf("look for the user name: %w", err)
		}
		if taken {
			return Order{}, &Taken{Field: "username", Reason: fmt.Sprintf("somebody on this router has the PPPoE name %q already", username)}
		}
	}
	if fixed != "" && (router != a.RouterID || fixed != a.Address) {
		address, err := netip.ParseAddr(fixed)
		if err != nil {
			return Order{}, refuse("%q is not an IP address", fixed)
		}
		taken, err := q.FixedAddressTaken(ctx, FixedAddressTakenParams{RouterID: router, FixedAddress: &address, But: a.ID})
		if err != nil {
			return Order{}, fmt.Errorf("look for the fixed address: %w", err)
		}
		if taken {
			return Order{}, &Taken{Field: "fixed_ip", Reason: fmt.Sprintf("somebody on this router has the address %s already", fixed)}
		}
	}
	return Order{Command: edit, PasswordSealed: args.PasswordSealed}, nil
}

// Taken is a refusal because somebody else has what a field asks for.
type Taken struct{ Field, Reason string }

func (t *Taken) Error() string { return t.Reason }

// Unwrap makes it a refusal.
func (t *Taken) Unwrap() error { return &account.Refused{Reason: t.Reason} }

func takePayment(ctx context.Context, q *Queries, kind string, arguments []byte) (PaymentArguments, Payment, error) {
	args, err := read[PaymentArguments](kind, arguments)
	if err != nil {
		return args, Payment{}, err
	}
	row, err := q.LockPayment(ctx, args.PaymentID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return args, Payment{}, refuse("there is no payment %d any more", args.PaymentID)
	case err != nil:
		return args, Payment{}, fmt.Errorf("lock payment %d: %w", args.PaymentID, err)
	case row.Payment.ReversedAt != nil:
		return args, Payment{}, refuse("payment %d was reversed", args.PaymentID)
	case row.Payment.SplitAt != nil:
		return args, Payment{}, refuse("payment %d was split: give or reverse its parts", args.PaymentID)
	case row.Spent:
		return args, Payment{}, refuse("payment %d was credited to an account that has been deleted since", args.PaymentID)
	}
	return args, row.Payment, nil
}

func readAllocation(ctx context.Context, q *Queries, arguments []byte, a account.Account) (Order, error) {
	args, p, err := takePayment(ctx, q, "payment", arguments)
	if err != nil {
		return Order{}, err
	}
	if p.SubscriberID != nil {
		return Order{}, refuse("payment %d is credited to an account already", args.PaymentID)
	}
	return Order{
		Command:    account.Pay{Amount: p.Money(), Receipt: p.TransactionID, Via: p.Provider},
		PaymentID:  p.ID,
		Allocation: p.Allocation,
		Also: func(q *Queries) error {
			return q.AllocatePayment(ctx, AllocatePaymentParams{ID: p.ID, SubscriberID: a.ID})
		},
	}, nil
}

func readReversal(ctx context.Context, q *Queries, kind string, arguments []byte, a account.Account, now time.Time) (Order, error) {
	args, p, err := takePayment(ctx, q, kind, arguments)
	if err != nil {
		return Order{}, err
	}
	if p.SubscriberID == nil || *p.SubscriberID != a.ID {
		return Order{}, refuse("payment %d is not credited to %s", args.PaymentID, a.Number)
	}
	renewals, err := q.RenewalsBoughtWith(ctx, RenewalsBoughtWithParams{PaymentID: p.ID, Allocation: p.Allocation})
	if err != nil {
		return Order{}, fmt.Errorf("read what payment %d bought: %w", p.ID, err)
	}
	command := account.Reverse{Amount: p.Money(), Receipt: p.TransactionID, Reason: args.Reason}
	for _, r := range renewals {
		command.Bought = append(command.Bought, account.Entry{
			Kind: account.EntryRenewal, Amount: account.Money{Minor: r.AmountMinor, Currency: r.Currency}, Plan: r.Plan.Facts(),
			Periods: int(r.Periods), Start: r.PeriodStart, End: r.PeriodEnd,
		})
	}
	return Order{
		Command:    command,
		PaymentID:  p.ID,
		Allocation: p.Allocation,
		Also: func(q *Queries) error {
			if kind == "unallocate" {
				reason := "taken back from an account by staff"
				if args.Reason != "" {
					reason += ": " + args.Reason
				}
				return q.UnallocatePayment(ctx, UnallocatePaymentParams{ID: p.ID, Reason: reason})
			}
			return q.PaymentReversed(ctx, PaymentReversedParams{ID: p.ID, Now: now, Reason: args.Reason})
		},
	}, nil
}

// Money is the amount of a payment.
func (p Payment) Money() account.Money {
	return account.Money{Minor: p.AmountMinor, Currency: p.Currency}
}
