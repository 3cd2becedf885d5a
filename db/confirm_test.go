package db_test

import (
	"sync"
	"testing"
	"time"

	"qserve/db"
	"qserve/internal/stack/stacktest"
)

// A customer who moves to another router is confirmed by both, and nobody is confirmed for ever too late because the two
// did so at the same moment.
func TestActionOnTwoRouters_IsConfirmedAlsoWhenBothConfirmAtOnce(t *testing.T) {
	t.Parallel()
	pool, err := db.Open(t.Context(), stacktest.Database(t, migrate), 4)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(`insert into plans (name, rate, duration_count, duration_unit, price_minor, currency) values ('P', '1M/1M', 1, 'days', 1, 'KES')`)
	exec(`insert into routers (name, mode, api_address, api_plain) values ('A', 'local', 'a:1', true), ('B', 'local', 'b:1', true)`)
	exec(`insert into subscribers (account, name, router_id, username, password_sealed, plan_id, currency) values ('S', 'S', 1, 's', '\x00', 1, 'KES')`)
	exec(`insert into provisions (router_id, username, subscriber_id, state, wanted_at) values (1, 's', 1, 'disabled', now()), (2, 's', 1, 'disabled', now())`)
	for round := range 60 {
		exec(`update provisions set want_gen = want_gen + 1`)
		exec(`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at) values ('edit', 1, 'staff', 'applied', now(), now())`)
		exec(`insert into action_provisions select (select max(id) from actions), id, want_gen from provisions`)
		var both sync.WaitGroup
		for _, id := range []int64{1, 2} {
			both.Go(func() {
				_, err := db.ConfirmTogether(t.Context(), pool, id, []int64{id}, time.Now(), func(q *db.Queries) error {
					return q.ConfirmProvisions(t.Context(), db.ConfirmProvisionsParams{IDs: []int64{id}, Gens: []int64{int64(round) + 2}, Now: time.Now()})
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	}
	var left int
	if err := pool.QueryRow(t.Context(), `select count(*) from actions where state <> 'confirmed'`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d of 60 actions are not confirmed, %v", left, err)
	}
}
