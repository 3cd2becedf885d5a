package jobs

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
	"qserve/db"
)

// give applies one command on jane's account.
func (o *office) give(kind, arguments string) {
	o.t.Helper()
	if err := o.applyActions(o.t.Context(), o.action(kind, arguments, o.clock.Now())); err != nil {
		o.t.Fatal(err)
	}
}

// lastAction is the state of the last action, with its reason.
func (o *office) lastAction() string {
	o.t.Helper()
	return o.rows("select kind || ' ' || state || ' ' || refusal from actions order by id desc limit 1")[0]
}

// delivers processes a webhook that tells of payments.
func (o *office) delivers(notices ...account.Notice) {
	o.t.Helper()
	o.told = notices
	if err := o.processDelivery(o.t.Context(), o.delivery(notices[0].TransactionID, o.clock.Now())); err != nil {
		o.t.Fatal(err)
	}
}

func TestPackageThatWaitsForTheRenewal_TakesOverAtItsInstant(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.exec(`insert into plans (name, rate, duration_count, duration_unit, price_minor, currency) values ('Home 20', '10M/20M', 1, 'months', 250000, 'KES')`)
	o.active(noon.Add(time.Hour))
	o.give("change-package", `{"plan_id":2,"at_renewal":true}`)
	if got := o.rows("select p.name || ' ' || s.next_plan_id || ' ' || (s.next_plan_at = s.expires_at) from subscribers s join plans p on p.id = s.plan_id"); got[0] != "Home 10 2 true" {
		t.Fatalf("scheduled: %v", got)
	}
	o.clock.Set(noon.Add(time.Hour))
	if err := o.applyDue(t.Context(), o.jane); err != nil {
		t.Fatal(err)
	}
	if got := o.rows("select p.name || ' ' || coalesce(s.next_plan_id, 0) from subscribers s join plans p on p.id = s.plan_id"); got[0] != "Home 20 0" {
		t.Errorf("took over: %v", got)
	}
	if got := o.rows("select state || ' ' || rate from provisions"); got[0] != "disabled 10M/20M" {
		t.Errorf("wanted of the router: %v", got)
	}
}

func TestPlanThatIsSoldNoMore_IsRefused(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.exec(`insert into plans (name, rate, duration_count, duration_unit, price_minor, currency, archived_at) values ('Old', '1M/1M', 1, 'months', 1, 'KES', now())`)
	for _, plan := range []int{2, 99} {
		o.give("change-package", fmt.Sprintf(`{"plan_id":%d}`, plan))
		if got := o.lastAction(); got != "change-package refused this plan is not sold any more" {
			t.Errorf("plan %d: %s", plan, got)
		}
	}
}

func TestNewUserName_TheOldOneLeavesTheRouterAndTheActionWaitsForBoth(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.active(noon.Add(time.Hour))
	o.give("edit", `{"username":"jane.w","password_sealed":"AQ=="}`)
	want := []string{"jane absent -", "jane.w enabled 1"}
	if diff := cmp.Diff(want, o.rows("select username || ' ' || state || ' ' || coalesce(subscriber_id::text, '-') from provisions order by 1")); diff != "" {
		t.Errorf("wanted of the router (-want +got):\n%s", diff)
	}
	if got := o.rows("select encode(password_sealed, 'hex') || ' ' || credential_gen from subscribers"); got[0] != "01 2" {
		t.Errorf("password and generation: %v", got)
	}
	if got := o.rows("select arguments::text from actions"); got[0] != `{"username": "jane.w"}` {
		t.Errorf("the password stays in the action: %v", got)
	}
	for _, name := range []string{"jane.w", "jane"} {
		if got := o.lastAction(); got != "edit applied " {
			t.Fatalf("before %s is confirmed: %s", name, got)
		}
		id := o.id("select id from provisions where username = $1", name)
		if _, err := db.ConfirmTogether(t.Context(), o.Pool, o.router, []int64{id}, noon, func(q *db.Queries) error {
			return q.ConfirmProvisions(t.Context(), db.ConfirmProvisionsParams{IDs: []int64{id}, Gens: []int64{o.id("select want_gen from provisions where id = $1", id)}, Now: noon})
		}); err != nil {
			t.Fatal(err)
		}
	}
	if got := o.lastAction(); got != "edit confirmed " {
		t.Errorf("at the end: %s", got)
	}
	if got := o.rows("select username from provisions"); len(got) != 1 {
		t.Errorf("the old name left the router, and still has a row: %v", got)
	}
}

