package console

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// firstAccount is the account number of a provider's first subscriber, unless it is typed.
const firstAccount = "ACC-0001"

// numbered is an account number that can be counted on: what stands before its last digits, and those. Fifteen of them
// and one more still fit into an int64.
var numbered = regexp.MustCompile(`^(.*?)([0-9]{1,15})$`)

const (
	// newestAccounts is how many accounts are looked at for how the provider numbers them.
	newestAccounts = 20
	// accountsAtOnce and accountsMost bound the search for a number that is free.
	accountsAtOnce = 200
	accountsMost   = 20
)

// NextAccount makes an account number that nobody has: the newest one counted on, in its own form. Numbers that may have
// been those of deleted subscribers are left out, because payments for them may still come. It is not reserved. Its error
// is a [*FieldError] when none is found.
func (s *Service) NextAccount(ctx context.Context) (string, error) {
	q := db.New(s.Pool)
	prefix, width, next, err := countOn(ctx, q)
	if err != nil {
		return "", fmt.Errorf("make an account number: %w", err)
	}
	for range accountsMost {
		var candidates, keys []string
		for n := next; n < next+accountsAtOnce; n++ {
			candidate := fmt.Sprintf("%s%0*d", prefix, width, n)
			candidates, keys = append(candidates, candidate), append(keys, account.NormalizeReference(candidate))
		}
		taken, err := q.TakenAccountKeys(ctx, keys)
		if err != nil {
			return "", fmt.Errorf("look which account numbers are taken: %w", err)
		}
		for i, key := range keys {
			if !slices.Contains(taken, key) {
				return candidates[i], nil
			}
		}
		next += accountsAtOnce
	}
	return "", bad("account", "cannot be made, because the %d numbers after the newest account are taken; type one", accountsAtOnce*accountsMost)
}

// countOn finds out how the provider numbers accounts, and with which number to go on: as many numbers after the newest
// account as subscribers came after it.
func countOn(ctx context.Context, q *db.Queries) (prefix string, width int, next int64, err error) {
	newest, err := q.NewestAccounts(ctx, newestAccounts)
	if err != nil {
		return "", 0, 0, fmt.Errorf("read the newest accounts: %w", err)
	}
	last, err := q.LastSubscriberID(ctx)
	if err != nil {
		return "", 0, 0, fmt.Errorf("read the number of the newest subscriber: %w", err)
	}
	found := false
	for _, row := range newest {
		parts := numbered.FindStringSubmatch(row.Account)
		if parts == nil || (found && parts[1] != prefix) {
			continue
		}
		n, err := strconv.ParseInt(parts[2], 10, 64)
		if err != nil {
			continue
		}
		prefix, width, found = parts[1], max(width, len(parts[2])), true
		next = max(next, n+1+last-row.ID)
	}
	if !found {
		parts := numbered.FindStringSubmatch(firstAccount)
		return parts[1], len(parts[2]), 1 + last, nil
	}
	return prefix, width, next, nil
}

// SubscriberByID returns a subscriber whose account number is not known, without the connection. What is not there is a
// [*NotFoundError].
func (s *Service) SubscriberByID(ctx context.Context, id int64) (SubscriberView, error) {
	row, err := db.New(s.Pool).FindOne(ctx, db.FindOneParams{ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return SubscriberView{}, missing("subscriber %d", id)
	}
	if err != nil {
		return SubscriberView{}, fmt.Errorf("read subscriber %d: %w", id, err)
	}
	return viewSubscriber(row.Subscriber, row.Plan.Name, row.Router, row.NextPlan, s.Clock.Now()), nil
}
