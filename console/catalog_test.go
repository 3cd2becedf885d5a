package console_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
	"qserve/console"
)

func TestPlan_IsStoredAndListed(t *testing.T) {
	t.Parallel()
	o := setup(t)
	p := home()
	p.Name, p.Price, p.Pool = "  Home 10 ", shillings("1500.5"), "homes"
	added, err := o.AddPlan(t.Context(), clerk, p)
	if err != nil {
		t.Fatal(err)
	}
	want := console.PlanView{
		Name: "Home 10", Rate: "5M/10M", Duration: console.Duration{Count: 1, Unit: account.Months}, Price: shillings("1500.50"),
		OnExpiry: "cut", Pool: "homes",
	}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	listed, err := o.Plans(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]console.PlanView{added}, listed); diff != "" {
		t.Errorf("list (-added +listed):\n%s", diff)
	}
	long := home()
	long.Name = strings.Repeat("я", 100)
	if _, err := o.AddPlan(t.Context(), clerk, long); err != nil {
		t.Errorf("a name of 100 letters that take two bytes each: %v", err)
	}
	garden := home()
	garden.Name, garden.OnExpiry = "Garden", "garden"
	if added, err = o.AddPlan(t.Context(), clerk, garden); err != nil || added.GardenRate != "256k/256k" {
		t.Errorf("a garden without a rate: %+v, %v", added, err)
	}
}

func TestPlanThatCannotBe_IsRefusedByItsField(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.furnish()
	for _, c := range []struct {
		field  string
		change func(*console.NewPlan)
	}{
		{"name", func(p *console.NewPlan) { p.Name = " " }},
		{"name", func(p *console.NewPlan) { p.Name = strings.Repeat("x", 101) }},
		{"name", func(p *console.NewPlan) { p.Name = "a\nb" }},
		{"name", func(p *console.NewPlan) { p.Name = "a\x00b" }},
		{"name", func(p *console.NewPlan) { p.Name = "a\xffb" }},
		{"rate", func(p *console.NewPlan) { p.Rate = "fast" }},
		{"rate", func(p *console.NewPlan) { p.Rate = "" }},
		{"duration", func(p *console.NewPlan) { p.Duration.Count = 0 }},
		{"duration", func(p *console.NewPlan) { p.Duration.Unit = "weeks" }},
		{"duration", func(p *console.NewPlan) { p.Duration = console.Duration{Count: 1 << 40, Unit: account.Hours} }},
		{"price", func(p *console.NewPlan) { p.Price = shillings("") }},
		{"price", func(p *console.NewPlan) { p.Price = shillings("0") }},
		{"price", func(p *console.NewPlan) { p.Price = shillings("-1") }},
		{"price", func(p *console.NewPlan) { p.Price = shillings("10.005") }},
		{"price", func(p *console.NewPlan) { p.Price = shillings("1,500") }},
		{"price", func(p *console.NewPlan) { p.Price.Currency = "USD" }},
		{"pool", func(p *console.NewPlan) { p.Pool = "a\nb" }},
		{"on_expiry", func(p *console.NewPlan) { p.OnExpiry = "cellar" }},
		{"garden_rate", func(p *console.NewPlan) { p.GardenRate = "1M/1M" }},
		{"garden_rate", func(p *console.NewPlan) { p.OnExpiry, p.GardenRate = "garden", "slow" }},
	} {
		p := home()
		p.Name = "Another"
		c.change(&p)
		if _, err := o.AddPlan(t.Context(), clerk, p); field(err) != c.field {
			t.Errorf("%+v: got %v, want a problem with %s", p, err, c.field)
		}
		_, err := o.ChangePlan(t.Context(), clerk, "Home 10", console.PlanChange{
			Name: &p.Name, Rate: &p.Rate, Duration: &p.Duration, Price: &p.Price, OnExpiry: &p.OnExpiry, GardenRate: &p.GardenRate, Pool: &p.Pool,
		})
		if field(err) != c.field {
			t.Errorf("changed to %+v: got %v, want a problem with %s", p, err, c.field)
		}
	}
	taken := home()
	taken.Name = " Home 10"
	if _, err := o.AddPlan(t.Context(), clerk, taken); conflictWith(err) != "name" {
		t.Errorf("a name that is taken: %v", err)
	}
	if plans, err := o.Plans(t.Context(), true); err != nil || len(plans) != 1 {
		t.Errorf("%d plans, %v", len(plans), err)
	}
}

