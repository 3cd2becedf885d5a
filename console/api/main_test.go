package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/account"
	"qserve/console"
	"qserve/console/api"
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

var clerk = console.By{Actor: "staff clerk"}

// office is the staff API over HTTP, on a database of its own with one plan, one router and Jane, at noon.
type office struct {
	*console.Service
	t     *testing.T
	url   string // of a database, for a second pool
	pool  *pgxpool.Pool
	clock *clock.Manual
	http  *httptest.Server
	stop  chan struct{}
	log   *lockedBuffer
	token string // with every scope
}

func setup(t *testing.T) *office {
	t.Helper()
	url := stacktest.Database(t, migrate)
	pool, err := db.Open(t.Context(), url, 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	o := &office{t: t, url: url, pool: pool, clock: clock.NewManual(noon), stop: make(chan struct{}), log: &lockedBuffer{}}
	zone, err := time.LoadLocation("Africa/Nairobi")
	if err != nil {
		t.Fatal(err)
	}
	o.Service = console.New(console.Config{
		Pool: pool, Keys: newRing(t), Ring: silence{}, Clock: o.clock, Zone: zone, Region: "KE", Currency: "KES",
		Log:     slog.New(slog.NewJSONHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Checker: checker{}, Registry: registry{},
	})
	o.serve(0)
	o.token = o.tokenWith(console.Scopes...)
	o.furnish()
	return o
}

// serve mounts the API as the program does; readTimeout is the server's, 0 for none.
func (o *office) serve(readTimeout time.Duration) {
	o.t.Helper()
	handler, err := api.New(api.Config{
		Service: o.Service, Stop: o.stop, Version: "test",
		Address: func(*http.Request) string { return "10.0.0.7" },
	})
	if err != nil {
		o.t.Fatal(err)
	}
	mux := chi.NewRouter()
	mux.Mount(api.Prefix, handler)
	o.http = httptest.NewUnstartedServer(mux)
	o.http.Config.ReadTimeout = readTimeout
	o.http.Config.ErrorLog = log.New(io.Discard, "", 0)
	o.http.Start()
	o.t.Cleanup(o.http.Close)
}

func (o *office) furnish() {
	o.t.Helper()
	plan := console.NewPlan{
		Name: "Home 10", Rate: "5M/10M", Duration: console.Duration{Count: 1, Unit: account.Months},
		Price: console.Money{Amount: "1500", Currency: "KES"},
	}
	router := console.NewRouter{
		Name: "Kilimani", Mode: "local", APIAddress: "10.9.0.2:8728", APIUser: "qserve", APIPassword: "api-password", APIPlain: true,
	}
	jane := console.NewSubscriber{
		Account: "ACC-0042", Name: "Jane", Phone: "0708 374 149", Router: "Kilimani", Plan: "Home 10", Password: "pppoe-password",
		PaidUntil: noon.AddDate(0, 0, 10),
	}
	if _, err := o.AddPlan(o.t.Context(), clerk, plan); err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.AddRouter(o.t.Context(), clerk, router); err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.AddSubscriber(o.t.Context(), clerk, jane); err != nil {
		o.t.Fatal(err)
	}
}

// tokenWith makes a token that is named after its scopes.
func (o *office) tokenWith(scopes ...console.Scope) string {
	o.t.Helper()
	var names []string
	for _, scope := range scopes {
		names = append(names, string(scope))
	}
	return o.tokenOf(console.NewToken{Name: strings.Join(names, " "), Scopes: names, RatePerSecond: 1000})
}

func (o *office) tokenOf(n console.NewToken) string {
	o.t.Helper()
	made, err := o.MakeToken(o.t.Context(), clerk, n)
	if err != nil {
		o.t.Fatal(err)
	}
	return made.Token
}

// reply is an answer as a client sees it.
type reply struct {
	status int
	header http.Header
	body   string
}

// call sends a request below the prefix. headers are pairs of name and value; the full token is sent unless they say otherwise.
func (o *office) call(method, path, body string, headers ...string) reply {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.http.URL+api.Prefix+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+o.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := o.http.Client().Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(text)}
}

// want fails the test unless the answer has that status.
func (o *office) want(status int, r reply) reply {
	o.t.Helper()
	if r.status != status {
		o.t.Fatalf("got %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// read fills into from an answer.
func read[T any](t *testing.T, r reply) T {
	t.Helper()
	var into T
	if err := json.Unmarshal([]byte(r.body), &into); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return into
}

// problem is RFC 9457 as a client reads it.
type problem struct {
	Title, Detail string
	Status        int
	Errors        []struct{ Location, Message string }
}

// blamed is where a problem says the mistake is.
func (o *office) blamed(r reply) string {
	o.t.Helper()
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		o.t.Errorf("a problem of type %s: %s", got, r.body)
	}
	p := read[problem](o.t, r)
	if p.Status != r.status || p.Title == "" || p.Detail == "" {
		o.t.Errorf("%d with the problem %s", r.status, r.body)
	}
	if len(p.Errors) == 0 {
		return ""
	}
	return p.Errors[0].Location
}

// count asks the database.
func (o *office) count(sql string, args ...any) (n int) {
	o.t.Helper()
	if err := o.pool.QueryRow(o.t.Context(), sql, args...).Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

func (o *office) exec(sql string, args ...any) {
	o.t.Helper()
	if _, err := o.pool.Exec(o.t.Context(), sql, args...); err != nil {
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

// silence is a bell that nobody hears.
type silence struct{}

func (silence) RingAction(context.Context, int64, string)            {}
func (silence) RingRouter(context.Context, int64)                    {}
func (silence) RingDue(context.Context, int64, time.Time, time.Time) {}
func (silence) RingDelivery(context.Context, ...int64)               {}

// checker finds a router in order.
type checker struct{}

func (checker) CheckRouter(context.Context, db.Router) (console.RouterReport, error) {
	return console.RouterReport{Reachable: true, Identity: "kilimani-1"}, nil
}

// registry knows one kind of payment source.
type registry struct{}

func (registry) Register(
	ctx context.Context, tx pgx.Tx, n console.NewSource, currency string, _ time.Time,
) (console.RegisteredSource, error) {
	q := db.New(tx)
	id, err := q.NextSourceID(ctx)
	if err != nil {
		return console.RegisteredSource{}, err
	}
	row, err := q.CreateSource(ctx, db.CreateSourceParams{
		ID: id, Name: n.Name, Kind: n.Kind, TokenHash: bytes.Repeat([]byte{byte(id)}, 32), TokenSealed: []byte{1}, Merchant: n.Merchant, Currency: currency,
	})
	return console.RegisteredSource{Source: row, Secret: "whsec_first"}, err
}

func (registry) RotateSecret(context.Context, pgx.Tx, db.PaymentSource, time.Duration, time.Time) (string, error) {
	return "whsec_second", nil
}

func (registry) Addresses(db.PaymentSource) ([]console.AddressView, error) {
	return []console.AddressView{{Name: "webhook", URL: "https://pay.example/in/9f86"}}, nil
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func id(n int64) string { return strconv.FormatInt(n, 10) }
