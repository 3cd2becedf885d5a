package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
	"qserve/internal/phone"
)

// Order is what staff may ask to be done to an account. The orders are the types of this package that have the method;
// as JSON they are the bodies of the staff API.
type Order interface {
	// draft checks the order's own fields and writes it as an action on the subscriber.
	draft(ctx context.Context, s *Service, q *db.Queries, on subscriber) (draft, error)
}

// draft is an action that is not stored yet.
type draft struct {
	kind      string
	arguments any
	// revision is what the editor saw; 0: whatever it is.
	revision int64
	// password was made for this order and is told once.
	password string
}

// subscriber is whom an order is about.
type subscriber = db.SubscriberByKeyRow

// resolve finds a subscriber by account number, however it is typed, or else by id.
func (s *Service) resolve(ctx context.Context, q *db.Queries, ref string) (subscriber, error) {
	row, err := q.SubscriberByKey(ctx, account.NormalizeReference(ref))
	if errors.Is(err, pgx.ErrNoRows) {
		if id, ok := parseID(ref); ok {
			var byID db.SubscriberByIDRow
			byID, err = q.SubscriberByID(ctx, id)
			row = subscriber(byID)
		}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return subscriber{}, missing("account %.40q", ref)
	}
	if err != nil {
		return subscriber{}, fmt.Errorf("read account %q: %w", ref, err)
	}
	return row, nil
}

// SuspendOrder cuts a subscriber's access without deleting the account.
type SuspendOrder struct {
	Category  string `json:"category" enum:"non-payment,equipment,customer-request,other" example:"customer-request" doc:"Why. A payment lifts only a suspension for non-payment."`
	Reason    string `json:"reason,omitempty" required:"false" maxLength:"500" example:"On holiday until January" doc:"Shown in the activity and the audit log."`
	StopClock bool   `json:"stop_clock,omitempty" required:"false" doc:"Give the unused time back at the reconnection."`
	// Until is cut to whole seconds.
	Until time.Time `json:"until,omitzero" required:"false" example:"2026-12-12T00:00:00+03:00" doc:"When the suspension ends by itself, as a reconnection would end it; within 366 days. Absent: it lasts until somebody reconnects."`
}

func (o SuspendOrder) draft(_ context.Context, s *Service, _ *db.Queries, _ subscriber) (draft, error) {
	if !account.Category(o.Category).Valid() {
		return draft{}, bad("category", "must be non-payment, equipment, customer-request or other")
	}
	if err := checkLine("reason", o.Reason, 0, 500); err != nil {
		return draft{}, err
	}
	if !o.Until.IsZero() {
		o.Until = o.Until.UTC().Truncate(time.Second)
		switch ahead := o.Until.Sub(s.Clock.Now()); {
		case ahead <= 0:
			return draft{}, bad("until", "must lie in the future")
		case ahead > account.MaxSuspension:
			return draft{}, bad("until", "must lie within 366 days")
		}
	}
	return draft{kind: "suspend", arguments: db.SuspendArguments(o)}, nil
}

// ReconnectOrder lifts a suspension, or gives an expired account some time to pay.
type ReconnectOrder struct {
	GraceHours int `json:"grace_hours,omitempty" required:"false" minimum:"0" maximum:"744" example:"24" doc:"For an expired account: how many hours it may go on before paying. Billing is not moved."`
}

func (o ReconnectOrder) draft(context.Context, *Service, *db.Queries, subscriber) (draft, error) {
	if o.GraceHours < 0 || o.GraceHours > 31*24 {
		return draft{}, bad("grace_hours", "must be 0 to %d", 31*24)
	}
	return draft{kind: "reconnect", arguments: db.ReconnectArguments(o)}, nil
}

// ChangeOrder gives the account another plan.
type ChangeOrder struct {
	Plan    string `json:"plan" example:"Home 20" doc:"Name of the new plan."`
	When    string `json:"when" enum:"now,renewal" example:"now" doc:"At once, or when the time that is paid ends."`
	Convert bool   `json:"convert,omitempty" required:"false" doc:"With now: turn the unused time into time of the new plan, by the prices. Otherwise the end of the paid time stays."`
}

func (o ChangeOrder) draft(ctx context.Context, _ *Service, q *db.Queries, _ subscriber) (draft, error) {
	if o.When != "now" && o.When != "renewal" {
		return draft{}, bad("when", "must be now or renewal")
	}
	plan, err := q.PlanByName(ctx, strings.TrimSpace(o.Plan))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return draft{}, bad("plan", "there is no plan %.100q", o.Plan)
	case err != nil:
		return draft{}, fmt.Errorf("read plan %q: %w", o.Plan, err)
	case plan.ArchivedAt != nil:
		return draft{}, bad("plan", "%q is not sold any more", plan.Name)
	}
	return draft{kind: "change-package", arguments: db.ChangeArguments{
		PlanID: plan.ID, AtRenewal: o.When == "renewal", Convert: o.Convert,
	}}, nil
}

// CancelChangeOrder takes back a change of package that waits for the renewal.
type CancelChangeOrder struct{}

func (CancelChangeOrder) draft(context.Context, *Service, *db.Queries, subscriber) (draft, error) {
	return draft{kind: "cancel-change", arguments: struct{}{}}, nil
}

// ExtendOrder adds days to the paid time.
type ExtendOrder struct {
	Days int    `json:"days" minimum:"1" maximum:"365" example:"3"`
	Note string `json:"note,omitempty" required:"false" maxLength:"500" example:"Outage on 21 November"`
}

func (o ExtendOrder) draft(context.Context, *Service, *db.Queries, subscriber) (draft, error) {
	if o.Days < 1 || o.Days > 365 {
		return draft{}, bad("days", "must be 1 to 365")
	}
	if err := checkLine("note", o.Note, 0, 500); err != nil {
		return draft{}, err
	}
	return draft{kind: "extend", arguments: db.ExtendArguments(o)}, nil
}

