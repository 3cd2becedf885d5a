package db_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

func TestSavedChange_IsReadBackAsItWasDecided(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	before := b.facts(b.jane)
	saved := b.pay("SKL7XQ2B1M", 160_000, noon)
	want, err := account.Apply(before, account.Pay{
		Amount: account.Money{Minor: 160_000, Currency: "KES"}, Receipt: "SKL7XQ2B1M",
	}, noon, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Account, b.facts(b.jane)); diff != "" {
		t.Errorf("facts (-decided +stored):\n%s", diff)
	}
	p := b.provision("jane")
	if diff := cmp.Diff(db.Saved{
		SubscriberID: b.jane, ActionID: saved.ActionID, Routers: []int64{b.router}, DueAt: noon.AddDate(0, 1, 0),
	}, saved); diff != "" {
		t.Errorf("what is left to do (-want +got):\n%s", diff)
	}
	due, err := b.q.DueAccounts(t.Context(), db.DueAccountsParams{Until: noon.AddDate(0, 1, 0), Most: 10})
	if err != nil || len(due) != 1 || due[0].ID != b.jane || !due[0].DueAt.Equal(noon.AddDate(0, 1, 0)) {
		t.Errorf("due accounts %+v, %v", due, err)
	}
	if p.WantGen != 1 || p.DoneGen != 0 || b.state(saved.ActionID) != "applied" {
		t.Errorf("provision %+v, action %s", p, b.state(saved.ActionID))
	}
	lines, err := b.q.ActivityPage(t.Context(), db.ActivityPageParams{SubscriberID: b.jane, Before: math.MaxInt64, Kinds: []string{}, Most: 10})
	if err != nil || len(lines) != 1 || lines[0].Activity.Summary != want.Activity[0].Summary || *lines[0].Activity.ActionID != saved.ActionID {
		t.Errorf("activity %+v, %v", lines, err)
	}

	b.must(b.jane, account.Suspend{Category: account.Equipment, Reason: "stolen"}, db.Deed{Kind: "suspend", Actor: "x", AcceptedAt: noon}, noon)
	suspended := b.facts(b.jane)
	if diff := cmp.Diff(&account.Suspension{Category: account.Equipment, Reason: "stolen", Since: noon}, suspended.Suspension); diff != "" {
		t.Errorf("suspension (-decided +stored):\n%s", diff)
	}
	b.must(b.jane, account.Reconnect{}, db.Deed{Kind: "reconnect", Actor: "x", AcceptedAt: noon}, noon)
	if got := b.facts(b.jane); got.Suspension != nil {
		t.Errorf("still suspended: %+v", got.Suspension)
	}
}

func TestLockAccountFacts_OfNobodyIsErrNoAccount(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	err := db.InTx(t.Context(), b.pool, func(_ pgx.Tx, q *db.Queries) error {
		_, err := db.LockAccountFacts(t.Context(), q, b.jane+1)
		return err
	})
	if !errors.Is(err, db.ErrNoAccount) {
		t.Errorf("got %v", err)
	}
}

func TestChangeThatFailsAnywhere_IsNotStoredAtAll(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.pay("first", 150_000, noon)
	spent := b.id("select payment_id from ledger_entries where payment_id is not null")
	fresh := b.payment("second", 150_000)
	waiting := b.id(`insert into actions (kind, subscriber_id, actor, state, accepted_at) values ('suspend', $1, 'x', 'accepted', $2)
		returning id`, b.jane, noon)
	before := b.counts()
	pay := account.Pay{Amount: account.Money{Minor: 150_000, Currency: "KES"}}
	failed := errors.New("no")
	none := func(*db.Queries) error { return nil }
	for name, c := range map[string]struct {
		cmd  account.Command
		deed db.Deed
		then func(*db.Queries) error
	}{
		"a payment that is credited already":           {pay, db.Deed{Kind: "payment", Actor: "x", PaymentID: spent}, none},
		"a payment that is not there":                  {pay, db.Deed{Kind: "payment", Actor: "x"}, none},
		"an action of no known kind":                   {pay, db.Deed{Kind: "explode", Actor: "x", PaymentID: fresh}, none},
		"an action without an actor":                   {pay, db.Deed{Kind: "payment", PaymentID: fresh}, none},
		"a done-mark that fails before it is sent":     {pay, db.Deed{Kind: "payment", Actor: "x", PaymentID: fresh}, func(*db.Queries) error { return failed }},
		"a done-mark that the database refuses":        {pay, db.Deed{Kind: "payment", Actor: "x", PaymentID: fresh}, badMark(t.Context())},
		"a done-mark refused for an action that waits": {account.Suspend{Category: account.Other}, db.Deed{Kind: "suspend", Actor: "x", ActionID: waiting}, badMark(t.Context())},
	} {
		c.deed.AcceptedAt = noon
		saved, err := b.do(b.jane, c.cmd, c.deed, noon, c.then)
		if err == nil || !cmp.Equal(saved, db.Saved{}) {
			t.Errorf("%s: stored as %+v", name, saved)
		}
		if diff := cmp.Diff(before, b.counts()); diff != "" {
			t.Errorf("%s left something behind (-before +after):\n%s", name, diff)
		}
	}
	if got := b.state(waiting); got != "accepted" {
		t.Errorf("the action that waits is %s", got)
	}
}

