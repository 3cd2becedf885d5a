package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qserve/account"
)

// Facts turns a subscriber's row, its plan's and that of its scheduled plan (nil: none) into what the rules work with.
func Facts(s Subscriber, p Plan, next *Plan) account.Account {
	a := account.Account{
		ID:            s.ID,
		Number:        s.Account,
		RouterID:      s.RouterID,
		Username:      s.Username,
		CredentialGen: s.CredentialGen,
		Contact:       account.Contact{Name: s.Name, Phone: s.Phone, Email: s.Email, Address: s.Address},
		Pinned:        s.PinnedNote,
		Revision:      s.Revision,
		Plan:          p.Facts(),
		ExpiresAt:     instant(s.ExpiresAt),
		GraceUntil:    instant(s.GraceUntil),
		Balance:       account.Money{Minor: s.BalanceMinor, Currency: s.Currency},
		DueAt:         instant(s.DueAt),
	}
	if next != nil {
		a.Next = &account.NextPlan{Plan: next.Facts(), At: instant(s.NextPlanAt)}
	}
	if s.FixedAddress != nil {
		a.Address = s.FixedAddress.String()
	}
	if s.AnchorDay != nil {
		a.AnchorDay = int(*s.AnchorDay)
	}
	if s.SuspendedAt != nil && s.SuspensionCategory != nil {
		a.Suspension = &account.Suspension{
			Category:       account.Category(*s.SuspensionCategory),
			Reason:         s.SuspensionReason,
			Since:          s.SuspendedAt.UTC(),
			ClockStoppedAt: instant(s.ClockStoppedAt),
			Until:          instant(s.SuspendedUntil),
		}
	}
	return a
}

// Facts is the plan as the rules know it.
func (p Plan) Facts() account.Plan {
	return account.Plan{
		ID:         p.ID,
		Name:       p.Name,
		Rate:       account.Rate(p.Rate),
		Duration:   account.Duration{Count: int(p.DurationCount), Unit: account.Unit(p.DurationUnit)},
		Price:      account.Money{Minor: p.PriceMinor, Currency: p.Currency},
		OnExpiry:   account.Policy(p.OnExpiry),
		GardenRate: account.Rate(p.GardenRate),
		Pool:       p.Pool,
	}
}

// ErrNoAccount means that no subscriber has that id (any more).
var ErrNoAccount = errors.New("no such subscriber")

// LockAccountFacts reads an account for a command and locks it, so that nobody else changes it until the transaction
// ends. It returns [ErrNoAccount] when it is gone.
func LockAccountFacts(ctx context.Context, q *Queries, id int64) (account.Account, error) {
	accounts, err := LockAccountsFacts(ctx, q, []int64{id})
	if err != nil {
		return account.Account{}, err
	}
	locked, ok := accounts[id]
	if !ok {
		return account.Account{}, fmt.Errorf("subscriber %d: %w", id, ErrNoAccount)
	}
	return locked, nil
}

// LockAccountsFacts does so for several accounts. Those that are gone are missing.
func LockAccountsFacts(ctx context.Context, q *Queries, ids []int64) (map[int64]account.Account, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := q.LockAccounts(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("lock subscribers %v: %w", ids, err)
	}
	return factsOf(ctx, q, rows)
}

// NextPlan reads the plan that is scheduled for a subscriber; nil when none is.
func NextPlan(ctx context.Context, q *Queries, s Subscriber) (*Plan, error) {
	if s.NextPlanID == nil {
		return nil, nil
	}
	plans, err := q.PlansByID(ctx, []int64{*s.NextPlanID})
	if err != nil || len(plans) != 1 {
		return nil, fmt.Errorf("read the scheduled plan of subscriber %d: %w", s.ID, err)
	}
	return &plans[0], nil
}

// LockDueFacts reads and locks up to most accounts of a router whose due time has come, other than one that is held
// already. Those that somebody else holds are left to them.
func LockDueFacts(ctx context.Context, q *Queries, now time.Time, router, beside int64, most int32) (map[int64]account.Account, error) {
	due, err := q.LockDueAccounts(ctx, LockDueAccountsParams{Now: now, RouterID: router, Beside: beside, Most: most})
	if err != nil {
		return nil, fmt.Errorf("lock subscribers that are due: %w", err)
	}
	rows := make([]LockAccountsRow, len(due))
	for i, row := range due {
		rows[i] = LockAccountsRow(row)
	}
	return factsOf(ctx, q, rows)
}

// factsOf adds the scheduled plans to locked rows; few accounts have one.
func factsOf(ctx context.Context, q *Queries, rows []LockAccountsRow) (map[int64]account.Account, error) {
	var scheduled []int64
	for _, row := range rows {
		if row.Subscriber.NextPlanID != nil {
			scheduled = append(scheduled, *row.Subscriber.NextPlanID)
		}
	}
	plans := map[int64]*Plan{}
	if len(scheduled) > 0 {
		found, err := q.PlansByID(ctx, scheduled)
		if err != nil {
			return nil, fmt.Errorf("read scheduled plans: %w", err)
		}
		for _, p := range found {
			plans[p.ID] = &p
		}
	}
	accounts := make(map[int64]account.Account, len(rows))
	for _, row := range rows {
		var next *Plan
		if id := row.Subscriber.NextPlanID; id != nil {
			next = plans[*id]
		}
		accounts[row.Subscriber.ID] = Facts(row.Subscriber, row.Plan, next)
	}
	return accounts, nil
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
