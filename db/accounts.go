package db

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
)

// Facts turns a subscriber's row and its plan's into what the rules work with.
func Facts(s Subscriber, p Plan) account.Account {
	a := account.Account{
		ID:            s.ID,
		Number:        s.Account,
		RouterID:      s.RouterID,
		Username:      s.Username,
		CredentialGen: s.CredentialGen,
		Plan: account.Plan{
			ID:       p.ID,
			Name:     p.Name,
			Rate:     account.Rate(p.Rate),
			Duration: account.Duration{Count: int(p.DurationCount), Unit: account.Unit(p.DurationUnit)},
			Price:    account.Money{Minor: p.PriceMinor, Currency: p.Currency},
			OnExpiry: account.Policy(p.OnExpiry),
			Pool:     p.Pool,
		},
		ExpiresAt:  instant(s.ExpiresAt),
		GraceUntil: instant(s.GraceUntil),
		Balance:    account.Money{Minor: s.BalanceMinor, Currency: s.Currency},
	}
	if s.FixedAddress != nil {
		a.Address = s.FixedAddress.String()
	}
	if s.AnchorDay != nil {
		a.AnchorDay = int(*s.AnchorDay)
	}
	if s.SuspendedAt != nil && s.SuspensionCategory != nil {
		a.Suspension = &account.Suspension{
			Category: account.Category(*s.SuspensionCategory),
			Reason:   s.SuspensionReason,
			Since:    *s.SuspendedAt,
		}
	}
	return a
}

// ErrNoAccount means that no subscriber has that id (any more).
var ErrNoAccount = errors.New("no such subscriber")

// LockedAccount is an account whose row is locked, so that nobody else changes it until the transaction ends.
type LockedAccount struct {
	account.Account
	// DueAt is the first due time that nobody has handled; zero when there is none.
	DueAt time.Time
}

// LockAccountFacts reads an account for a command and locks it. It returns [ErrNoAccount] when it is gone.
func LockAccountFacts(ctx context.Context, q *Queries, id int64) (LockedAccount, error) {
	row, err := q.LockAccount(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return LockedAccount{}, fmt.Errorf("subscriber %d: %w", id, ErrNoAccount)
	}
	if err != nil {
		return LockedAccount{}, fmt.Errorf("lock subscriber %d: %w", id, err)
	}
	return LockedAccount{Account: Facts(row.Subscriber, row.Plan), DueAt: instant(row.Subscriber.DueAt)}, nil
}

// Deed says whose change it is that [SaveChange] stores, and what it came from.
type Deed struct {
	Kind  string
	Actor string
	// ActionID is the accepted action that is applied here; with 0 an action that is applied at once is written.
	ActionID   int64
	AcceptedAt time.Time
	PaymentID  *int64
	// Then is stored in the same round trip: the mark that the work is done.
	Then func(q *Queries) error
}

// Saved says what is left to do after a change was stored.
type Saved struct {
	SubscriberID int64
	ActionID     int64
	// RouterID is the router that must be driven, 0 when it holds what is wanted already.
	RouterID int64
	// DueAt is the account's next due time, zero when there is none.
	DueAt time.Time
}

// SaveChange stores everything that a change consists of: facts, ledger, activity, the action, and what the router
// should hold from now on. The account is locked by the same transaction.
func SaveChange(ctx context.Context, tx pgx.Tx, c account.Change, deed Deed, now time.Time) (Saved, error) {
	q, a := New(tx), c.Account
	saved := Saved{SubscriberID: a.ID, ActionID: deed.ActionID, DueAt: a.NextDue(now)}
	if saved.ActionID == 0 {
		id, err := q.InsertAction(ctx, InsertActionParams{
			Kind: deed.Kind, SubscriberID: a.ID, Actor: deed.Actor, Arguments: []byte("{}"),
			State: "applied", AcceptedAt: deed.AcceptedAt, AppliedAt: &now,
		})
		if err != nil {
			return Saved{}, fmt.Errorf("write action %s of subscriber %d: %w", deed.Kind, a.ID, err)
		}
		saved.ActionID = id
	}
	provision, err := want(ctx, q, a, now)
	if err != nil {
		return Saved{}, err
	}
	pending := provision.DoneGen < provision.WantGen
	if pending {
		saved.RouterID = a.RouterID
	}
	err = Pipelined(ctx, tx, func(q *Queries) error {
		if deed.ActionID != 0 {
			if err := q.ActionApplied(ctx, ActionAppliedParams{ID: deed.ActionID, Now: now}); err != nil {
				return err
			}
		}
		link := LinkActionParams{ActionID: saved.ActionID, ProvisionID: provision.ID, Gen: provision.WantGen}
		if err := q.LinkAction(ctx, link); err != nil {
			return err
		}
		if !pending {
			if err := q.ConfirmAction(ctx, ConfirmActionParams{ID: saved.ActionID, Now: now}); err != nil {
				return err
			}
		}
		if err := writeChange(ctx, q, c, deed, saved, now); err != nil {
			return err
		}
		if deed.Then != nil {
			return deed.Then(q)
		}
		return nil
	})
	if err != nil {
		return Saved{}, fmt.Errorf("store %s of subscriber %d: %w", deed.Kind, a.ID, err)
	}
	return saved, nil
}