// badMark is a done-mark that only the server can find wrong.
func badMark(ctx context.Context) func(q *db.Queries) error {
	return func(q *db.Queries) error {
		return q.LinkActions(ctx, db.LinkActionsParams{ActionIDs: []int64{-1}, ProvisionIDs: []int64{-1}, Gens: []int64{1}})
	}
}

func TestDoneMark_IsStoredWithTheChange(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	delivery := b.id(`insert into deliveries (source_id, delivery_key, digest, body, received_at)
		values ($1, 'k', sha256('x'), '', $2) returning id`, b.source, noon)
	b.must(b.jane, account.Open{}, db.Deed{Kind: "create", Actor: "x", AcceptedAt: noon}, noon, func(q *db.Queries) error {
		return q.FinishDeliveries(t.Context(), db.FinishDeliveriesParams{
			IDs: []int64{delivery}, States: []string{"processed"}, Problems: []string{""}, Repeats: []string{""}, Now: noon,
		})
	})
	if n, err := b.q.CountWaitingDeliveries(t.Context()); err != nil || n != 0 {
		t.Errorf("%d deliveries wait, %v", n, err)
	}
}

func TestPipeline_TakesOnlyStatementsWithoutRows(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	for name, use := range map[string]func(q *db.Queries) error{
		"rows": func(q *db.Queries) error { _, err := q.ListPlans(t.Context()); return err },
		"row":  func(q *db.Queries) error { _, err := q.PlanByName(t.Context(), "Home 10"); return err },
	} {
		err := db.InTx(t.Context(), b.pool, func(tx pgx.Tx, _ *db.Queries) error { return db.Pipelined(t.Context(), tx, use) })
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	none := func(*db.Queries) error { return nil }
	if err := db.InTx(t.Context(), b.pool, func(tx pgx.Tx, _ *db.Queries) error { return db.Pipelined(t.Context(), tx, none) }); err != nil {
		t.Errorf("nothing to send: %v", err)
	}
}

func TestWantedGeneration_GrowsOnlyWhenTheRouterHasToChange(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	type want struct {
		subscriber                       int64
		state, rate, pool, address, list string
		credentialGen                    int64
		at                               time.Time
	}
	line := want{subscriber: b.jane, state: "enabled", rate: "5M/10M", pool: "homes", address: "10.1.2.3", credentialGen: 1, at: noon}
	wanted := func(w want) int64 {
		t.Helper()
		if _, err := b.q.WantLines(t.Context(), db.WantLinesParams{
			RouterIDs: []int64{b.router}, Usernames: []string{"jane"}, SubscriberIDs: []int64{w.subscriber},
			States: []string{w.state}, Rates: []string{w.rate}, Pools: []string{w.pool}, Addresses: []string{w.address},
			AddressLists:   []string{w.list},
			CredentialGens: []int64{w.credentialGen}, Now: w.at,
		}); err != nil {
			t.Fatal(err)
		}
		return b.provision("jane").WantGen
	}
	if gen := wanted(line); gen != 1 {
		t.Fatalf("first generation %d", gen)
	}
	later := line
	later.at = noon.Add(time.Hour)
	if gen := wanted(later); gen != 1 {
		t.Errorf("wanted again an hour later: generation %d", gen)
	}
	john := b.subscriber("ACC-0043", "john", "")
	gen := int64(1)
	for name, change := range map[string]func(*want){
		"state":      func(w *want) { w.state = "disabled" },
		"rate":       func(w *want) { w.rate = "5M/20M" },
		"pool":       func(w *want) { w.pool = "" },
		"address":    func(w *want) { w.address = "" },
		"list":       func(w *want) { w.list = account.GardenList },
		"password":   func(w *want) { w.credentialGen = 2 },
		"subscriber": func(w *want) { w.subscriber = john },
		"nobody":     func(w *want) { w.state, w.subscriber = "absent", 0 },
	} {
		b.exec("update provisions set attempts = 3, next_try_at = $1", noon)
		other := line
		change(&other)
		if got := wanted(other); got != gen+1 {
			t.Errorf("another %s: generation %d, want %d", name, got, gen+1)
		}
		if n := b.id("select attempts from provisions where next_try_at is null"); n != 0 {
			t.Errorf("another %s: is tried only after the backoff of what was wanted before", name)
		}
		if got := wanted(other); got != gen+1 {
			t.Errorf("the same %s again: generation %d, want %d", name, got, gen+1)
		}
		gen = wanted(line)
	}
}

func TestAction_IsConfirmedWhenEveryLineItTouchedHasReachedItsGeneration(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	paid := b.pay("first", 150_000, noon).ActionID
	jane := b.provision("jane")
	// As after a new user name: the action touches the old line too.
	old := b.id(`insert into provisions (router_id, username, state, wanted_at) values ($1, 'jane.old', 'absent', $2) returning id`, b.router, noon)
	if err := b.q.LinkActions(t.Context(), db.LinkActionsParams{
		ActionIDs: []int64{paid}, ProvisionIDs: []int64{old}, Gens: []int64{1},
	}); err != nil {
		t.Fatal(err)
	}
	cut := b.must(b.jane, account.Suspend{Category: account.Other}, db.Deed{Kind: "suspend", Actor: "x", AcceptedAt: noon}, noon).ActionID

	if got := b.confirm(jane.ID, 1); len(got) != 0 {
		t.Errorf("confirmed with the old line still on the router: %v", got)
	}
	if diff := cmp.Diff([]int64{paid}, b.confirm(old, 1)); diff != "" {
		t.Errorf("first generation of both (-want +got):\n%s", diff)
	}
	if got := b.state(cut); got != "applied" {
		t.Errorf("the suspension, of generation 2, is %s", got)
	}
	if diff := cmp.Diff([]int64{cut}, b.confirm(jane.ID, 2)); diff != "" {
		t.Errorf("second generation (-want +got):\n%s", diff)
	}
	if got := b.confirm(jane.ID, 2); len(got) != 0 {
		t.Errorf("confirmed twice: %v", got)
	}
	// A slow worker that reports an older generation takes nothing back.
	b.confirm(jane.ID, 1)
	if p := b.provision("jane"); p.DoneGen != 2 {
		t.Errorf("generation %d is done, want 2", p.DoneGen)
	}
}

func TestActionThatAsksNothingOfTheRouter_IsConfirmedAtOnce(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	first := b.pay("first", 150_000, noon)
	second := b.pay("second", 150_000, noon)
	if !slices.Equal(second.Routers, []int64{b.router}) || b.state(second.ActionID) != "applied" {
		t.Errorf("before the router confirmed the first: routers %v, %s", second.Routers, b.state(second.ActionID))
	}
	if diff := cmp.Diff(2, len(b.confirm(b.provision("jane").ID, 1))); diff != "" {
		t.Errorf("the router confirmed both (-want +got):\n%s", diff)
	}
	third := b.pay("third", 150_000, noon)
	if len(third.Routers) != 0 || b.state(third.ActionID) != "confirmed" {
		t.Errorf("after that: routers %v, %s", third.Routers, b.state(third.ActionID))
	}
	if got := b.state(first.ActionID); got != "confirmed" {
		t.Errorf("the first is %s", got)
	}
}

// A router confirms a line at the moment at which an action that changes nothing of it is being stored. Neither may miss
// the other, or the action would wait for ever.
func TestActionStoredWhileTheRouterConfirms_IsConfirmedToo(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	ctx := t.Context()
	b.pay("first", 150_000, noon)
	line := b.provision("jane")
	payment := b.payment("second", 150_000)
	confirmed := make(chan error, 1)
	var action int64
	err := db.InTx(ctx, b.pool, func(tx pgx.Tx, q *db.Queries) error {
		locked, err := db.LockAccountFacts(ctx, q, b.jane)
		if err != nil {
			return err
		}
		change, err := account.Apply(locked, account.Pay{Amount: account.Money{Minor: 150_000, Currency: "KES"}}, noon, time.UTC)
		if err != nil {
			return err
		}
		saved, err := db.SaveChange(ctx, tx, db.Deed{Change: change, Kind: "payment", Actor: "x", AcceptedAt: noon, PaymentID: payment}, noon)
		if err != nil {
			return err
		}
		action = saved.ActionID
		go func() {
			_, err := confirm(ctx, b.pool, line.ID, line.WantGen)
			confirmed <- err
		}()
		// The confirmation must be waiting for this transaction, or be over.
		for len(confirmed) == 0 {
			var waits bool
			err := b.pool.QueryRow(ctx, `select exists (select 1 from pg_stat_activity
				where datname = current_database() and wait_event_type = 'Lock' and query like '%ConfirmProvisions%')`).Scan(&waits)
			if err != nil || waits {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-confirmed; err != nil {
		t.Fatal(err)
	}
	if got := b.state(action); got != "confirmed" {
		t.Errorf("the action is %s, and nothing will ever confirm it", got)
	}
}

func TestCommandsOfOneAccount_AreAppliedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	const many = 8
	payments := make([]int64, many)
	for i := range payments {
		payments[i] = b.payment(fmt.Sprintf("R%d", i), 150_000)
	}
	done := make(chan error, many)
	for _, payment := range payments {
		go func() {
			_, err := b.do(b.jane, account.Pay{Amount: account.Money{Minor: 150_000, Currency: "KES"}},
				db.Deed{Kind: "payment", Actor: "x", AcceptedAt: noon, PaymentID: payment}, noon)
			done <- err
		}()
	}
	for range many {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	got := b.facts(b.jane)
	if want := noon.AddDate(0, many, 0); !got.ExpiresAt.Equal(want) || got.Balance.Minor != 0 {
		t.Errorf("paid until %v with %s left, want %v", got.ExpiresAt, got.Balance, want)
	}
}
