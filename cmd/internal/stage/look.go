package stage

import (
	"context"
	"fmt"
	"time"

	"qserve/internal/clock"
)

// A condition in the database is looked at every lookFirst at the beginning, and up to lookLast apart when it lasts: a
// look costs the database something.
const lookFirst, lookLast = 3 * time.Millisecond, 100 * time.Millisecond

// Until waits until look, asked again and again, says yes.
func Until(ctx context.Context, what string, look func(ctx context.Context) (bool, error)) error {
	var c clock.System
	for pause := lookFirst; ; pause = min(pause*11/10, lookLast) {
		yes, err := look(ctx)
		if err == nil && yes {
			return nil
		}
		if ended := c.WaitUntil(ctx, c.Now().Add(pause)); ended != nil {
			if err != nil {
				ended = err
			}
			return fmt.Errorf("waiting until %s: %w", what, ended)
		}
	}
}

// Number returns the single number that a query yields.
func (s *Stage) Number(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	err := s.Pool.QueryRow(ctx, query, args...).Scan(&n)
	return n, err
}

// UntilNumber waits until a query yields the number.
func (s *Stage) UntilNumber(ctx context.Context, what string, want int64, query string, args ...any) error {
	var last int64
	err := Until(ctx, what, func(ctx context.Context) (bool, error) {
		n, err := s.Number(ctx, query, args...)
		last = n
		return n == want, err
	})
	if err != nil {
		return fmt.Errorf("%w (it is %d, not %d)", err, last, want)
	}
	return nil
}

// UntilConfirmed waits until every router has confirmed everything that is wanted of it.
func (s *Stage) UntilConfirmed(ctx context.Context) error {
	return s.UntilNumber(ctx, "every router has confirmed everything", 0,
		`select count(*) from provisions where done_gen < want_gen`)
}

// UntilProcessed waits until no delivery is left.
func (s *Stage) UntilProcessed(ctx context.Context) error {
	return s.UntilNumber(ctx, "every delivery is processed", 0, `select count(*) from deliveries where processed_at is null`)
}

// UntilPaymentConfirmed waits until the payment with that receipt has been applied and confirmed by its router, and
// returns how long it took from the moment it was accepted.
func (s *Stage) UntilPaymentConfirmed(ctx context.Context, receipt string) (time.Duration, error) {
	var took time.Duration
	err := Until(ctx, "payment "+receipt+" is confirmed", func(ctx context.Context) (bool, error) {
		rows, err := s.Pool.Query(ctx, `select confirmed_at - accepted_at from actions a
			join ledger_entries l on l.action_id = a.id join payments p on p.id = l.payment_id
			where p.transaction_id = $1 and a.state = 'confirmed'`, receipt)
		if err != nil {
			return false, err
		}
		defer rows.Close()
		if !rows.Next() {
			return false, rows.Err()
		}
		return true, rows.Scan(&took)
	})
	return took, err
}