// want records what the account's router should hold from now on.
func want(ctx context.Context, q *Queries, a account.Account, now time.Time) (WantLineRow, error) {
	line := a.Desired(now)
	row, err := q.WantLine(ctx, WantLineParams{
		RouterID: a.RouterID, Username: a.Username, SubscriberID: &a.ID, State: string(line.State),
		Rate: string(line.Rate), Pool: line.Pool, Address: line.Address, CredentialGen: line.CredentialGen, Now: now,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		// Nothing differs from what is wanted already.
		same, err := q.ProvisionOf(ctx, ProvisionOfParams{RouterID: a.RouterID, Username: a.Username})
		if err != nil {
			return WantLineRow{}, fmt.Errorf("read what router %d should hold for subscriber %d: %w", a.RouterID, a.ID, err)
		}
		return WantLineRow(same), nil
	}
	if err != nil {
		return WantLineRow{}, fmt.Errorf("want the line of subscriber %d: %w", a.ID, err)
	}
	return row, nil
}

func writeChange(ctx context.Context, q *Queries, c account.Change, deed Deed, saved Saved, now time.Time) error {
	a := c.Account
	for _, e := range c.Entries {
		entry := InsertLedgerEntryParams{
			SubscriberID: a.ID, Kind: string(e.Kind), AmountMinor: e.Amount.Minor, Currency: e.Amount.Currency,
			ActionID: saved.ActionID,
		}
		if e.Kind == account.EntryPayment {
			entry.PaymentID = deed.PaymentID
		}
		if e.Kind == account.EntryRenewal {
			periods := int32(e.Periods) // a century of them at most
			entry.PlanID, entry.Periods, entry.PeriodStart, entry.PeriodEnd = &e.PlanID, &periods, &e.Start, &e.End
		}
		if err := q.InsertLedgerEntry(ctx, entry); err != nil {
			return err
		}
	}
	for _, line := range c.Activity {
		before, err := factsJSON(line.Before)
		if err != nil {
			return err
		}
		after, err := factsJSON(line.After)
		if err != nil {
			return err
		}
		if err := q.InsertActivity(ctx, InsertActivityParams{
			SubscriberID: a.ID, ActionID: &saved.ActionID, Kind: line.Kind, Actor: deed.Actor, Summary: line.Summary,
			Before: before, After: after, At: now,
		}); err != nil {
			return err
		}
	}
	facts := SaveFactsParams{
		ID: a.ID, ExpiresAt: stored(a.ExpiresAt), GraceUntil: stored(a.GraceUntil), DueAt: stored(saved.DueAt),
	}
	if a.AnchorDay != 0 {
		day := int16(a.AnchorDay)
		facts.AnchorDay = &day
	}
	if s := a.Suspension; s != nil {
		category := string(s.Category)
		facts.SuspendedAt, facts.SuspensionCategory, facts.SuspensionReason = &s.Since, &category, s.Reason
	}
	return q.SaveFacts(ctx, facts)
}

func factsJSON(facts map[string]string) ([]byte, error) {
	if len(facts) == 0 {
		return []byte("{}"), nil
	}
	return json.Marshal(facts)
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func stored(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