func TestChangedSpeedOfAPlan_ReachesEverybodyWhoHasIt(t *testing.T) {
	t.Parallel()
	o := open(t)
	other := home()
	other.Name = "Other"
	if _, err := o.AddPlan(t.Context(), clerk, other); err != nil {
		t.Fatal(err)
	}
	for i, number := range []string{"ACC-0043", "ACC-0044", "ACC-0045"} {
		n := jane()
		n.Account, n.PaidUntil = number, noon.Add(time.Duration(i+1)*time.Hour)
		if number == "ACC-0045" {
			n.Plan = "Other"
		}
		if _, err := o.AddSubscriber(t.Context(), clerk, n); err != nil {
			t.Fatal(err)
		}
	}
	overdue := noon.Add(-time.Hour)
	o.exec("update subscribers set due_at = $1 where account = 'ACC-0044'", overdue)
	o.clock.Advance(time.Minute)
	now := o.clock.Now()
	dues := func() map[string]time.Time {
		due := map[string]time.Time{}
		rows, err := o.pool.Query(t.Context(), "select account, due_at from subscribers where due_at is not null")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var number string
			var at time.Time
			if err := rows.Scan(&number, &at); err != nil {
				t.Fatal(err)
			}
			due[number] = at.UTC()
		}
		return due
	}

	before, price := dues(), shillings("1800")
	changed, err := o.ChangePlan(t.Context(), clerk, "Home 10", console.PlanChange{Price: &price})
	if err != nil || changed.Price != shillings("1800.00") || changed.Subscribers != 3 {
		t.Fatalf("changed the price: %+v, %v", changed, err)
	}
	if diff := cmp.Diff(before, dues()); diff != "" {
		t.Errorf("a price counts from the next renewal, and yet (-before +after):\n%s", diff)
	}

	rate := "8M/16M"
	if changed, err = o.ChangePlan(t.Context(), clerk, "Home 10", console.PlanChange{Rate: &rate}); err != nil || changed.Rate != rate {
		t.Fatalf("changed the rate: %+v, %v", changed, err)
	}
	want := map[string]time.Time{"ACC-0042": now, "ACC-0043": now, "ACC-0044": overdue, "ACC-0045": noon.Add(3 * time.Hour)}
	if diff := cmp.Diff(want, dues()); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
	o.audited(
		"plan-change plan Home 10: price 1500.00 → 1800.00",
		"plan-change plan Home 10: rate 5M/10M → 8M/16M",
	)
	if _, err := o.ChangePlan(t.Context(), clerk, "Home 10", console.PlanChange{Rate: &rate}); err != nil {
		t.Error(err)
	}
	o.audited() // nothing changed, nothing is logged
}

func TestChangedSpeedOfAPlan_ReachesOneWhoPaysAtThatMoment(t *testing.T) {
	t.Parallel()
	o := open(t)
	paying, err := o.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer paying.Rollback(t.Context()) //nolint:errcheck // committed below
	if _, err := paying.Exec(t.Context(), "update subscribers set due_at = $1", noon.AddDate(0, 1, 0)); err != nil {
		t.Fatal(err)
	}
	rate, changed := "8M/16M", make(chan error, 1)
	go func() {
		_, err := o.ChangePlan(t.Context(), clerk, "Home 10", console.PlanChange{Rate: &rate})
		changed <- err
	}()
	for { // the plan is new for everybody before the change waits for who pays
		v, err := o.Plan(t.Context(), "Home 10")
		if err != nil {
			t.Fatal(err)
		}
		if v.Rate == rate {
			break
		}
	}
	if err := paying.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	var due time.Time
	if err := o.pool.QueryRow(t.Context(), "select due_at from subscribers").Scan(&due); err != nil || !due.Equal(noon) {
		t.Errorf("due at %v, %v", due, err)
	}
}

