package db

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// Together runs reads so that their queries travel to PostgreSQL together, on one connection: what each of them asks first
// in one round trip, what they ask next in another. A page that needs a dozen answers then waits about as long as for one.
// They are planned once and for all arguments, so they should be reads by keys.
//
// The reads run at the same time; each uses its own q, and one query after the other, as generated code does. A query
// that fails fails those that were asked after it. Together returns when all reads have, with the first error of any.
func Together(ctx context.Context, pool *pgxpool.Pool, reads ...func(ctx context.Context, q *Queries) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var group errgroup.Group
	asked := make(chan *question)
	for _, read := range reads {
		group.Go(func() error {
			defer func() { asked <- nil }()
			return read(ctx, New(asking(asked)))
		})
	}
	var broken error
	for running := len(reads); running > 0; {
		var round []*question
		for len(round) < running {
			if q := <-asked; q != nil {
				round = append(round, q)
			} else {
				running--
			}
		}
		if len(round) > 0 {
			broken = errors.Join(broken, answer(ctx, conn, round))
		}
	}
	return errors.Join(group.Wait(), broken)
}

// planOnce holds for one batch, which is one transaction. PostgreSQL plans a query anew each time as long as it takes the
// limit of a page for a tenth of all rows; for reads by keys that takes longer than the reading.
const planOnce = `select set_config('plan_cache_mode', 'force_generic_plan', true)`

// question is a query of one of the reads.
type question struct {
	sql      string
	args     []any
	answered chan reply
}

type reply struct {
	rows pgx.Rows
	err  error
}

// answer asks PostgreSQL everything at once, and lets one read after the other take its rows.
func answer(ctx context.Context, conn *pgxpool.Conn, round []*question) error {
	var batch pgx.Batch
	batch.Queue(planOnce)
	for _, q := range round {
		batch.Queue(q.sql, q.args...)
	}
	results := conn.SendBatch(ctx, &batch)
	if _, err := results.Exec(); err != nil {
		for _, q := range round {
			q.answered <- reply{err: err}
		}
		return errors.Join(err, results.Close())
	}
	for _, q := range round {
		rows, err := results.Query()
		if err != nil {
			q.answered <- reply{err: err}
			continue
		}
		taken := make(chan struct{})
		q.answered <- reply{rows: &lent{rows, taken}}
		<-taken
	}
	return results.Close()
}

// lent are rows whose end lets the next read have its own.
type lent struct {
	pgx.Rows
	taken chan struct{}
}

func (l *lent) Close() {
	l.Rows.Close()
	if l.taken != nil {
		close(l.taken)
		l.taken = nil
	}
}

// asking is the database of one of the reads.
type asking chan *question

func (a asking) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	q := &question{sql, args, make(chan reply)}
	a <- q
	r := <-q.answered
	return r.rows, r.err
}

func (a asking) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := a.Query(ctx, sql, args...)
	return one{rows, err}
}

func (a asking) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	rows, err := a.Query(ctx, sql, args...)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows.Close()
	return rows.CommandTag(), rows.Err()
}

// one is the first of some rows.
type one struct {
	rows pgx.Rows
	err  error
}

func (o one) Scan(dest ...any) error {
	if o.err != nil {
		return o.err
	}
	defer o.rows.Close()
	if !o.rows.Next() {
		if err := o.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := o.rows.Scan(dest...); err != nil {
		return err
	}
	o.rows.Close()
	return o.rows.Err()
}
