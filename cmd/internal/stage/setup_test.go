package stage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/db"
	"qserve/jobs"
	"qserve/router"
)

const (
	planName  = "Home 10"
	planPrice = "1500.00"
	planMinor = 150000
	period    = 24 * time.Hour
)

// within bounds a test: a machine with much to do may be slow, but not for ever.
const within = 3 * time.Minute

// both is a router of each mode.
var both = []stage.RouterOptions{
	{Name: "Ngong", Mode: router.Local},
	{Name: "Kileleshwa", Mode: router.Radius},
}

// play is a stage of one test.
type play struct {
	*stage.Stage
	t   *testing.T
	ctx context.Context // of the test; a helper of a test may keep it
}

// setup opens a stage with one plan on the tests' PostgreSQL, and closes it after the test.
func setup(t *testing.T, options stage.Options) play {
	t.Helper()
	url, err := shared.url()
	if err != nil {
		t.Fatalf("start PostgreSQL for tests: %v", err)
	}
	options.Postgres.URL = url
	return open(t, options, within)
}

// setupAlone is setup with a PostgreSQL that the test may crash.
func setupAlone(t *testing.T, options stage.Options) play {
	t.Helper()
	return open(t, options, within)
}

func open(t *testing.T, options stage.Options, within time.Duration) play {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	if options.Routers == nil {
		options.Routers = both
	}
	if options.Settings == nil {
		options.Settings = map[string]string{"QSERVE_WORKERS": "16", "QSERVE_DATABASE_CONNS": "24"}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.NewTextHandler(logOf(t), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	s, err := stage.Open(ctx, options)
	if err != nil {
		t.Fatalf("open the stage: %v", err)
	}
	t.Cleanup(func() {
		defer cancel()
		if err := s.Close(); err != nil {
			t.Errorf("close the stage: %v", err)
		}
	})
	p := play{Stage: s, t: t, ctx: ctx}
	p.must(s.Plan(ctx, planName, "5M/10M", account.Duration{Count: 24, Unit: account.Hours}, planPrice))
	return p
}

func (p play) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// person adds a customer whose box dials, paid until the given instant.
func (p play) person(number string, r *stage.Router, paidUntil time.Time) stage.Person {
	p.t.Helper()
	people, err := p.People(p.ctx, r, planName, number, 1, true, func(int) time.Time { return paidUntil })
	p.must(err)
	return people[0]
}

// expired adds a customer who has to pay first.
func (p play) expired(number string, r *stage.Router) stage.Person {
	p.t.Helper()
	return p.person(number, r, time.Now().Add(-time.Hour))
}

// pays posts a payment of one period and returns its receipt.
func (p play) pays(who stage.Person) string {
	p.t.Helper()
	receipt := stage.Receipt()
	p.must(p.Pay(p.ctx, receipt, who.Account, planPrice))
	return receipt
}

func (p play) confirmed(receipt string) {
	p.t.Helper()
	_, err := p.UntilPaymentConfirmed(p.ctx, receipt)
	p.must(err)
}

func (p play) online(people ...stage.Person) {
	p.t.Helper()
	for _, who := range people {
		p.must(who.Online(p.ctx))
	}
}

func (p play) offline(people ...stage.Person) {
	p.t.Helper()
	for _, who := range people {
		p.must(who.Offline(p.ctx))
	}
}

func (p play) number(query string, args ...any) int64 {
	p.t.Helper()
	n, err := p.Number(p.ctx, query, args...)
	p.must(err)
	return n
}

func (p play) untilNumber(what string, want int64, query string, args ...any) {
	p.t.Helper()
	p.must(p.UntilNumber(p.ctx, what, want, query, args...))
}

// does has staff order something, and waits until the routers have confirmed it.
func (p play) does(who stage.Person, order console.Order) {
	p.t.Helper()
	given, err := p.Staff.Give(p.ctx, staff, who.Account, order)
	p.must(err)
	action, err := p.Staff.Follow(p.ctx, given.ID)
	p.must(err)
	if action.State != "confirmed" {
		p.t.Fatalf("%s of %s is %s: %s", action.Kind, who.Account, action.State, action.Reason)
	}
}

// staff is who orders things in tests.
var staff = console.By{Actor: "staff"}

func (p play) suspends(who stage.Person, category account.Category) {
	p.t.Helper()
	p.does(who, console.SuspendOrder{Category: string(category), Reason: "a test"})
}

func (p play) facts(who stage.Person) account.Account {
	p.t.Helper()
	id := p.number(`select id from subscribers where account = $1`, who.Account)
	facts, err := db.LockAccountFacts(p.ctx, db.New(p.Pool), id)
	p.must(err)
	return facts
}

// session is the number of a customer's session, which a redial changes.
func (p play) session(who stage.Person) string {
	p.t.Helper()
	s, online := who.Router.State().Session(who.Username)
	if !online {
		p.t.Fatalf("%s has no session on %s", who.Account, who.Router.Name())
	}
	return s.SessionID
}

// tasks counts the tasks of a queue by state, each with its payload and last error.
func (p play) tasks(queue string) map[asynq.TaskState][]*asynq.TaskInfo {
	p.t.Helper()
	rdb := program.OpenRedis(p.Settings)
	defer rdb.Close()
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	all := map[asynq.TaskState][]*asynq.TaskInfo{}
	for state, list := range map[asynq.TaskState]func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
		asynq.TaskStatePending: inspector.ListPendingTasks, asynq.TaskStateActive: inspector.ListActiveTasks,
		asynq.TaskStateScheduled: inspector.ListScheduledTasks, asynq.TaskStateRetry: inspector.ListRetryTasks,
		asynq.TaskStateArchived: inspector.ListArchivedTasks,
	} {
		tasks, err := list(queue, asynq.PageSize(1000))
		if errors.Is(err, asynq.ErrQueueNotFound) {
			continue // nobody has rung for anything yet
		}
		p.must(err)
		all[state] = tasks
	}
	return all
}

// everythingIsInOrder checks what holds whenever no work is left: nothing waits, nothing was given up, the books
// balance, and every router shows what the accounts ask for.
func (p play) everythingIsInOrder() {
	p.t.Helper()
	p.must(p.UntilProcessed(p.ctx))
	p.untilNumber("every action is confirmed", 0, `select count(*) from actions where state in ('accepted', 'applied')`)
	p.must(p.UntilConfirmed(p.ctx))
	for _, queue := range []string{jobs.QueueAccounts, jobs.QueueRouters} {
		for _, task := range p.tasks(queue)[asynq.TaskStateArchived] {
			p.t.Errorf("task %s was given up: %s", task.ID, task.LastErr)
		}
	}
	if n := p.number(`select count(*) from subscribers s where balance_minor <>
		coalesce((select sum(amount_minor) from ledger_entries l where l.subscriber_id = s.id), 0)`); n != 0 {
		p.t.Errorf("the balance of %d accounts is not the sum of their ledger", n)
	}
	if n := p.number(`select count(*) from payments p where (select count(*) from ledger_entries l
		where l.payment_id = p.id and l.kind = 'payment') <> case when p.subscriber_id is null then 0 else 1 end`); n != 0 {
		p.t.Errorf("%d payments are not credited exactly once", n)
	}
	p.routersShowWhatIsWanted()
}

// routersShowWhatIsWanted compares each router with the facts of its subscribers.
func (p play) routersShowWhatIsWanted() {
	p.t.Helper()
	rows, err := p.Pool.Query(p.ctx, `select s.id, r.name from subscribers s join routers r on r.id = s.router_id`)
	p.must(err)
	on := map[int64]string{}
	var id int64
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { on[id] = name; return nil })
	p.must(err)
	all, err := db.LockAccountsFacts(p.ctx, db.New(p.Pool), slices.Collect(maps.Keys(on)))
	p.must(err)
	byRouter := map[string][]account.Account{}
	for id, facts := range all {
		byRouter[on[id]] = append(byRouter[on[id]], facts)
	}
	for _, r := range p.Routers {
		for _, facts := range byRouter[r.Name()] {
			if err := p.shown(r, facts); err != nil {
				p.t.Error(err)
			}
		}
	}
}

