package pages_test

import (
	"context"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/account"
	"qserve/console"
	"qserve/console/pages"
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

// boss is who sets things up in these tests.
var boss = console.By{Actor: "staff boss"}

// password is everybody's in these tests.
const password = "a-password-of-tests"

// office is the console on a database of its own, at noon, with a plan, a router, a subscriber, and somebody of each role,
// whose sign-in is the name of the role. No worker runs: what is accepted stays so.
type office struct {
	*console.Service
	t     *testing.T
	pool  *pgxpool.Pool
	clock *clock.Manual
	url   string
}

func open(t *testing.T) *office {
	t.Helper()
	pool, err := db.Open(t.Context(), stacktest.Database(t, migrate), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	text, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Africa/Nairobi")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, pool: pool, clock: clock.NewManual(noon)}
	o.Service = console.New(console.Config{
		Pool: pool, Keys: keys, Ring: silent{}, Clock: o.clock, Zone: zone, Region: "KE", Currency: "KES", Log: slog.New(slog.DiscardHandler),
	})
	o.furnish()
	stop := make(chan struct{})
	handler, err := pages.New(pages.Config{
		Service: o.Service, Address: func(*http.Request) string { return "10.0.0.7" }, Stop: stop, PublicURL: "https://pay.example",
		Queues: func(mayChange bool) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/page") {
					fmt.Fprint(w, "<!doctype html><html><head><title>Asynq</title></head>")
					fmt.Fprint(w, "<body>The dashboard</body></html>")
					return
				}
				fmt.Fprintf(w, "queues, may change: %v", mayChange)
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stop) })
	o.url = server.URL
	return o
}

func (o *office) furnish() {
	o.t.Helper()
	ctx := o.t.Context()
	_, err := o.AddPlan(ctx, boss, console.NewPlan{
		Name: "Home 10", Rate: "5M/10M", Duration: console.Duration{Count: 30, Unit: account.Days},
		Price: console.Money{Amount: "1500", Currency: "KES"},
	})
	o.must(err)
	_, err = o.AddRouter(ctx, boss, console.NewRouter{
		Name: "Kilimani", Mode: "local", APIAddress: "10.9.0.2:8728", APIUser: "qserve", APIPassword: "api-password", APIPlain: true,
	})
	o.must(err)
	_, err = o.AddSubscriber(ctx, boss, console.NewSubscriber{
		Account: "ACC-0042", Name: "Jane Doe", Phone: "0708 374 149", Router: "Kilimani", Plan: "Home 10", Username: "jane042", Password: "pppoe-password",
	})
	o.must(err)
	for _, role := range console.Roles {
		o.exec(`insert into staff (login, name, role, password_hash, must_change, created_at) values ($1, 'The ' || $1, $1, $2, false, $3)`,
			string(role), hashed(), noon)
	}
}

// hashed is everybody's password, hashed once: it is made to take long.
var hashed = sync.OnceValue(func() string {
	hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		panic(err)
	}
	return hash
})

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) exec(sql string, args ...any) {
	o.t.Helper()
	_, err := o.pool.Exec(o.t.Context(), sql, args...)
	o.must(err)
}

// silent hears nothing: no worker runs.
type silent struct{}

func (silent) RingAction(context.Context, int64, string)            {}
func (silent) RingRouter(context.Context, int64)                    {}
func (silent) RingDue(context.Context, int64, time.Time, time.Time) {}
func (silent) RingDelivery(context.Context, ...int64)               {}

// browser is somebody's browser, with its cookies.
type browser struct {
	o      *office
	client *http.Client
}

// stranger is a browser that nobody has signed in with.
func (o *office) stranger() *browser {
	o.t.Helper()
	jar, err := cookiejar.New(nil)
	o.must(err)
	return &browser{o, &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as is a browser that somebody of that role has signed in with.
func (o *office) as(role console.Role) *browser {
	o.t.Helper()
	b := o.stranger()
	if a := b.post("/sign-in", "login", string(role), "password", password); a.status != http.StatusSeeOther {
		o.t.Fatalf("%s cannot sign in: %d %s", role, a.status, a.text())
	}
	return b
}

// answer is what a browser got.
type answer struct {
	status int
	header http.Header
	body   string
}

// text is what a person reads: the page without its tags.
func (a answer) text() string {
	var text strings.Builder
	inside := false
	for _, r := range a.body {
		switch {
		case r == '<':
			inside = true
			text.WriteByte(' ')
		case r == '>':
			inside = false
		case !inside:
			text.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(html.UnescapeString(text.String())), " ")
}

// location is where a redirection leads.
func (a answer) location() string { return a.header.Get("Location") }

func (b *browser) get(path string) answer { return b.send(http.MethodGet, path, nil, nil) }

// part asks as htmx does.
func (b *browser) part(path string) answer {
	return b.send(http.MethodGet, path, nil, http.Header{"Hx-Request": {"true"}})
}

// post sends a form: names and values in turns.
func (b *browser) post(path string, pairs ...string) answer {
	return b.send(http.MethodPost, path, form(pairs), nil)
}

// postPart sends a form as htmx does.
func (b *browser) postPart(path string, pairs ...string) answer {
	return b.send(http.MethodPost, path, form(pairs), http.Header{"Hx-Request": {"true"}})
}

func form(pairs []string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values
}

func (b *browser) send(method, path string, values url.Values, header http.Header) answer {
	b.o.t.Helper()
	r, err := http.NewRequestWithContext(b.o.t.Context(), method, b.o.url+path, strings.NewReader(values.Encode()))
	b.o.must(err)
	if values != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	maps.Copy(r.Header, header)
	answered, err := b.client.Do(r)
	b.o.must(err)
	defer answered.Body.Close()
	body, err := io.ReadAll(answered.Body)
	b.o.must(err)
	return answer{answered.StatusCode, answered.Header, string(body)}
}

// leftOpen is a page whose live pieces have begun to arrive, and go on until the test ends.
func (b *browser) leftOpen(path string) {
	b.o.t.Helper()
	r, err := http.NewRequestWithContext(b.o.t.Context(), http.MethodGet, b.o.url+path+"/live", nil)
	b.o.must(err)
	answered, err := b.client.Do(r)
	b.o.must(err)
	b.o.t.Cleanup(func() { _ = answered.Body.Close() })
	_, err = io.ReadFull(answered.Body, make([]byte, 1))
	b.o.must(err)
}

// key is the hidden one of the form on a page.
func (a answer) key() string {
	_, rest, _ := strings.Cut(a.body, `name="key" value="`)
	key, _, _ := strings.Cut(rest, `"`)
	return key
}