// NoteOrder writes free text into the activity.
type NoteOrder struct {
	Text string `json:"text" minLength:"1" maxLength:"2000" example:"Dog in the yard, ring first"`
	Pin  bool   `json:"pin,omitempty" required:"false" doc:"Make it the pinned note, which staff see first, in place of the one before."`
}

func (o NoteOrder) draft(context.Context, *Service, *db.Queries, subscriber) (draft, error) {
	if err := checkText("text", o.Text, 1, 2000); err != nil {
		return draft{}, err
	}
	return draft{kind: "note", arguments: db.NoteArguments{Text: strings.TrimSpace(o.Text), Pin: o.Pin}}, nil
}

// DeleteOrder ends an account for good.
type DeleteOrder struct {
	Confirm string // the account number, typed by the person who wants it gone
}

func (o DeleteOrder) draft(_ context.Context, _ *Service, _ *db.Queries, on subscriber) (draft, error) {
	if account.NormalizeReference(o.Confirm) != on.Subscriber.AccountKey {
		return draft{}, bad("confirm", "type the account number %s to delete this account for good", on.Subscriber.Account)
	}
	return draft{kind: "delete", arguments: db.DeleteArguments(o)}, nil
}

// EditOrder changes how a subscriber is reached and dials. What is absent stays.
type EditOrder struct {
	Name             *string `json:"name,omitempty" example:"Amina Wanjiru"`
	Phone            *string `json:"phone,omitempty" example:"0712 345 678" doc:"As anyone types it; empty removes it."`
	Email            *string `json:"email,omitempty" example:"amina@example.com"`
	Address          *string `json:"address,omitempty" example:"Ngong Road 12"`
	Username         *string `json:"username,omitempty" example:"amina.w" doc:"PPPoE user name. The old one leaves the router."`
	Password         *string `json:"password,omitempty" doc:"PPPoE password. It is brought to the router and never shown."`
	GeneratePassword bool    `json:"generate_password,omitempty" required:"false" doc:"Make a new PPPoE password, which the answer tells once."`
	Router           *string `json:"router,omitempty" doc:"Name of the router that the line moves to."`
	FixedIP          *string `json:"fixed_ip,omitempty" example:"100.64.8.10" doc:"Fixed IPv4 address; empty: from the pool."`
	PinnedNote       *string `json:"pinned_note,omitempty" maxLength:"2000" example:"Dog in the yard, ring first" doc:"What staff see first; empty removes it."`
	// Revision is what the editor saw; 0: whatever it is.
	Revision int64 `json:"-"`
}

func (o EditOrder) draft(ctx context.Context, s *Service, q *db.Queries, on subscriber) (draft, error) {
	d := draft{kind: "edit", revision: o.Revision}
	args := db.EditArguments{
		Name: trimmed(o.Name), Email: trimmed(o.Email), Address: trimmed(o.Address), Username: o.Username, FixedAddress: o.FixedIP,
		PinnedNote: trimmed(o.PinnedNote), Revision: o.Revision,
	}
	if err := o.checkContact(s, &args); err != nil {
		return draft{}, err
	}
	if o.Username != nil {
		if err := checkUsername(*o.Username); err != nil {
			return draft{}, err
		}
	}
	if o.FixedIP != nil && *o.FixedIP != "" {
		if _, err := readFixedIP(*o.FixedIP); err != nil {
			return draft{}, err
		}
	}
	if o.Router != nil {
		router, err := q.RouterByName(ctx, *o.Router)
		if errors.Is(err, pgx.ErrNoRows) {
			return draft{}, bad("router", "there is no router %.100q", *o.Router)
		}
		if err != nil {
			return draft{}, fmt.Errorf("read router %q: %w", *o.Router, err)
		}
		args.RouterID = &router.ID
	}
	password := ""
	switch {
	case o.GeneratePassword && o.Password != nil:
		return draft{}, bad("password", "give a password or let one be made, not both")
	case o.GeneratePassword:
		d.password = rand.Text()[:12]
		password = d.password
	case o.Password != nil:
		password = *o.Password
	}
	if o.Password != nil || o.GeneratePassword {
		if err := checkPassword(password); err != nil {
			return draft{}, err
		}
		var err error
		if args.PasswordSealed, err = s.Keys.Seal([]byte(password), db.SubscriberPasswordRow(on.Subscriber.ID)); err != nil {
			return draft{}, fmt.Errorf("seal the PPPoE password: %w", err)
		}
	}
	d.arguments = args
	return d, nil
}

func (o EditOrder) checkContact(s *Service, args *db.EditArguments) error {
	for _, line := range []struct {
		field       string
		text        *string
		least, most int
	}{{"name", args.Name, 1, 200}, {"email", args.Email, 0, 254}, {"address", args.Address, 0, 500}} {
		if line.text == nil {
			continue
		}
		if err := checkLine(line.field, *line.text, line.least, line.most); err != nil {
			return err
		}
	}
	if args.PinnedNote != nil {
		if err := checkText("pinned_note", *args.PinnedNote, 0, 2000); err != nil {
			return err
		}
	}
	if o.Phone == nil {
		return nil
	}
	number := ""
	if typed := strings.TrimSpace(*o.Phone); typed != "" {
		var ok bool
		if number, ok = phone.E164(typed, s.Region); !ok {
			return bad("phone", "is not a phone number")
		}
	}
	args.Phone = &number
	return nil
}

func trimmed(text *string) *string {
	if text == nil {
		return nil
	}
	cut := strings.TrimSpace(*text)
	return &cut
}
