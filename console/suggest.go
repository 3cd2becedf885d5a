package console

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"qserve/db"
	"qserve/internal/phone"
)

// Suggestion is a subscriber whose an unallocated payment may be.
type Suggestion struct {
	Subscriber SubscriberView `json:"subscriber"`
	Why        string         `json:"why" example:"the payer has paid for this account before; the account number differs from the reference by one character" doc:"What speaks for it, the strongest first."`
}

const (
	// maxSuggestions is how many a person compares at a glance.
	maxSuggestions = 5
	// maxNewest is how many account numbers are looked at for how they begin.
	maxNewest = 20
)

// The reasons, with what each is worth.
var (
	sameNumber   = reason{12, "the reference names this account number"}
	samePhone    = reason{12, "the reference is this subscriber's phone number"}
	sameUsername = reason{10, "the reference is this PPPoE user name"}
	payersOwn    = reason{6, "the payer's phone number is this subscriber's"}
	paidBefore   = reason{5, "the payer has paid for this account before"}
)

type reason struct {
	worth int
	text  string
}

// Suggestions says whose an unallocated payment may be, the likeliest first. A payment that is not unallocated is a
// [*ConflictError].
func (s *Service) Suggestions(ctx context.Context, payment int64) ([]Suggestion, error) {
	q := db.New(s.Pool)
	row, err := s.payment(ctx, q, payment)
	if err != nil {
		return nil, err
	}
	p := row.Payment
	if view := viewPayment(p, row.Account); view.Status != paymentUnallocated {
		return nil, conflict("", "payment %d is %s, so it waits for no account", payment, view.Status)
	}
	why := map[int64][]reason{}
	if err := s.byReference(ctx, q, p, why); err != nil {
		return nil, err
	}
	if p.PayerKey != nil {
		before, err := q.PaidBefore(ctx, db.PaidBeforeParams{PayerKey: *p.PayerKey, Most: maxSuggestions})
		if err != nil {
			return nil, fmt.Errorf("look whom the payer of payment %d has paid for: %w", payment, err)
		}
		for _, b := range before {
			why[b.SubscriberID] = append(why[b.SubscriberID], paidBefore)
		}
	}
	return s.suggest(ctx, q, why)
}

// byReference looks up everybody whom the reference or the payer's phone may mean.
func (s *Service) byReference(ctx context.Context, q *db.Queries, p db.Payment, why map[int64][]reason) error {
	reference := strings.TrimSpace(p.Reference)
	lately, err := q.AccountKeysLately(ctx, maxNewest)
	if err != nil {
		return fmt.Errorf("read the newest account numbers: %w", err)
	}
	alike := map[string]reason{}
	for _, key := range keysIn(reference) {
		for candidate, because := range similar(key, beginnings(lately)) {
			if alike[candidate].worth < because.worth {
				alike[candidate] = because
			}
		}
	}
	same, err := q.AccountsAmong(ctx, slices.Collect(maps.Keys(alike)))
	if err != nil {
		return fmt.Errorf("look for account numbers like that of payment %d: %w", p.ID, err)
	}
	for _, row := range same {
		why[row.ID] = append(why[row.ID], alike[row.Key])
	}
	wanted := db.FindAccountsParams{AccountKeys: []string{}, Phones: []string{}, Usernames: []string{}, PhoneHashes: []string{}}
	if typed, ok := phone.E164(reference, s.Region); ok {
		wanted.Phones = append(wanted.Phones, typed)
	}
	if reference != "" {
		wanted.Usernames = append(wanted.Usernames, reference, strings.ToLower(reference))
	}
	if p.PayerKey != nil {
		wanted.PhoneHashes = append(wanted.PhoneHashes, *p.PayerKey)
	}
	rows, err := q.FindAccounts(ctx, wanted)
	if err != nil {
		return fmt.Errorf("look for the account of payment %d: %w", p.ID, err)
	}
	for _, row := range rows {
		because := map[int32]reason{2: samePhone, 3: sameUsername, 4: payersOwn}[row.Rank]
		if !slices.Contains(why[row.ID], because) {
			why[row.ID] = append(why[row.ID], because)
		}
	}
	return nil
}

// suggest shows those for whom most speaks.
func (s *Service) suggest(ctx context.Context, q *db.Queries, why map[int64][]reason) ([]Suggestion, error) {
	worth := map[int64]int{}
	var ids []int64
	for id, reasons := range why {
		slices.SortStableFunc(reasons, func(a, b reason) int { return b.worth - a.worth })
		for _, r := range reasons {
			worth[id] += r.worth
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b int64) int { return cmp.Or(worth[b]-worth[a], cmp.Compare(a, b)) })
	ids = ids[:min(len(ids), maxSuggestions)]
	suggestions := make([]Suggestion, 0, len(ids))
	if len(ids) == 0 {
		return suggestions, nil
	}
	rows, err := q.SubscribersByID(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read the suggested subscribers: %w", err)
	}
	now := s.Clock.Now()
	for _, row := range rows {
		var texts []string
		for _, r := range why[row.Subscriber.ID] {
			texts = append(texts, r.text)
		}
		suggestions = append(suggestions, Suggestion{
			Subscriber: viewSubscriber(row.Subscriber, row.Plan, row.Router, row.NextPlan, now), Why: strings.Join(texts, "; "),
		})
	}
	slices.SortFunc(suggestions, func(a, b Suggestion) int {
		return slices.Index(ids, a.Subscriber.ID) - slices.Index(ids, b.Subscriber.ID)
	})
	return suggestions, nil
}
