package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
	"qserve/internal/phone"
)

// NewSubscriber is a customer to be connected.
type NewSubscriber struct {
	Account   string    `json:"account" example:"ACC-0042" doc:"Account number, unique whatever its spaces, dashes and case."`
	Name      string    `json:"name" example:"Amina Wanjiru"`
	Phone     string    `json:"phone,omitempty" required:"false" example:"0712 345 678" doc:"As anyone types it."`
	Email     string    `json:"email,omitempty" required:"false" example:"amina@example.com"`
	Address   string    `json:"address,omitempty" required:"false" example:"Ngong Road 12" doc:"Where the line is."`
	Router    string    `json:"router" example:"Ngong" doc:"Name of the router."`
	Plan      string    `json:"plan" example:"Home 10" doc:"Name of the plan."`
	Username  string    `json:"username,omitempty" required:"false" example:"acc-0042" doc:"PPPoE user name; absent: the account number in lower case."`
	Password  string    `json:"password,omitempty" required:"false" doc:"PPPoE password; absent: one is made, and told once."`
	FixedIP   string    `json:"fixed_ip,omitempty" required:"false" example:"100.64.8.10" doc:"Fixed IPv4 address; absent: from the pool of the router."`
	PaidUntil time.Time `json:"paid_until,omitzero" required:"false" doc:"End of the paid time of a customer who is taken over from another system."`
}

// usernames are the PPPoE names that every part of a RouterOS installation carries unharmed.
var usernames = regexp.MustCompile(`^[A-Za-z0-9._@-]{1,64}$`)

// AddedSubscriber is the action that brings a new customer's credentials to the router.
type AddedSubscriber struct {
	db.Saved
	// Password is the PPPoE password, for the customer's box. It cannot be asked for later.
	Password string
}

// AddSubscriber stores a customer. Its errors are [*FieldError] where the input is wrong.
func (s *Service) AddSubscriber(ctx context.Context, by By, n NewSubscriber) (AddedSubscriber, error) {
	params, err := s.checkSubscriber(&n)
	if err != nil {
		return AddedSubscriber{}, err
	}
	if added, ok, err := s.addedBefore(ctx, by); ok || err != nil {
		return added, err
	}
	var saved db.Saved
	err = db.InTx(ctx, s.Pool, func(tx pgx.Tx, q *db.Queries) error {
		plan, err := q.PlanByName(ctx, n.Plan)
		if errors.Is(err, pgx.ErrNoRows) || (err == nil && plan.ArchivedAt != nil) {
			return bad("plan", "there is no plan %q", n.Plan)
		}
		if err != nil {
			return fmt.Errorf("read plan %q: %w", n.Plan, err)
		}
		router, err := q.RouterByName(ctx, n.Router)
		if errors.Is(err, pgx.ErrNoRows) {
			return bad("router", "there is no router %q", n.Router)
		}
		if err != nil {
			return fmt.Errorf("read router %q: %w", n.Router, err)
		}
		params.PlanID, params.Currency, params.RouterID = plan.ID, plan.Currency, router.ID
		if params.ID, err = q.NextSubscriberID(ctx); err != nil {
			return fmt.Errorf("number subscriber: %w", err)
		}
		params.PasswordSealed, err = s.Keys.Seal([]byte(n.Password), db.SubscriberPasswordRow(params.ID))
		if err != nil {
			return fmt.Errorf("seal the PPPoE password: %w", err)
		}
		if _, err := q.CreateSubscriber(ctx, params); err != nil {
			return fmt.Errorf("add subscriber: %w", taken(err, map[string]error{
				"subscribers_account_key":            conflict("account", "there is an account %q already", n.Account),
				"subscribers_account_key_key":        conflict("account", "there is an account like %q already", n.Account),
				"subscribers_fixed_address":          conflict("fixed_ip", "somebody on %s has the address %s", n.Router, n.FixedIP),
				"subscribers_router_id_username_key": conflict("username", "somebody on %s has the PPPoE name %q", n.Router, n.Username),
			}))
		}
		locked, err := db.LockAccountFacts(ctx, q, params.ID)
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		change, err := account.Apply(locked, account.Open{PaidUntil: n.PaidUntil}, now, s.Zone)
		if err != nil {
			return err
		}
		saved, err = db.SaveChange(ctx, tx, db.Deed{Change: change, Kind: "create", Actor: by.Actor, Source: by.Source, AcceptedAt: now}, now)
		if err != nil || by.RequestKey == "" {
			return err
		}
		return q.NameRequest(ctx, db.NameRequestParams{ID: saved.ActionID, RequestKey: by.RequestKey})
	})
	if err != nil {
		// What stands in the way may be the same request, sent twice at once.
		if added, ok, again := s.addedBefore(ctx, by); ok && again == nil {
			return added, nil
		}
		return AddedSubscriber{}, err
	}
	for _, router := range saved.Routers {
		s.Ring.RingRouter(ctx, router)
	}
	s.Ring.RingDue(ctx, saved.SubscriberID, saved.DueAt, s.Clock.Now())
	return AddedSubscriber{Saved: saved, Password: n.Password}, nil
}

