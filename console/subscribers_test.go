package console_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"qserve/console"
	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/seal"
)

func TestNewSubscriber_IsStoredAndRungFor(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.furnish()
	n := jane()
	n.PaidUntil, n.FixedIP, n.Email, n.Address = noon.Add(time.Minute), "10.1.2.3", " jane@example.org ", " Plot 4 "
	added, err := o.AddSubscriber(t.Context(), clerk, n)
	if err != nil {
		t.Fatal(err)
	}
	v, err := o.Subscriber(t.Context(), " acc 0042")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{v.Account, v.Name, v.Phone, v.Email, v.Address, v.Username, v.FixedIP, v.Router, v.Plan, v.Status}
	want := []string{"ACC-0042", "Jane", "+254708374149", "jane@example.org", "Plot 4", "acc-0042", "10.1.2.3", "Kilimani", "Home 10", "active"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subscriber (-want +got):\n%s", diff)
	}
	activity, err := o.Activity(t.Context(), "ACC-0042", console.HistoryQuery{})
	if err != nil || len(activity.Items) != 1 || activity.Items[0].Summary != "Account opened with Home 10, paid until 10 Mar 2026 12:01" {
		t.Errorf("activity %+v, %v", activity, err)
	}
	if v.Confirmed == nil || *v.Confirmed || v.Connection == nil || v.Connection.Online {
		t.Errorf("subscriber %+v", v)
	}
	if diff := cmp.Diff([]int64{1}, o.rung.routers); diff != "" {
		t.Errorf("rang for routers (-want +got):\n%s", diff)
	}
	if due := o.rung.dues[v.ID]; !due.Equal(n.PaidUntil) {
		t.Errorf("rang for the due time %v, want %v", due, n.PaidUntil)
	}
	view, err := o.Action(t.Context(), added.ActionID)
	if err != nil || view.Kind != "create" || view.State != "applied" || len(view.Routers) != 1 || view.Routers[0].Confirmed {
		t.Errorf("action %+v, %v", view, err)
	}
}

func TestSubscriberWithoutAPassword_GetsOneThatIsShownOnce(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.furnish()
	n := jane()
	n.Password = ""
	added, err := o.AddSubscriber(t.Context(), clerk, n)
	if err != nil {
		t.Fatal(err)
	}
	var sealed []byte
	if err := o.pool.QueryRow(t.Context(), "select password_sealed from subscribers").Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	plain, err := o.keys.Open(sealed, db.SubscriberPasswordRow(added.SubscriberID))
	if err != nil || string(plain) != added.Password || len(added.Password) < 12 {
		t.Errorf("told %d characters, stored %d, %v", len(added.Password), len(plain), err)
	}
	n.Account = "ACC-0043"
	if again, err := o.AddSubscriber(t.Context(), clerk, n); err != nil || again.Password == added.Password {
		t.Errorf("two subscribers have one password, %v", err)
	}
}

