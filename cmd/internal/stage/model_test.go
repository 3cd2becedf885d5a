package stage_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"pgregory.net/rapid"

	"qserve/account"
	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
	"qserve/console"
)

// modelChecks is how many sequences are tried when -rapid.checks does not say it, and modelSteps how long each is.
const (
	modelChecks = "3"
	modelSteps  = 42
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
	chosen = chosen || os.Getenv("RAPID_CHECKS") != ""
	if !chosen {
		if err := flag.Set("rapid.checks", modelChecks); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t, url)
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
	t.Cleanup(m.close)
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
		m.t.Errorf("close the stage: %v", err)
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