// shown waits until a router shows what an account asks for: the secret in mode local, and the session, as every
// customer of the tests dials until let in.
func (p play) shown(r *stage.Router, facts account.Account) error {
	wanted := facts.Desired(time.Now()).State == account.LineEnabled
	who := stage.Person{Account: facts.Number, Username: facts.Username, Router: r}
	if secret, found := r.State().Secret(facts.Username); r.Options.Mode == router.Local && (!found || secret.Disabled == wanted) {
		return fmt.Errorf("the secret of %s on %s is there: %v, disabled: %v; wanted: enabled %v",
			facts.Number, r.Name(), found, secret.Disabled, wanted)
	}
	if wanted {
		return who.Online(p.ctx)
	}
	if _, online := r.State().Session(facts.Username); online {
		return fmt.Errorf("%s is online on %s, and should not be", facts.Number, r.Name())
	}
	return nil
}

// newcomer is a subscriber that the helpers above do not make.
func (p play) newcomer(n console.NewSubscriber) stage.Person {
	p.t.Helper()
	n.Plan = planName
	_, err := p.Staff.AddSubscriber(p.ctx, staff, n)
	p.must(err)
	p.Router(n.Router).SetCustomer(n.Username, n.Password, true)
	return stage.Person{Account: n.Account, Username: n.Username, Password: n.Password, Plan: planName, Router: p.Router(n.Router)}
}

// endsAt makes the paid time of a customer end at an instant, as if it had been sold earlier.
func (p play) endsAt(who stage.Person, at time.Time) {
	p.t.Helper()
	_, err := p.Pool.Exec(p.ctx, `update subscribers set expires_at = $1, due_at = $1 where account = $2`, at, who.Account)
	p.must(err)
}