// addedBefore returns what the same request has added before.
func (s *Service) addedBefore(ctx context.Context, by By) (AddedSubscriber, bool, error) {
	q := db.New(s.Pool)
	action, ok, err := s.repeated(ctx, q, by)
	if !ok || err != nil || action.Subscriber == nil {
		return AddedSubscriber{}, false, err
	}
	row, err := q.SubscriberByID(ctx, *action.Subscriber)
	if err != nil {
		return AddedSubscriber{}, false, fmt.Errorf("read subscriber %d: %w", *action.Subscriber, err)
	}
	password, err := s.Keys.Open(row.Subscriber.PasswordSealed, db.SubscriberPasswordRow(row.Subscriber.ID))
	if err != nil {
		return AddedSubscriber{}, false, fmt.Errorf("open the PPPoE password of subscriber %d: %w", row.Subscriber.ID, err)
	}
	return AddedSubscriber{Saved: db.Saved{SubscriberID: row.Subscriber.ID, ActionID: action.ID}, Password: string(password)}, true, nil
}

func (s *Service) checkSubscriber(n *NewSubscriber) (db.CreateSubscriberParams, error) {
	none := db.CreateSubscriberParams{}
	n.Account, n.Name = strings.TrimSpace(n.Account), strings.TrimSpace(n.Name)
	n.Email, n.Address = strings.TrimSpace(n.Email), strings.TrimSpace(n.Address)
	for _, line := range []struct {
		field, text string
		least, most int
	}{
		{"account", n.Account, 1, 40}, {"name", n.Name, 1, 200}, {"email", n.Email, 0, 254}, {"address", n.Address, 0, 500},
	} {
		if err := checkLine(line.field, line.text, line.least, line.most); err != nil {
			return none, err
		}
	}
	if account.NormalizeReference(n.Account) == "" {
		return none, bad("account", "must have a letter or digit")
	}
	if n.Username == "" {
		n.Username = strings.ToLower(n.Account)
	}
	if err := checkUsername(n.Username); err != nil {
		return none, err
	}
	if n.Password == "" {
		n.Password = rand.Text()[:12]
	}
	if err := checkPassword(n.Password); err != nil {
		return none, err
	}
	p := db.CreateSubscriberParams{
		Account: n.Account, Name: n.Name, Email: n.Email, Address: n.Address, Username: n.Username,
	}
	if n.Phone != "" {
		number, ok := phone.E164(n.Phone, s.Region)
		if !ok {
			return none, bad("phone", "is not a phone number")
		}
		p.Phone = number
	}
	if n.FixedIP != "" {
		ip, err := readFixedIP(n.FixedIP)
		if err != nil {
			return none, err
		}
		p.FixedAddress = &ip
	}
	return p, nil
}

func checkUsername(name string) error {
	if !usernames.MatchString(name) {
		return bad("username", "may have 1 to 64 of letters, digits and . _ @ -")
	}
	return nil
}

func checkPassword(password string) error {
	if len(password) < 4 || len(password) > 64 || strings.ContainsAny(password, "\x00\r\n") {
		return bad("password", "must have 4 to 64 characters on one line")
	}
	return nil
}

func readFixedIP(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil || !ip.Is4() {
		return netip.Addr{}, bad("fixed_ip", "%.40q is not an IPv4 address", text)
	}
	return ip, nil
}
