package console

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// SplitPart is a part of a payment that was meant for several accounts.
type SplitPart struct {
	Account string `json:"account,omitempty" required:"false" maxLength:"64" example:"ACC-0042" doc:"Account number or id of the subscriber. One part may go without: it stays unallocated."`
	Amount  string `json:"amount" maxLength:"40" example:"1500.00" doc:"Decimal, in the currency of the payment."`
}

const (
	// maxParts is for how many accounts people pay in one sum.
	maxParts = 20
	// maxReceipt is how long the number of a part may be. Parts can be split themselves.
	maxReceipt = 250
)

// Split makes several payments of an unallocated one, which add up to it, and gives each to its account, where it counts at
// once. It returns the parts in the order in which they were given. Its errors are [*FieldError] where a part is wrong, and
// [*ConflictError] where the payment is not unallocated any more.
func (s *Service) Split(ctx context.Context, by By, payment int64, parts []SplitPart) ([]EnteredPayment, error) {
	q := db.New(s.Pool)
	whole, err := s.payment(ctx, q, payment)
	if err != nil {
		return nil, err
	}
	amounts, err := checkParts(whole.Payment.Money(), parts)
	if err != nil {
		return nil, err
	}
	actions := make([]*ActionView, len(parts))
	var ids []int64
	err = db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		on, err := s.payees(ctx, q, parts)
		if err != nil {
			return err
		}
		if again, err := s.splitBefore(ctx, q, by, payment, actions); again || err != nil {
			return err
		}
		if ids, err = s.split(ctx, q, by, payment, amounts, on); err != nil {
			return err
		}
		for i, id := range ids {
			if on[i] == nil {
				continue
			}
			d := draft{kind: "payment", arguments: db.PaymentArguments{PaymentID: id}}
			if _, err := s.tryOut(ctx, q, *on[i], d); err != nil {
				return ofPart(err, i)
			}
			given, err := s.accept(ctx, q, by.part(i), on[i].Subscriber.ID, d)
			if err != nil {
				return err
			}
			actions[i] = &given.ActionView
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if ids == nil {
		if ids, err = q.PartsOf(ctx, payment); err != nil {
			return nil, fmt.Errorf("read the parts of payment %d: %w", payment, err)
		}
	}
	entered := make([]EnteredPayment, len(ids))
	for i, id := range ids {
		if actions[i] != nil {
			s.Ring.RingAction(ctx, actions[i].ID, actions[i].Kind)
		}
		view, err := s.Payment(ctx, id)
		if err != nil {
			return nil, err
		}
		entered[i] = EnteredPayment{Payment: view, Action: actions[i]}
	}
	return entered, nil
}

func partField(i int, name string) string { return fmt.Sprintf("parts[%d].%s", i, name) }

// part names the order over one of several parts, so that repeating the request gives none of them twice.
func (by By) part(i int) By {
	if by.RequestKey != "" {
		by.RequestKey = fmt.Sprintf("%s part %d", by.RequestKey, i+1)
	}
	return by
}

// checkParts reads the amounts, which have to add up to the whole.
func checkParts(whole account.Money, parts []SplitPart) ([]int64, error) {
	if len(parts) < 2 || len(parts) > maxParts {
		return nil, bad("parts", "must be 2 to %d", maxParts)
	}
	left, bare := whole, false
	amounts := make([]int64, len(parts))
	for i, part := range parts {
		amount, err := account.ParseMoney(strings.TrimSpace(part.Amount), whole.Currency)
		switch {
		case err != nil:
			return nil, bad(partField(i, "amount"), "%v", err)
		case amount.Minor <= 0:
			return nil, bad(partField(i, "amount"), "must be more than zero")
		case amount.Minor > left.Minor:
			return nil, bad(partField(i, "amount"), "is more than is left of the payment: %s of %s", left, whole)
		case strings.TrimSpace(part.Account) == "" && bare:
			return nil, bad(partField(i, "account"), "is missing; only one part can stay unallocated")
		}
		bare = bare || strings.TrimSpace(part.Account) == ""
		amounts[i], left.Minor = amount.Minor, left.Minor-amount.Minor
	}
	if left.Minor > 0 {
		return nil, bad("parts", "must add up to %s; %s is in no part yet", whole, left)
	}
	return amounts, nil
}

// payees finds and locks the accounts of the parts; nil for the part that has none.
func (s *Service) payees(ctx context.Context, q *db.Queries, parts []SplitPart) ([]*subscriber, error) {
	all := make([]*subscriber, len(parts))
	var locked []*subscriber
	for i, part := range parts {
		if strings.TrimSpace(part.Account) == "" {
			continue
		}
		on, err := s.resolve(ctx, q, part.Account)
		if _, unknown := errors.AsType[*NotFoundError](err); unknown {
			return nil, bad(partField(i, "account"), "there is no account %.40q", part.Account)
		}
		if err != nil {
			return nil, err
		}
		for _, other := range locked {
			if other.Subscriber.ID == on.Subscriber.ID {
				return nil, bad(partField(i, "account"), "%s has a part already; put the two together", on.Subscriber.Account)
			}
		}
		all[i], locked = &on, append(locked, &on)
	}
	// Before the payment, as the workers lock them.
	return all, lockAccounts(ctx, q, locked...)
}

// splitBefore finds the orders that the same request has given before, and reports whether it has.
func (s *Service) splitBefore(ctx context.Context, q *db.Queries, by By, payment int64, actions []*ActionView) (bool, error) {
	again := false
	for i := range actions {
		view, ok, err := s.repeated(ctx, q, by.part(i))
		if err != nil {
			return false, err
		}
		if ok {
			again, actions[i] = true, &view
		}
	}
	if !again {
		return false, nil
	}
	ids, err := q.PartsOf(ctx, payment)
	if err != nil {
		return false, fmt.Errorf("read the parts of payment %d: %w", payment, err)
	}
	if len(ids) != len(actions) {
		return false, conflict("", "this request has split another payment, or otherwise; look at payment %d again", payment)
	}
	return true, nil
}

// split stores the parts of a payment in its place, and returns their ids.
func (s *Service) split(ctx context.Context, q *db.Queries, by By, payment int64, amounts []int64, on []*subscriber) ([]int64, error) {
	whole, err := s.lockUnallocated(ctx, q, payment)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(whole.TransactionID)+len("/20") > maxReceipt {
		return nil, conflict("", "payment %d was split so often that its receipt number grew too long", payment)
	}
	now := s.Clock.Now()
	if err := q.PaymentSplit(ctx, db.PaymentSplitParams{ID: payment, Now: now}); err != nil {
		return nil, fmt.Errorf("split payment %d: %w", payment, err)
	}
	params := db.InsertPartsParams{ID: payment, AmountsMinor: amounts}
	var texts []string
	sum := int64(0)
	for i, minor := range amounts {
		why := "part of a payment that was split, for nobody yet"
		if on[i] != nil {
			why = "part of a payment that was split, is being credited"
		}
		params.Unallocated = append(params.Unallocated, why)
		texts = append(texts, account.Money{Minor: minor, Currency: whole.Currency}.String())
		sum += minor
	}
	ids, err := q.InsertParts(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("store the parts of payment %d: %w", payment, err)
	}
	if sum != whole.AmountMinor || len(ids) != len(amounts) {
		return nil, fmt.Errorf("%d parts of payment %d add up to %d, not to %d", len(ids), payment, sum, whole.AmountMinor)
	}
	return ids, note(ctx, q, by, now, "split", fmt.Sprintf("payment %d", payment),
		fmt.Sprintf("Split %s into %s", whole.Money(), strings.Join(texts, ", ")), nil, nil)
}

// ofPart lets a conflict name the part that it is about.
func ofPart(err error, i int) error {
	if c, ok := errors.AsType[*ConflictError](err); ok && c.Field == "" {
		return conflict(partField(i, "account"), "%s", c.Problem)
	}
	return err
}