func TestGardenOfAPlan_IsOpenedAndClosed(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.furnish()
	garden, cut, rate := "garden", "cut", "512k/512k"
	opened, err := o.ChangePlan(t.Context(), clerk, "Home 10", console.PlanChange{OnExpiry: &garden, GardenRate: &rate})
	if err != nil || opened.GardenRate != rate {
		t.Errorf("opened %+v, %v", opened, err)
	}
	closed, err := o.ChangePlan(t.Context(), clerk, "Home 10", console.PlanChange{OnExpiry: &cut})
	if err != nil || closed.GardenRate != "" || closed.OnExpiry != "cut" {
		t.Errorf("closed %+v, %v", closed, err)
	}
}

func TestArchivedPlan_StaysWithThoseWhoHaveItAndCannotBeChosen(t *testing.T) {
	t.Parallel()
	o := open(t)
	archived, err := o.ArchivePlan(t.Context(), clerk, "Home 10")
	if err != nil || archived.ArchivedAt == nil || archived.Subscribers != 1 {
		t.Fatalf("archived %+v, %v", archived, err)
	}
	if _, err := o.ArchivePlan(t.Context(), clerk, "Home 10"); !conflicts(err) {
		t.Errorf("archived twice: %v", err)
	}
	n := jane()
	n.Account, n.Username = "ACC-0043", "john"
	if _, err := o.AddSubscriber(t.Context(), clerk, n); field(err) != "plan" {
		t.Errorf("a new subscriber of it: %v", err)
	}
	if _, err := o.AddPlan(t.Context(), clerk, home()); conflictWith(err) != "name" {
		t.Errorf("its name for another: %v", err)
	}
	rate := "8M/16M"
	if changed, err := o.ChangePlan(t.Context(), clerk, "Home 10", console.PlanChange{Rate: &rate}); err != nil || changed.ArchivedAt == nil {
		t.Errorf("changed for those who have it: %+v, %v", changed, err)
	}
	if sold, err := o.Plans(t.Context(), false); err != nil || len(sold) != 0 {
		t.Errorf("sold: %+v, %v", sold, err)
	}
	if all, err := o.Plans(t.Context(), true); err != nil || len(all) != 1 {
		t.Errorf("all: %+v, %v", all, err)
	}
	if view, err := o.Subscriber(t.Context(), "ACC-0042"); err != nil || view.Plan != "Home 10" {
		t.Errorf("who has it: %+v, %v", view, err)
	}
	if _, err := o.Plan(t.Context(), "Nothing"); !isMissing(err) {
		t.Errorf("a plan that is none: %v", err)
	}
	if _, err := o.ChangePlan(t.Context(), clerk, "Nothing", console.PlanChange{}); !isMissing(err) {
		t.Errorf("a change of a plan that is none: %v", err)
	}
	if _, err := o.ArchivePlan(t.Context(), clerk, "Nothing"); !isMissing(err) {
		t.Errorf("archived a plan that is none: %v", err)
	}
}

// exec changes the database behind the service's back.
func (o *office) exec(sql string, args ...any) {
	o.t.Helper()
	if _, err := o.pool.Exec(o.t.Context(), sql, args...); err != nil {
		o.t.Fatal(err)
	}
}

// audited fails unless the audit log has these lines of changes since the last call, with who asked for them.
func (o *office) audited(want ...string) {
	o.t.Helper()
	page, err := o.Audit(o.t.Context(), console.AuditQuery{Kinds: []string{"plan-change", "router-change", "router-remove", "router-retry"}})
	if err != nil {
		o.t.Fatal(err)
	}
	got := []string{}
	for _, line := range page.Items[:len(page.Items)-o.seen] {
		if line.Actor != clerk.Actor || line.Source != clerk.Source {
			o.t.Errorf("%s is by %s at %s", line.Summary, line.Actor, line.Source)
		}
		text := line.Kind + " " + line.Object
		separator := ": "
		for _, key := range sortedKeys(line.After) {
			text += separator + key + " " + line.Before[key] + " → " + line.After[key]
			separator = ", "
		}
		got = append([]string{text}, got...)
	}
	o.seen = len(page.Items)
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		o.t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

func conflictWith(err error) string {
	if c, ok := errors.AsType[*console.ConflictError](err); ok {
		return c.Field
	}
	return ""
}

func conflicts(err error) bool { _, ok := errors.AsType[*console.ConflictError](err); return ok }

func isMissing(err error) bool { _, ok := errors.AsType[*console.NotFoundError](err); return ok }
