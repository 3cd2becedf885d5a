package console_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/account"
	"qserve/console"
	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/seal"
	"qserve/internal/stack/stacktest"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

func migrate(ctx context.Context, url string) error {
	_, err := db.Migrate(ctx, url)
	return err
}

var noon = time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC) // 12:00 in Nairobi

// clerk is who asks for things in these tests.
var clerk = console.By{Actor: "staff clerk", Source: "10.0.0.7"}

// office is a service on a database of its own, at noon.
type office struct {
	*console.Service
	t     *testing.T
	pool  *pgxpool.Pool
	keys  *seal.Ring
	clock *clock.Manual
	rung  *ringer
	seen  int // lines of the audit log that were looked at
}

func setup(t *testing.T) *office {
	t.Helper()
	pool, err := db.Open(t.Context(), stacktest.Database(t, migrate), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	o := &office{t: t, pool: pool, keys: newRing(t), clock: clock.NewManual(noon), rung: &ringer{}}
	zone, err := time.LoadLocation("Africa/Nairobi")
	if err != nil {
		t.Fatal(err)
	}
	o.Service = console.New(console.Config{
		Pool: pool, Keys: o.keys, Ring: o.rung, Clock: o.clock, Zone: zone, Region: "KE", Currency: "KES",
		Log: slog.New(slog.DiscardHandler),
	})
	return o
}

// open is setup with a plan, a router and a subscriber.
func open(t *testing.T) *office {
	t.Helper()
	o := setup(t)
	o.furnish()
	if _, err := o.AddSubscriber(t.Context(), clerk, jane()); err != nil {
		t.Fatal(err)
	}
	return o
}

// furnish adds a plan and a router.
func (o *office) furnish() {
	o.t.Helper()
	if _, err := o.AddPlan(o.t.Context(), clerk, home()); err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.AddRouter(o.t.Context(), clerk, kilimani()); err != nil {
		o.t.Fatal(err)
	}
}

func newRing(t *testing.T) *seal.Ring {
	t.Helper()
	text, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func home() console.NewPlan {
	return console.NewPlan{
		Name: "Home 10", Rate: "5M/10M", Duration: console.Duration{Count: 1, Unit: account.Months}, Price: shillings("1500"),
	}
}

func shillings(amount string) console.Money { return console.Money{Amount: amount, Currency: "KES"} }

func kilimani() console.NewRouter {
	return console.NewRouter{
		Name: "Kilimani", Mode: "local", APIAddress: "10.9.0.2:8728", APIUser: "qserve", APIPassword: "api-password", APIPlain: true,
	}
}

func westlands() console.NewRouter {
	return console.NewRouter{Name: "Westlands", Mode: "radius", RadiusSecret: "radius-secret", NASAddress: "10.9.0.3"}
}

func jane() console.NewSubscriber {
	return console.NewSubscriber{
		Account: "ACC-0042", Name: "Jane", Phone: "0708 374 149", Router: "Kilimani", Plan: "Home 10", Password: "pppoe-password",
	}
}

// field is the field that an error blames, empty when it blames none.
func field(err error) string {
	if f, ok := errors.AsType[*console.FieldError](err); ok {
		return f.Field
	}
	return ""
}

// ringer remembers what it was rung for.
type ringer struct {
	mu      sync.Mutex
	actions map[int64]string
	routers []int64
	dues    map[int64]time.Time
	// deliveries are those that are to be looked at.
	deliveries []int64
}

func (r *ringer) RingDelivery(_ context.Context, ids ...int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deliveries = append(r.deliveries, ids...)
}

func (r *ringer) RingAction(_ context.Context, id int64, kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.actions == nil {
		r.actions = map[int64]string{}
	}
	r.actions[id] = kind
}

func (r *ringer) RingRouter(_ context.Context, id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.routers = append(r.routers, id)
}

func (r *ringer) RingDue(_ context.Context, subscriber int64, at, _ time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dues == nil {
		r.dues = map[int64]time.Time{}
	}
	r.dues[subscriber] = at
}