func TestDeletion_RefusesWhatWasAskedForAfterIt(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.active(noon.Add(time.Hour))
	gone := o.action("delete", `{"confirm":"acc 0042"}`, noon)
	o.action("suspend", `{"category":"other"}`, noon)
	if err := o.applyActions(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	want := []string{"delete applied ", "suspend refused the account was deleted"}
	if diff := cmp.Diff(want, o.rows("select kind || ' ' || state || ' ' || refusal from actions order by id")); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	if got := o.rows("select username || ' ' || state from provisions"); got[0] != "jane absent" {
		t.Errorf("wanted of the router: %v", got)
	}
	if got := o.rows("select summary || ' ' || object from audit"); got[0] != "Account deleted subscriber 1" {
		t.Errorf("audit: %v", got)
	}
	if got := o.tasks(); len(got) != 1 || got[0] != fmt.Sprintf("router:%d pending", o.router) {
		t.Errorf("rang for %v", got)
	}
}

func TestPaymentThatIsReversed_TakesItsTimeBackAndIsNotCreditedAgain(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.active(noon.Add(time.Hour))
	o.delivers(paid("SKL1", 150_000))
	if got := o.rows("select balance_minor || ' ' || (expires_at > $1) from subscribers", noon.AddDate(0, 0, 20)); got[0] != "0 true" {
		t.Fatalf("paid: %v", got)
	}
	o.give("reverse", `{"payment_id":1,"reason":"chargeback"}`)
	if got := o.rows("select balance_minor || ' ' || (expires_at = $1) from subscribers", noon.Add(time.Hour)); got[0] != "0 true" {
		t.Errorf("reversed: %v", got)
	}
	if diff := cmp.Diff([]string{"payment 150000", "renewal -150000", "reversal -150000", "refund 150000"}, o.rows("select kind || ' ' || amount_minor from ledger_entries order by id")); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2026-1 1 150000", "2026-2 -1 -150000"}, o.rows("select year || '-' || number || ' ' || periods || ' ' || total_minor from invoices order by id")); diff != "" {
		t.Errorf("invoices (-want +got):\n%s", diff)
	}
	for _, again := range []string{"reverse", "payment", "unallocate"} {
		o.give(again, `{"payment_id":1}`)
		if got := o.lastAction(); got != again+" refused payment 1 was reversed" {
			t.Errorf("%s again: %s", again, got)
		}
	}
}

func TestPaymentThatWasMisallocated_GoesToTheRightAccount(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.active(noon.Add(time.Hour))
	o.delivers(paid("SKL1", 150_000))
	joe := o.id(`insert into subscribers (account, name, router_id, username, password_sealed, plan_id, currency)
		values ('ACC-0043', 'Joe', $1, 'joe', '\x00', 1, 'KES') returning id`, o.router)
	o.give("unallocate", `{"payment_id":1,"reason":"is for Joe"}`)
	if got := o.rows("select unallocated from payments where subscriber_id is null"); len(got) != 1 || got[0] != "taken back from an account by staff: is for Joe" {
		t.Fatalf("unallocated: %v", got)
	}
	action := o.id(`insert into actions (kind, subscriber_id, actor, arguments, state, accepted_at)
		values ('payment', $1, 'staff', '{"payment_id":1}', 'accepted', $2) returning id`, joe, noon)
	if err := o.applyActions(t.Context(), action); err != nil {
		t.Fatal(err)
	}
	want := []string{"ACC-0042 0 false", "ACC-0043 0 true"}
	if diff := cmp.Diff(want, o.rows("select account || ' ' || balance_minor || ' ' || (expires_at > $1) from subscribers order by 1", noon.AddDate(0, 0, 20))); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
}

func TestManyPackagesThatEndAtOnce_AreHandledTogether(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.active(noon)
	o.exec(`insert into subscribers (account, name, router_id, username, password_sealed, plan_id, currency, expires_at, due_at)
		select 'N-' || n, 'N', $1, 'n' || n, '\x00', 1, 'KES', $2, $2 from generate_series(1, 60) n`, o.router, noon)
	for round, left := range []int64{13, 0} {
		id := o.id("select id from subscribers where due_at is not null order by id limit 1")
		if err := o.applyDue(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if got := o.id("select count(*) from subscribers where due_at is not null"); got != left {
			t.Errorf("after task %d: %d are left, want %d", round+1, got, left)
		}
	}
	if got := o.id("select count(*) from provisions where state = 'disabled'"); got != 61 {
		t.Errorf("%d lines are wanted disabled, want 61", got)
	}
}
