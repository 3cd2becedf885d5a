package jobs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"qserve/account"
)

// summary is what the database says about jane's money and the deliveries that it came with.
const summary = `
	select 'jane has ' || balance_minor || ' until ' || coalesce(to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), 'never') from subscribers
	union all select 'delivery ' || delivery_key || ' ' || state || ' ' || last_error from deliveries
	union all select 'payment ' || transaction_id || ' ' || coalesce('of ' || subscriber_id, unallocated) from payments
	union all select 'action ' || kind || ' ' || state || ' ' || refusal from actions
	order by 1`

func (o *office) books(want ...string) {
	o.t.Helper()
	var got []string
	for _, line := range o.rows(summary) {
		got = append(got, strings.TrimSpace(line))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		o.t.Errorf("books (-want +got):\n%s", diff)
	}
}

func TestDelivery_IsCreditedAndItsRouterRungFor(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.told = []account.Notice{paid("A", 150_000)}
	id := o.delivery("k", noon)
	for range 3 { // Asynq may run a finished task again
		if err := o.processDelivery(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	o.books("action payment applied", "delivery k processed", "jane has 0 until 2026-04-10 09:00", fmt.Sprintf("payment A of %d", o.jane))
	if diff := cmp.Diff([]string{fmt.Sprintf("router:%d pending", o.router)}, o.tasks()); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	if err := o.processDelivery(t.Context(), id+1); err != nil {
		t.Errorf("a delivery that is not there: %v", err)
	}
}

func TestMoneyThatIsToldTwice_IsCreditedOnce(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.told = []account.Notice{paid("A", 150_000), paid("A", 150_000), {Kind: account.PaymentIgnored}}
	for _, key := range []string{"k1", "k2"} {
		if err := o.processDelivery(t.Context(), o.delivery(key, noon)); err != nil {
			t.Fatal(err)
		}
	}
	o.books("action payment applied", "delivery k1 processed", "delivery k2 processed", "jane has 0 until 2026-04-10 09:00", fmt.Sprintf("payment A of %d", o.jane))
	got := o.measured()
	if got["qserve_payments_total outcome=credited"] != 1 || got["qserve_payments_total outcome=repeated"] != 3 {
		t.Errorf("payments by outcome %v", got)
	}
}

func TestMoneyOfNobody_WaitsWithItsReason(t *testing.T) {
	t.Parallel()
	o := setup(t)
	unknown, dollars := paid("A", 150_000), paid("B", 150_000)
	unknown.References, dollars.Amount.Currency = []string{"ACC-9999"}, "USD"
	o.told = []account.Notice{unknown, dollars}
	if err := o.processDelivery(t.Context(), o.delivery("k", noon)); err != nil {
		t.Fatal(err)
	}
	o.books("delivery k processed", "jane has 0 until never", "payment A no account has this number, phone or user name",
		"payment B paid in USD, but the account is kept in KES")
	if got := o.tasks(); len(got) != 0 {
		t.Errorf("rang for %v", got)
	}
}

func TestDeliveryThatSaysNothingOfMoney_IsIgnored(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.told = []account.Notice{{Kind: account.PaymentIgnored}}
	if err := o.processDelivery(t.Context(), o.delivery("k", noon)); err != nil {
		t.Fatal(err)
	}
	o.books("delivery k ignored", "jane has 0 until never")
}

func TestDeliveryThatCannotBeRead_StopsForAPerson(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.unread = errors.New("no TransID")
	id := o.delivery("k", noon)
	err := o.processDelivery(t.Context(), id)
	if !errors.Is(forAsynq(err), asynq.SkipRetry) || !strings.Contains(err.Error(), fmt.Sprintf("delivery %d of source \"M-Pesa\": no TransID", id)) {
		t.Errorf("got %v", err)
	}
	o.books("delivery k failed no TransID", "jane has 0 until never")
	o.sweepAt(noon.Add(time.Hour), false)
	if got := o.tasks(); len(got) != 0 {
		t.Errorf("the sweep rings for it again: %v", got)
	}
}

func TestDeliveryThatTheDatabaseRefuses_IsTriedAgainAndSaysWhy(t *testing.T) {
	t.Parallel()
	o := setup(t)
	bad := paid("B", 150_000)
	bad.Amount.Currency, bad.References = "", []string{"ACC-9999"}
	o.told = []account.Notice{paid("A", 150_000), bad}
	id := o.delivery("k", noon)
	err := o.processDelivery(t.Context(), id)
	if err == nil || errors.Is(forAsynq(err), asynq.SkipRetry) || !countsAsFailure(err) {
		t.Fatalf("got %v", err)
	}
	got := o.rows("select state || ' ' || attempts || ' ' || (last_error <> '') from deliveries")
	if diff := cmp.Diff([]string{"received 1 true"}, got); diff != "" {
		t.Errorf("delivery (-want +got):\n%s", diff)
	}
	if got := o.rows("select transaction_id from payments"); len(got) != 0 {
		t.Errorf("half of it was booked: %v", got)
	}
	o.told = []account.Notice{paid("A", 150_000)}
	if err := o.processDelivery(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	o.books("action payment applied", "delivery k processed", "jane has 0 until 2026-04-10 09:00", fmt.Sprintf("payment A of %d", o.jane))
}

func TestActions_AreAppliedInTheOrderTheyWereGiven(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.exec("update subscribers set expires_at = $1, due_at = $1", noon.AddDate(0, 1, 0))
	first := o.action("suspend", `{"category":"equipment","reason":"stolen"}`, noon)
	o.action("suspend", `{"category":"other"}`, noon)
	o.action("reconnect", `{}`, noon)
	o.action("reconnect", `{"grace_hours":5}`, noon)
	last := o.action("suspend", `{"category":"other"}`, noon)
	// The ring for the last one brings them all.
	for _, id := range []int64{last, first, last, last + 1} {
		if err := o.applyActions(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	got := o.rows("select kind || ' ' || state || ' ' || refusal from actions order by id")
	want := []string{
		"suspend applied ", "suspend refused ACC-0042 is suspended already (equipment)", "reconnect applied ",
		"reconnect refused ACC-0042 is active; only a suspended or expired account can be reconnected", "suspend applied ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	if got := o.rows("select suspension_category from subscribers"); got[0] != "other" {
		t.Errorf("suspended for %v", got)
	}
	if got := o.tasks(); len(got) == 0 || got[0] != fmt.Sprintf("router:%d pending", o.router) {
		t.Errorf("rang for %v", got)
	}
}

func TestActionThatMakesNoSense_IsRefusedAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.action("suspend", `{"category":5}`, noon)
	o.action("suspend", `{"reason":[]}`, noon)
	o.action("suspend", `{"category":"because"}`, noon)
	o.action("payment", `{}`, noon)
	o.action("reconnect", `{"grace_hours":-1}`, noon)
	last := o.action("suspend", `{"category":"other"}`, noon)
	if err := o.applyActions(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	got := o.rows("select state || ' ' || refusal from actions order by id")
	want := []string{
		"refused the arguments of this suspend are damaged", "refused the arguments of this suspend are damaged",
		`refused suspension category "because" is not one of non-payment, equipment, customer-request, other`,
		"refused there is no payment 0 any more", "refused grace is not within 0 and 31 days", "applied ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

// active makes jane's line one that the router holds, until an instant.
func (o *office) active(until time.Time) {
	o.t.Helper()
	o.exec("update subscribers set expires_at = $1, due_at = $1", until)
	o.exec("update provisions set done_gen = want_gen where id = $1", o.provision(o.router, noon))
}

func (o *office) line() string {
	o.t.Helper()
	return o.rows("select state || ' ' || done_gen || '/' || want_gen from provisions")[0]
}

func TestDueTime_IsHandledOnceHoweverLate(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]time.Duration{"at its instant": 0, "a week late": 7 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := setup(t)
			o.active(noon)
			o.clock.Set(noon.Add(late))
			for range 3 {
				if err := o.applyDue(t.Context(), o.jane); err != nil {
					t.Fatal(err)
				}
			}
			if got := o.line(); got != "disabled 1/2" {
				t.Errorf("line %s", got)
			}
			got := o.rows("select a.kind || ' of ' || a.actor || ': ' || v.summary from actions a join activity v on v.action_id = a.id")
			if diff := cmp.Diff([]string{"expire of clock: Home 10 ran out at 10 Mar 2026 09:00"}, got); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("router:%d pending", o.router)}, o.tasks()); diff != "" {
				t.Errorf("tasks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDueTaskThatComesEarly_WaitsForTheInstant(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.active(noon.Add(1500 * time.Millisecond))
	ended := make(chan error, 1)
	go func() { ended <- o.applyDue(t.Context(), o.jane) }()
	if err := o.clock.AwaitWaiters(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	o.clock.Set(noon.Add(1500*time.Millisecond - 1))
	if got := o.line(); got != "enabled 1/1" {
		t.Errorf("a nanosecond early the line is %s", got)
	}
	o.clock.Advance(1)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := o.line(); got != "disabled 1/2" {
		t.Errorf("at the instant the line is %s", got)
	}
}

func TestDueTimeThatHasMoved_IsLeftToItsOwnTask(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.active(noon.AddDate(0, 1, 0))
	for _, subscriber := range []int64{o.jane, o.jane + 1} {
		if err := o.applyDue(t.Context(), subscriber); err != nil {
			t.Errorf("subscriber %d: %v", subscriber, err)
		}
	}
	if got := o.line(); got != "enabled 1/1" {
		t.Errorf("line %s", got)
	}
}

func TestGrace_EndsAtItsOwnDueTime(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.active(noon)
	o.exec("update subscribers set grace_until = $1", noon.Add(time.Hour))
	if err := o.applyDue(t.Context(), o.jane); err != nil {
		t.Fatal(err)
	}
	if got := o.line(); got != "enabled 1/1" {
		t.Errorf("in grace the line is %s", got)
	}
	o.clock.Advance(time.Hour)
	if err := o.applyDue(t.Context(), o.jane); err != nil {
		t.Fatal(err)
	}
	if got := o.line(); got != "disabled 1/2" {
		t.Errorf("after it the line is %s", got)
	}
	o.books("action expire applied", "action expire confirmed", "jane has 0 until 2026-03-10 09:00")
}