func TestSubscriberThatCannotBe_IsRefusedByItsField(t *testing.T) {
	t.Parallel()
	o := open(t)
	if _, err := o.pool.Exec(t.Context(), `insert into plans (name, rate, duration_count, duration_unit, price_minor, currency, archived_at)
		values ('Old', '1M/1M', 1, 'days', 1, 'KES', now())`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		field  string
		change func(*console.NewSubscriber)
	}{
		{"account", func(n *console.NewSubscriber) { n.Account = "" }},
		{"account", func(n *console.NewSubscriber) { n.Account = "---" }},
		{"account", func(n *console.NewSubscriber) { n.Account = strings.Repeat("1", 41) }},
		{"account", func(n *console.NewSubscriber) { n.Account = "ACC\x000042" }},
		{"account", func(n *console.NewSubscriber) { n.Account = "ACC-0042" }}, // taken
		{"account", func(n *console.NewSubscriber) { n.Account = "acc 0042" }}, // reads the same
		{"name", func(n *console.NewSubscriber) { n.Name = " " }},
		{"name", func(n *console.NewSubscriber) { n.Name = strings.Repeat("я", 201) }},
		{"name", func(n *console.NewSubscriber) { n.Name = "Jane\xff" }},
		{"phone", func(n *console.NewSubscriber) { n.Phone = "12" }},
		{"email", func(n *console.NewSubscriber) { n.Email = "a\nb" }},
		{"address", func(n *console.NewSubscriber) { n.Address = strings.Repeat("x", 501) }},
		{"username", func(n *console.NewSubscriber) { n.Username = "jane wanjiru" }},
		{"username", func(n *console.NewSubscriber) { n.Username = "jane*" }},
		{"username", func(n *console.NewSubscriber) { n.Username = strings.Repeat("x", 65) }},
		{"username", func(n *console.NewSubscriber) { n.Username = "acc-0042" }}, // taken on that router
		{"password", func(n *console.NewSubscriber) { n.Password = "123" }},
		{"password", func(n *console.NewSubscriber) { n.Password = strings.Repeat("x", 65) }},
		{"password", func(n *console.NewSubscriber) { n.Password = "1234\n5" }},
		{"fixed_ip", func(n *console.NewSubscriber) { n.FixedIP = "10.1.2" }},
		{"fixed_ip", func(n *console.NewSubscriber) { n.FixedIP = "2001:db8::1" }},
		{"plan", func(n *console.NewSubscriber) { n.Plan = "Home" }},
		{"plan", func(n *console.NewSubscriber) { n.Plan = "Old" }},
		{"router", func(n *console.NewSubscriber) { n.Router = "Westlands" }},
	} {
		n := jane()
		n.Account, n.Username = "ACC-0099", "somebody"
		c.change(&n)
		_, err := o.AddSubscriber(t.Context(), clerk, n)
		if field(err) != c.field && conflicting(err) != c.field {
			t.Errorf("%s: got %v", c.field, err)
			continue
		}
		if strings.Contains(err.Error(), n.Password) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	var subscribers, provisions, actions int
	if err := o.pool.QueryRow(t.Context(), "select (select count(*) from subscribers), (select count(*) from provisions), (select count(*) from actions)").
		Scan(&subscribers, &provisions, &actions); err != nil {
		t.Fatal(err)
	}
	if subscribers != 1 || provisions != 1 || actions != 1 {
		t.Errorf("refused input left %d subscribers, %d provisions, %d actions", subscribers, provisions, actions)
	}
}

func TestSecrets_AreSealedInTheDatabaseEachForItsRow(t *testing.T) {
	t.Parallel()
	o := open(t)
	if _, err := o.AddRouter(t.Context(), clerk, westlands()); err != nil {
		t.Fatal(err)
	}
	second := jane()
	second.Account = "ACC-0043"
	if _, err := o.AddSubscriber(t.Context(), clerk, second); err != nil {
		t.Fatal(err)
	}
	rows, err := o.pool.Query(t.Context(), `
		select 'password', id, password_sealed, s::text from subscribers s
		union all select 'api', id, api_password_sealed, r::text from routers r where api_password_sealed is not null
		union all select 'radius', id, radius_secret_sealed, r::text from routers r where radius_secret_sealed is not null`)
	if err != nil {
		t.Fatal(err)
	}
	type value struct {
		Kind   string
		ID     int64
		Sealed []byte
		Row    string
	}
	values, err := pgx.CollectRows(rows, pgx.RowToStructByPos[value])
	if err != nil || len(values) != 4 {
		t.Fatalf("%d sealed values, %v", len(values), err)
	}
	plain := map[string]string{"password": "pppoe-password", "api": "api-password", "radius": "radius-secret"}
	rowOf := map[string]func(int64) string{"password": db.SubscriberPasswordRow, "api": db.RouterAPIPasswordRow, "radius": db.RouterRadiusSecretRow}
	for _, v := range values {
		for _, secret := range plain {
			if bytes.Contains(v.Sealed, []byte(secret)) || strings.Contains(v.Row, secret) {
				t.Errorf("%s of row %d shows %q in the database", v.Kind, v.ID, secret)
			}
		}
		for kind, row := range rowOf {
			for id := range int64(4) {
				got, err := o.keys.Open(v.Sealed, row(id))
				own := kind == v.Kind && id == v.ID
				if own && (err != nil || string(got) != plain[kind]) {
					t.Errorf("%s of row %d: %q, %v", kind, id, got, err)
				}
				if !own && !errors.Is(err, seal.ErrOpen) {
					t.Errorf("%s of row %d opens as %s of row %d", v.Kind, v.ID, kind, id)
				}
			}
		}
	}
}

// conflicting is the field in which an error sees a conflict, empty when it sees none.
func conflicting(err error) string {
	if c, ok := errors.AsType[*console.ConflictError](err); ok {
		return c.Field
	}
	return ""
}

func TestFollow_ReturnsOnceTheActionIsDoneWith(t *testing.T) {
	t.Parallel()
	o := open(t)
	for state, finish := range map[string]string{
		"refused":   "update actions set state = 'refused', refusal = 'no' where id = $1",
		"confirmed": "update actions set state = 'confirmed', applied_at = now(), confirmed_at = now() where id = $1",
	} {
		id := o.give(clerk, console.NoteOrder{Text: state}).ID
		type outcome struct {
			view console.ActionView
			err  error
		}
		followed := make(chan outcome, 1)
		go func() {
			view, err := o.Follow(t.Context(), id)
			followed <- outcome{view, err}
		}()
		if err := o.clock.AwaitWaiters(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if _, err := o.pool.Exec(t.Context(), finish, id); err != nil {
			t.Fatal(err)
		}
		o.clock.Advance(time.Second)
		if got := <-followed; got.err != nil || got.view.State != state {
			t.Errorf("got %s, %v, want %s", got.view.State, got.err, state)
		}
	}
}

// ending is a clock that ends a context while somebody waits by it.
type ending struct {
	*clock.Manual
	end  context.CancelFunc
	says error // of the wait
}

func (e ending) WaitUntil(context.Context, time.Time) error {
	e.end()
	return e.says
}

func TestFollowThatRunsOutOfTime_ReturnsWhatWasSeenLast(t *testing.T) {
	t.Parallel()
	o := open(t)
	id := o.give(clerk, console.NoteOrder{Text: "x"}).ID
	for name, says := range map[string]error{"while it waits": context.Canceled, "while it looks": nil} {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := o.Config
		cfg.Clock = ending{o.clock, cancel, says}
		view, err := console.New(cfg).Follow(ctx, id)
		if err != nil || view.ID != id || view.State != "accepted" {
			t.Errorf("%s: %+v, %v", name, view, err)
		}
	}
}
