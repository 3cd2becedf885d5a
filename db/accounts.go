package db

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	accounts, err := LockAccountsFacts(ctx, q, []int64{id})
	if err != nil {
		return LockedAccount{}, err
	}
	locked, ok := accounts[id]
	if !ok {
		return LockedAccount{}, fmt.Errorf("subscriber %d: %w", id, ErrNoAccount)
	}
	return locked, nil
}

// LockAccountsFacts does so for several accounts. Those that are gone are missing.
func LockAccountsFacts(ctx context.Context, q *Queries, ids []int64) (map[int64]LockedAccount, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := q.LockAccounts(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("lock subscribers %v: %w", ids, err)
	}
	accounts := make(map[int64]LockedAccount, len(rows))
	for _, row := range rows {
		accounts[row.Subscriber.ID] = LockedAccount{
			Account: Facts(row.Subscriber, row.Plan), DueAt: instant(row.Subscriber.DueAt),
		}
	}
	return accounts, nil
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
