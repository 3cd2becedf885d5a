package stage_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"pgregory.net/rapid"

	"qserve/account"
	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/jobs"
)

// modelChecks is how many sequences are tried when -rapid.checks does not say it, and modelSteps how long each is.
const (
	modelChecks = "3"
	modelSteps  = 28
	// quietEvery is after how many steps everything is cleared, awaited and compared with the model.
	quietEvery = 7
)

// Whatever staff, payers, time and routers do, in any order: afterwards the facts, the ledger and every router are as a
// simple model says. Each sequence has a stage of its own.
func TestAnySequence_EndsAsTheModelSays(t *testing.T) {
	t.Parallel()
	url, err := shared.url()
	if err != nil {
		t.Fatalf("start PostgreSQL for tests: %v", err)
	}
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "rapid.checks" })
	if !chosen {
		if err := flag.Set("rapid.checks", modelChecks); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t, url)
		defer m.close()
		for i := range modelSteps {
			m.awayFromEdges()
			m.step()
			m.compareFacts()
			if i%quietEvery == quietEvery-1 {
				m.compareEverything()
			}
		}
		m.compareEverything()
	})
}

// model is a stage and what should be true on it.
type model struct {
	*stage.Stage
	t     *rapid.T
	ctx   context.Context // of the sequence
	end   context.CancelFunc
	clock *movable

	offers   []*offer
	subs     []*customer
	payments []*payment
	stopped  bool // no worker takes what is ordered
	log      lines

	scheduled *asynq.Inspector
}

// customer is one account, its box at home, and where its credentials have been.
type customer struct {
	books
	number  string
	exists  bool
	router  *stage.Router
	names   [2]string // an edit of the user name takes the other one
	boxHas  string    // the password that the box dials with
	waiting []*waiting
}

// waiting is an order that was accepted while no worker ran.
type waiting struct {
	id int64
	rule
	then func()
}

// payment is money that came in.
type payment struct {
	receipt, reference string
	minor, id          int64
	entered            bool      // by staff, not told by a webhook
	of                 *customer // nil: unallocated
	spent              bool      // it is nobody's any more: reversed, or deleted with its account
	bought             []purchase
}

// movable is the machine's clock, moved ahead.
type movable struct {
	mu    sync.Mutex
	ahead time.Duration
	moved chan struct{} // closed and replaced at each move
}

func (m *movable) read() (time.Time, chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Add(m.ahead), m.moved
}

// Now implements clock.Clock.
func (m *movable) Now() time.Time {
	now, _ := m.read()
	return now
}

// WaitUntil implements clock.Clock.
func (m *movable) WaitUntil(ctx context.Context, t time.Time) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		now, moved := m.read()
		if !now.Before(t) {
			return nil
		}
		timer := time.NewTimer(t.Sub(now))
		select {
		case <-timer.C:
		case <-moved:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (m *movable) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ahead += d
	close(m.moved)
	m.moved = make(chan struct{})
}

