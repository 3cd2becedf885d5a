package stage_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/router"
	"qserve/router/mikrosim"
)

// modelSlack is how far an instant may be from the model's, which knows only about when a worker read its clock.
const modelSlack = 10 * time.Second

// compareFacts compares every account and every payment with the model, which then takes over the exact instants.
func (m *model) compareFacts() {
	m.t.Helper()
	for _, c := range m.subs {
		if n, err := m.Number(m.ctx, `select count(*) from subscribers where account = $1`, c.number); err != nil || (n == 1) != c.exists {
			m.fatalf("there are %d accounts %s (%v); it exists in the model: %v", n, c.number, err, c.exists)
		}
		if c.exists {
			m.compareAccount(c)
		}
	}
	m.comparePayments()
}

func (m *model) compareAccount(c *customer) {
	m.t.Helper()
	var plan, next, suspension, username, address, on string
	var balance, ledger int64
	instants := make([]*time.Time, 6)
	m.must(m.Pool.QueryRow(m.ctx, `select p.name, coalesce(n.name, ''), coalesce(s.suspension_category, ''), s.username,
			coalesce(host(s.fixed_address), ''), r.name, s.balance_minor,
			(select coalesce(sum(l.amount_minor), 0)::bigint from ledger_entries l where l.subscriber_id = s.id),
			s.expires_at, s.grace_until, s.next_plan_at, s.clock_stopped_at, s.suspended_at, s.suspended_until
		from subscribers s join plans p on p.id = s.plan_id left join plans n on n.id = s.next_plan_id join routers r on r.id = s.router_id
		where s.account = $1`, c.number).Scan(&plan, &next, &suspension, &username, &address, &on, &balance, &ledger,
		&instants[0], &instants[1], &instants[2], &instants[3], &instants[4], &instants[5]))
	var wantNext string
	if c.next != nil {
		wantNext = c.next.name
	}
	for _, fact := range []struct {
		name      string
		want, got any
	}{
		{"plan", c.plan.name, plan}, {"next plan", wantNext, next}, {"suspension", c.suspended, suspension},
		{"user name", c.username, username}, {"fixed address", c.address, address}, {"router", c.router.Name(), on},
		{"balance", c.balance, balance}, {"sum of the ledger", c.balance, ledger},
	} {
		if fact.want != fact.got {
			m.fatalf("%s of %s is %v, and %v in the model", fact.name, c.number, fact.got, fact.want)
		}
	}
	for i, instant := range []struct {
		name string
		want *time.Time
	}{
		{"end of the paid time", &c.expires}, {"end of grace", &c.grace}, {"next plan's begin", &c.nextAt}, {"stop of the clock", &c.stopped},
		{"begin of the suspension", &c.since}, {"end of the suspension", &c.until},
	} {
		var got time.Time
		if instants[i] != nil {
			got = *instants[i]
		}
		if got.IsZero() != instant.want.IsZero() || got.Sub(*instant.want).Abs() > modelSlack {
			m.fatalf("%s of %s is %v, and %v in the model", instant.name, c.number, got.UTC(), instant.want.UTC())
		}
		*instant.want = got
	}
	view, err := m.Staff.Subscriber(m.ctx, c.number)
	m.must(err)
	if want := c.status(m.clock.Now()); view.Status != want {
		m.fatalf("%s is shown as %s, and is %s in the model", c.number, view.Status, want)
	}
}

// comparePayments finds money that was lost, or credited twice or to somebody else.
func (m *model) comparePayments() {
	m.t.Helper()
	rows, err := m.Pool.Query(m.ctx, `select p.transaction_id, p.amount_minor, coalesce(s.account, ''), p.reversed_at is not null,
			(select coalesce(sum(l.amount_minor), 0)::bigint from ledger_entries l where l.payment_id = p.id and l.kind in ('payment', 'reversal'))
		from payments p left join subscribers s on s.id = p.subscriber_id`)
	m.must(err)
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var receipt, of string
		var minor, net int64
		var reversed bool
		m.must(rows.Scan(&receipt, &minor, &of, &reversed, &net))
		if !reversed {
			found[receipt] += fmt.Sprintf("%d of %q, %d in the ledger; ", minor, of, net)
		}
	}
	m.must(rows.Err())
	for _, p := range m.payments {
		want := fmt.Sprintf("%d of %q, %d in the ledger; ", p.minor, "", 0)
		switch {
		case p.spent:
			want = ""
		case p.of != nil:
			want = fmt.Sprintf("%d of %q, %d in the ledger; ", p.minor, p.of.number, p.minor)
		}
		if found[p.receipt] != want {
			m.fatalf("payment %s is %q, and %q in the model", p.receipt, found[p.receipt], want)
		}
		delete(found, p.receipt)
	}
	if len(found) > 0 {
		m.fatalf("there are payments that nobody made: %v", found)
	}
}

