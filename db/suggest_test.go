package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

func TestOrdersOverMoneyAndSuggestions_ReadNoBigTableWhole(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	fill(b)
	conn, err := pgx.Connect(t.Context(), b.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range []string{
		`set session_replication_role = replica`,
		`update payments set payer_phone = '+2547' || 10000000 + id / 3 where id % 2 = 0`,
		`update payments set subscriber_id = null, split_at = now() where id % 100 = 0`,
		`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, subscriber_id, split_of)
			select provider, merchant, transaction_id || '/' || n, 1, currency, occurred_at, received_at, 2 + n, id
			from payments, generate_series(1, 2) n where split_at is not null`,
		`analyze payments`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf("N%d", i))
	}
	for name, run := range map[string]func(ctx context.Context, q *db.Queries) error{
		"PaidBefore": func(ctx context.Context, q *db.Queries) error {
			_, err := q.PaidBefore(ctx, db.PaidBeforeParams{PayerKey: "5d41402abc4b2a76b9719d911017c592", Most: 5})
			return err
		},
		"AccountsAmong": func(ctx context.Context, q *db.Queries) error {
			_, err := q.AccountsAmong(ctx, many)
			return err
		},
		"AccountKeysLately": func(ctx context.Context, q *db.Queries) error {
			_, err := q.AccountKeysLately(ctx, 20)
			return err
		},
		"SubscribersByID": func(ctx context.Context, q *db.Queries) error {
			_, err := q.SubscribersByID(ctx, []int64{7, 8})
			return err
		},
		"MoneyOrderWaits": func(ctx context.Context, q *db.Queries) error {
			_, err := q.MoneyOrderWaits(ctx, 77)
			return err
		},
		"UndoneAction": func(ctx context.Context, q *db.Queries) error {
			_, err := q.UndoneAction(ctx, db.UndoneActionParams{ID: 77})
			return err
		},
		"PartsOf": func(ctx context.Context, q *db.Queries) error {
			_, err := q.PartsOf(ctx, 100)
			return err
		},
		"ForgetPayers": func(ctx context.Context, q *db.Queries) error { return q.ForgetPayers(ctx, 77) },
		"ForgetSplit": func(ctx context.Context, q *db.Queries) error {
			_, err := q.ForgetSplit(ctx, []int64{100})
			return err
		},
		"AllPayments, of a receipt": func(ctx context.Context, q *db.Queries) error {
			_, err := q.AllPayments(ctx, db.AllPaymentsParams{Before: 1 << 40, Receipts: []string{"100"}, ReferenceKey: "100", Most: 50})
			return err
		},
		"AllPayments, that were split": func(ctx context.Context, q *db.Queries) error {
			_, err := q.AllPayments(ctx, db.AllPaymentsParams{Before: 1 << 40, Status: "split", Receipts: []string{}, Most: 50})
			return err
		},
	} {
		p := &planner{pool: b.pool}
		if err := run(t.Context(), db.New(p)); !errors.Is(err, errExplained) {
			t.Fatalf("%s: %v", name, err)
		}
		for _, step := range p.plans[0].all() {
			if step.Type == "Seq Scan" && slices.Contains(bigTables, step.Relation) {
				t.Errorf("%s reads %s whole", name, step.Relation)
			}
		}
	}
}