func newModel(t *rapid.T, url string) *model {
	m := &model{t: t, clock: &movable{moved: make(chan struct{})}}
	m.log.most = 60
	m.ctx, m.end = context.WithTimeout(context.Background(), within)
	var routers []stage.RouterOptions
	for _, o := range everyKind {
		o.Sim.Clock = m.clock
		routers = append(routers, o)
	}
	options := stage.Options{
		Routers: routers, Clock: m.clock,
		Settings: map[string]string{"QSERVE_WORKERS": "8", "QSERVE_DATABASE_CONNS": "12"},
		Log:      slog.New(slog.NewTextHandler(&m.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	options.Postgres.URL = url
	var err error
	if m.Stage, err = stage.Open(m.ctx, options); err != nil {
		m.end()
		t.Fatalf("open the stage: %v", err)
	}
	rdb := program.OpenRedis(m.Settings)
	t.Cleanup(func() { _ = rdb.Close() })
	m.scheduled = asynq.NewInspectorFromRedisClient(rdb)
	m.offers = []*offer{
		{name: "Home", rate: "5M/10M", hours: 24, price: 150000},
		{name: "Fast", rate: "10M/20M", hours: 24, price: 250000},
		{name: "Garden", rate: "4M/8M", hours: 12, price: 60000, garden: true},
	}
	for _, o := range m.offers {
		n := console.NewPlan{
			Name: o.name, Rate: o.rate, Duration: console.Duration(account.Duration{Count: int(o.hours), Unit: account.Hours}),
			Price: console.Money{Amount: decimal(o.price), Currency: m.Settings.Currency},
		}
		if o.garden {
			n.OnExpiry, n.GardenRate = string(account.Garden), gardenRate
		}
		_, err := m.Staff.AddPlan(m.ctx, m.by(), n)
		m.must(err)
	}
	for i := range 5 {
		r := m.Routers[i%len(m.Routers)]
		number := fmt.Sprintf("MOD-%d", i+1)
		c := &customer{number: number, names: [2]string{strings.ToLower(number), strings.ToLower(number) + ".new"}, router: r}
		if i == 3 {
			c.address = "100.127.0.3"
		}
		m.subs = append(m.subs, c)
		m.add(c, m.offers[i%len(m.offers)], i*7)
	}
	m.compareEverything()
	return m
}

const gardenRate = "256k/256k"

func (m *model) close() {
	m.end()
	if err := m.Close(); err != nil {
		m.fatalf("close the stage: %v", err)
	}
}

func (m *model) by() console.By { return console.By{Actor: "staff"} }

func (m *model) must(err error) {
	m.t.Helper()
	if err != nil {
		m.fatalf("%v", err)
	}
}

func (m *model) fatalf(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s\nthe end of the log:\n%s", fmt.Sprintf(format, args...), &m.log)
}

// tell says what is done, for the person who reads a failure.
func (m *model) tell(format string, args ...any) {
	m.t.Log(m.clock.Now().UTC().Format("2 Jan 15:04:05 ") + fmt.Sprintf(format, args...))
}

func decimal(minor int64) string { return fmt.Sprintf("%d.%02d", minor/100, minor%100) }

// add opens an account, paid for some hours.
func (m *model) add(c *customer, o *offer, hours int) {
	now := m.clock.Now()
	password := stage.Receipt()
	c.books = books{plan: o, username: c.names[0], password: password, address: c.address, handled: now}
	n := console.NewSubscriber{
		Account: c.number, Name: "Sample " + c.number, Router: c.router.Name(), Plan: o.name, Username: c.username,
		Password: password, FixedIP: c.address,
	}
	if hours > 0 {
		c.expires = now.Add(time.Duration(hours) * time.Hour)
		n.PaidUntil = c.expires
	}
	m.tell("add %s to %s with %s for %d hours, user %s", c.number, c.router.Name(), o.name, hours, c.username)
	_, err := m.Staff.AddSubscriber(m.ctx, m.by(), n)
	m.must(err)
	c.exists = true
	m.plugIn(c)
}

// plugIn gives the box what it has to dial with.
func (m *model) plugIn(c *customer) {
	c.boxHas = c.password
	c.router.SetCustomer(c.username, c.password, true)
}

// order gives an order to an account whose rules say whether it may be given, and follows it until it is applied. then
// is what it does besides.
func (m *model) order(c *customer, o console.Order, r rule, then func()) {
	m.given(c, fmt.Sprintf("%T %+v", o, o), r, then, func() (int64, error) {
		given, err := m.Staff.Give(m.ctx, m.by(), c.number, o)
		return given.ID, err
	})
}

func (m *model) given(c *customer, what string, r rule, then func(), give func() (int64, error)) {
	m.t.Helper()
	m.tell("%s: %s", c.number, strings.TrimPrefix(what, "console."))
	try := c.books
	now := m.clock.Now()
	for _, w := range c.waiting {
		try.apply(now, w.rule)
	}
	allowed := try.apply(now, r)
	id, err := give()
	if _, refused := errors.AsType[*console.ConflictError](err); refused && !allowed {
		m.tell("refused: %v", err)
		return
	}
	m.must(err)
	if !allowed {
		m.fatalf("%s of %s was accepted, and should be refused", what, c.number)
	}
	c.waiting = append(c.waiting, &waiting{id: id, rule: r, then: then})
	if !m.stopped {
		m.settle()
	}
}

// settle waits until everything that was accepted is applied, and applies it to the model.
func (m *model) settle() {
	m.t.Helper()
	m.must(m.UntilProcessed(m.ctx))
	m.must(m.UntilNumber(m.ctx, "every action is applied", 0, `select count(*) from actions where state = 'accepted'`))
	for _, c := range m.subs {
		for _, w := range c.waiting {
			view, err := m.Staff.Action(m.ctx, w.id)
			m.must(err)
			if view.AppliedAt == nil {
				c.tick(m.clock.Now())
				if try := c.books; try.apply(m.clock.Now(), w.rule) {
					m.fatalf("action %d (%s) of %s was refused: %s", w.id, view.Kind, c.number, view.Reason)
				}
				continue
			}
			if !c.apply(*view.AppliedAt, w.rule) {
				m.fatalf("action %d (%s) of %s was applied, and should be refused", w.id, view.Kind, c.number)
			}
			if w.then != nil {
				w.then()
			}
		}
		c.waiting = nil
	}
	// The clock's own work.
	m.must(stage.Until(m.ctx, "what is due is handled", func(ctx context.Context) (bool, error) {
		// Asynq keeps the machine's time, and would leave a due time until that comes.
		if _, err := m.scheduled.RunAllScheduledTasks(jobs.QueueActions); err != nil && !errors.Is(err, asynq.ErrQueueNotFound) {
			return false, err
		}
		n, err := m.Number(ctx, `select count(*) from subscribers where due_at <= $1`, m.clock.Now())
		return n == 0, err
	}))
	for _, c := range m.subs {
		if !c.exists || !c.due(m.clock.Now()) {
			continue
		}
		var at time.Time
		m.must(m.Pool.QueryRow(m.ctx, `select applied_at from actions a join subscribers s on s.id = a.subscriber_id
			where a.kind = 'expire' and s.account = $1 order by a.id desc limit 1`, c.number).Scan(&at))
		c.tick(at)
	}
}

// awayFromEdges lets the edges that are near pass, so that no step depends on which side of one it falls.
func (m *model) awayFromEdges() {
	for {
		now := m.clock.Now()
		edge, found := m.edgeWithin(now, now.Add(edgeMargin))
		if !found {
			return
		}
		m.tell("let %s pass", edge.UTC().Format("02 15:04:05"))
		m.clock.advance(edge.Sub(now) + time.Second)
		m.settle()
	}
}

// edgeMargin is longer than a step takes.
const edgeMargin = 90 * time.Second

func (m *model) edgeWithin(from, to time.Time) (first time.Time, found bool) {
	for _, c := range m.subs {
		if !c.exists {
			continue
		}
		edges := c.edges()
		if !c.expires.IsZero() {
			edges = append(edges, c.expires.Add(lateRenewal))
		}
		for _, at := range edges {
			if at.After(from) && !at.After(to) && (!found || at.Before(first)) {
				first, found = at, true
			}
		}
	}
	return first, found
}

// later moves the clock on by about d, and away from the edges.
func (m *model) later(d time.Duration) {
	now := m.clock.Now()
	target := now.Add(d)
	for {
		edge, found := m.edgeWithin(target.Add(-edgeMargin), target.Add(edgeMargin))
		if !found {
			break
		}
		target = edge.Add(edgeMargin + time.Second)
	}
	m.tell("%s pass", target.Sub(now).Round(time.Second))
	m.clock.advance(target.Sub(now))
}