// compareEverything mends the routers, waits until nothing is left to do, and compares the routers too.
func (m *model) compareEverything() {
	m.t.Helper()
	m.tell("everything is mended")
	for _, r := range m.Routers {
		m.clear(r)
	}
	m.later(10 * time.Minute) // what waited for a router's next try need not wait any more
	m.settle()
	m.awayFromEdges()
	err := m.UntilNumber(m.ctx, "every action is confirmed", 0, `select count(*) from actions where state in ('accepted', 'applied')`)
	if err == nil {
		err = m.UntilConfirmed(m.ctx)
	}
	if err != nil {
		m.fatalf("%v\n%s", err, m.unconfirmed())
	}
	m.compareFacts()
	for _, r := range m.Routers {
		m.must(m.configured(r))
	}
	for _, c := range m.subs {
		if c.exists && c.boxHas != c.password {
			who := stage.Person{Account: c.number, Username: c.username, Password: c.boxHas, Router: c.router}
			who.Redial()
			m.soon("refused with the old password", who.Refused)
			m.plugIn(c)
		}
	}
	for _, r := range m.Routers {
		var off string
		m.soon("as the model says", func(ctx context.Context) error {
			err := r.Wait(ctx, func(s mikrosim.State) bool { off = m.sessionsOff(r, s); return off == "" })
			if err != nil {
				err = fmt.Errorf("%s: %s: %w", r.Name(), off, err)
			}
			return err
		})
		m.must(m.configured(r))
	}
}

// unconfirmed says what is left to do and why.
func (m *model) unconfirmed() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), 10*time.Second)
	defer cancel()
	var left string
	err := m.Pool.QueryRow(ctx, `select coalesce(string_agg(row, E'\n'), 'nothing') from (
		select to_jsonb(a)::text as row from actions a where state in ('accepted', 'applied')
		union all select (to_jsonb(l) || to_jsonb(p))::text from action_provisions l join provisions p on p.id = l.provision_id
			join actions a on a.id = l.action_id where a.state = 'applied'
		union all select to_jsonb(p)::text from provisions p where done_gen < want_gen
		union all select to_jsonb(r)::text from (select name, failures, unreachable, next_try_at, last_error from routers) r) x`).Scan(&left)
	if err != nil {
		return err.Error()
	}
	return m.clock.Now().UTC().String() + "\n" + left
}

// soon bounds what a router does by itself: a box dials again within a second.
func (m *model) soon(what string, wait func(ctx context.Context) error) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.ctx, 30*time.Second)
	defer cancel()
	if err := wait(ctx); err != nil {
		m.fatalf("not %s: %v", what, err)
	}
}

// line is what a customer's line should be at this moment.
type line struct {
	on     bool
	rate   string
	garden bool
}

func (c *customer) line(now time.Time) line {
	switch status := c.status(now); {
	case status == "active" || status == "grace":
		return line{on: true, rate: c.plan.rate}
	case status == "expired" && c.plan.garden:
		return line{on: true, rate: gardenRate, garden: true}
	}
	return line{}
}

func (m *model) holder(r *stage.Router, username string) *customer {
	for _, c := range m.subs {
		if c.exists && c.router == r && c.username == username {
			return c
		}
	}
	return nil
}

// bits spells a rate out as a queue shows it.
var bits = strings.NewReplacer("M", "000000", "k", "000")

// configured compares everything that Qserve keeps in a router with the model.
func (m *model) configured(r *stage.Router) error {
	now, want := m.clock.Now(), []string{}
	for _, c := range m.subs {
		if !c.exists || c.router != r || r.Options.Mode != router.Local {
			continue
		}
		l := c.line(now)
		want = append(want, fmt.Sprintf("secret %s %s %q disabled %v", c.username, c.password, c.address, !l.on))
		if l.on && c.address != "" {
			want = append(want, fmt.Sprintf("queue qserve-%s %s/32 %s", c.username, c.address, bits.Replace(l.rate)))
			if l.garden {
				want = append(want, "list "+account.GardenList+" "+c.address)
			}
		}
	}
	var got []string
	s := r.State()
	for _, secret := range s.Secrets {
		got = append(got, fmt.Sprintf("secret %s %s %q disabled %v", secret.Name, secret.Password, secret.RemoteAddress, secret.Disabled))
	}
	for _, queue := range s.Queues {
		if !queue.Dynamic {
			got = append(got, fmt.Sprintf("queue %s %s %s", queue.Name, queue.Target, queue.MaxLimit))
		}
	}
	for _, entry := range s.AddressList {
		if !entry.Dynamic {
			got = append(got, "list "+entry.List+" "+entry.Address)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return fmt.Errorf("%s holds\n    %s\nand should hold\n    %s", r.Name(), strings.Join(got, "\n    "), strings.Join(want, "\n    "))
	}
	return nil
}

// sessionsOff says what is not right about a router's sessions: each box that may be online is, as its plan says, and any
// other is refused.
func (m *model) sessionsOff(r *stage.Router, s mikrosim.State) string {
	now := m.clock.Now()
	for _, active := range s.Active {
		if c := m.holder(r, active.Name); c == nil || !c.line(now).on {
			return active.Name + " is online and should not be"
		}
	}
	for _, box := range s.Customers {
		c := m.holder(r, box.Name)
		if c == nil || !c.line(now).on {
			if box.LastError == "" {
				return box.Name + " is not refused"
			}
			continue
		}
		l := c.line(now)
		session, online := s.Session(box.Name)
		switch {
		case !online:
			return box.Name + " is not online: " + box.LastError
		case session.Rate != l.rate, strings.Contains(session.AddressList, account.GardenList) != l.garden:
			return fmt.Sprintf("%s is online with %s in %q; should be %+v", box.Name, session.Rate, session.AddressList, l)
		case c.address != "" && session.Address != c.address:
			return fmt.Sprintf("%s has the address %s instead of %s", box.Name, session.Address, c.address)
		case session.Radius != (r.Options.Mode == router.Radius):
			return fmt.Sprintf("%s was let in by RADIUS: %v", box.Name, session.Radius)
		}
	}
	return ""
}
