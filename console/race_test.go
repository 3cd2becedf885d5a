package console_test

import (
	"fmt"
	"sync"
	"testing"

	"qserve/console"
)

// race does things at once, and returns how many of them won; the others must have lost by a conflict.
func race(t *testing.T, do ...func() error) (won int) {
	t.Helper()
	var wait sync.WaitGroup
	errs := make([]error, len(do))
	for i, f := range do {
		wait.Go(func() { errs[i] = f() })
	}
	wait.Wait()
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		conflictOf(t, err)
	}
	return won
}

func TestTwoWhoWantOnePaymentAtOnce_OneHasIt(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.john()
	ctx := t.Context()
	for round := range 6 {
		receipt := "FT" + string(rune('A'+round))
		id := o.lost("100", receipt)
		split := func() error {
			_, err := o.Split(ctx, clerk, id, []console.SplitPart{{Account: "ACC-0042", Amount: "40"}, {Account: "ACC-0043", Amount: "60"}})
			return err
		}
		allocate := func(to string) func() error {
			return func() error { _, err := o.Allocate(ctx, clerk, id, to); return err }
		}
		reverse := func() error { _, err := o.ReversePayment(ctx, clerk, id, "x"); return err }
		for name, both := range map[string][]func() error{
			"split, split": {split, split}, "split, allocate": {split, allocate("ACC-0042")}, "allocate, allocate": {allocate("ACC-0042"), allocate("ACC-0043")},
			"allocate, reverse": {allocate("ACC-0043"), reverse}, "split, reverse": {split, reverse},
		} {
			id = o.lost("100", receipt+name)
			if won := race(t, both...); won != 1 {
				t.Errorf("%s: %d won", name, won)
			}
			for action, how := range o.work() {
				if how != "applied" {
					t.Errorf("%s: action %d: %s", name, action, how)
				}
			}
		}
		credited := o.lost("100", receipt+"credited")
		id = credited
		if err := allocate("ACC-0042")(); err != nil {
			t.Fatal(err)
		}
		o.work()
		unallocate := func() error { _, err := o.Unallocate(ctx, clerk, credited, "x"); return err }
		if won := race(t, unallocate, reverse); won != 1 {
			t.Errorf("unallocate, reverse: %d won", won)
		}
		o.work()
	}
	var in, out string
	if err := o.pool.QueryRow(ctx, `select coalesce(sum(amount_minor) filter (where subscriber_id is not null and reversed_at is null), 0)::text,
		(select sum(amount_minor)::text from ledger_entries where kind in ('payment', 'reversal')) from payments`).Scan(&in, &out); err != nil || in != out {
		t.Errorf("%s were credited, and the ledgers have %s, %v", in, out, err)
	}
}

func TestWorkerAndSplitAtOnce_DoNotHoldEachOtherUp(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.john()
	for n := range 10 {
		id := o.lost("100", fmt.Sprintf("FT%d", n))
		if _, err := o.Allocate(t.Context(), clerk, id, "ACC-0042"); err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		wait.Go(func() {
			_, err := o.Split(t.Context(), clerk, id, []console.SplitPart{{Account: "ACC-0042", Amount: "40"}, {Account: "ACC-0043", Amount: "60"}})
			conflictOf(t, err)
		})
		o.work()
		wait.Wait()
	}
	var dead int
	if err := o.pool.QueryRow(t.Context(), "select deadlocks from pg_stat_database where datname = current_database()").Scan(&dead); err != nil || dead != 0 {
		t.Errorf("%d deadlocks, %v", dead, err)
	}
}
