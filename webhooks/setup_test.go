package webhooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/db"
	"qserve/internal/seal"
	"qserve/internal/stack/stacktest"
	"qserve/webhooks"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

func migrate(ctx context.Context, url string) error {
	_, err := db.Migrate(ctx, url)
	return err
}

func freshDatabase(t testing.TB) string {
	t.Helper()
	return stacktest.Database(t, migrate)
}

// harness is an intake on a database of its own, served over HTTP.
type harness struct {
	t        testing.TB
	pool     *pgxpool.Pool
	gate     *gate
	keysJSON []byte
	keys     *seal.Ring
	spoolDir string
	ringer   *ringer
	log      *recorder
	seen     *tally
	server   *httptest.Server
	intake   *webhooks.Intake
	quit     func() // tells Run to end
	stop     func() // hangs up on everybody, ends Run and waits for it

	secrets []string // what must not show in the log
}

// prepare makes a harness whose intake does not run yet.
func prepare(t testing.TB, url string) *harness {
	t.Helper()
	pool, err := db.Open(t.Context(), url, 16)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	keysJSON, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Open(keysJSON)
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, pool: pool, gate: &gate{DBTX: pool}, keysJSON: keysJSON, keys: keys, spoolDir: t.TempDir(),
		ringer: &ringer{rung: make(chan []int64, 4096)}, log: &recorder{}, seen: newTally()}
	t.Cleanup(h.checkLog)
	return h
}

// setup makes a harness whose intake runs.
func setup(t testing.TB, change ...func(*webhooks.Config)) *harness {
	t.Helper()
	h := prepare(t, freshDatabase(t))
	h.start(change...)
	return h
}

func (h *harness) start(change ...func(*webhooks.Config)) {
	h.t.Helper()
	config := webhooks.Config{
		Pool: h.gate, Keys: h.keys, Ring: h.ringer, SpoolDir: h.spoolDir, Region: "KE", Observe: h.seen.add,
		Log: slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&config)
	}
	intake, err := webhooks.New(config)
	if err != nil {
		h.t.Fatal(err)
	}
	h.intake = intake
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- intake.Run(ctx) }()
	mux := http.NewServeMux()
	mux.Handle("/in/", http.StripPrefix("/in", intake.Handler()))
	h.server = httptest.NewServer(mux)
	server := h.server
	h.quit = cancel
	h.stop = sync.OnceFunc(func() {
		server.Close()
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("run the intake: %v", err)
		}
	})
	h.t.Cleanup(h.stop)
}

// checkLog holds for every test: what is secret or personal is not logged.
func (h *harness) checkLog() {
	h.t.Helper()
	text := h.log.String()
	for _, secret := range append(h.secrets, "JANE", "254708374149", "+254712345678", "ACC-0042", "/in/") {
		if strings.Contains(text, secret) {
			h.t.Errorf("the log shows %q:\n%s", secret, text)
		}
	}
}

// source is a payment source as its provider knows it.
type source struct {
	id     int64
	path   string
	secret string
}

// source adds a payment source. When the intake runs, it knows the source afterwards.
func (h *harness) source(kind, merchant string) source {
	h.t.Helper()
	s := h.add(kind, merchant)
	if h.server == nil {
		return s
	}
	for {
		a := h.post(s.path+map[string]string{"mpesa": "/confirm"}[kind], nil, nil)
		switch {
		case a.status == 400: // what it says to an empty body
			return s
		case a.status != 503 || h.t.Context().Err() != nil:
			h.t.Fatalf("a new source is answered %d %s", a.status, a.body)
		}
	}
}

// add registers a payment source as the operator's command does.
func (h *harness) add(kind, merchant string) source {
	h.t.Helper()
	done, err := webhooks.Register(h.t.Context(), h.pool, h.keys, webhooks.NewSource{
		Name: kind + " " + webhooks.NewToken(), Kind: kind, Merchant: merchant, Currency: "KES",
	}, time.Unix(0, 0))
	if err != nil {
		h.t.Fatal(err)
	}
	h.secrets = append(h.secrets, done.Token)
	if done.Secret != "" {
		h.secrets = append(h.secrets, done.Secret)
	}
	return source{id: done.Source.ID, path: "/in/" + done.Token, secret: done.Secret}
}

func (h *harness) addSecret(sourceID int64, secret string, from time.Time, until *time.Time) {
	h.t.Helper()
	q := db.New(h.pool)
	id, err := q.NextSecretID(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	sealed, err := h.keys.Seal([]byte(secret), webhooks.SecretRow(id))
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := q.AddSourceSecret(h.t.Context(), db.AddSourceSecretParams{
		ID: id, SourceID: sourceID, Sealed: sealed, NotBefore: from, NotAfter: until,
	}); err != nil {
		h.t.Fatal(err)
	}
	h.secrets = append(h.secrets, secret)
}

// subscriber adds one with a plan and a router of its own.
func (h *harness) subscriber(account, username, phone string) int64 {
	h.t.Helper()
	var id int64
	err := h.pool.QueryRow(h.t.Context(), `
		with plan as (
			insert into plans (name, rate, duration_count, duration_unit, price_minor, currency)
			values ('Plan of ' || $1, '5M/10M', 1, 'months', 150000, 'KES') returning id
		), router as (
			insert into routers (name, mode, api_address, api_plain)
			values ('Router of ' || $1, 'local', '192.0.2.1:8728', true) returning id
		)
		insert into subscribers (account, name, phone, username, password_sealed, currency, plan_id, router_id)
		select $1, 'A customer', $3, $2, '\x00', 'KES', plan.id, router.id from plan, router returning id`,
		account, username, phone).Scan(&id)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

type answer struct {
	status int
	body   string
	header http.Header
}

func (h *harness) post(path string, body []byte, header http.Header) answer {
	h.t.Helper()
	a, err := h.send(h.t.Context(), http.MethodPost, path, bytes.NewReader(body), header)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func (h *harness) send(ctx context.Context, method, path string, body io.Reader, header http.Header) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, h.server.URL+path, body)
	if err != nil {
		return answer{}, err
	}
	maps.Copy(r.Header, header)
	res, err := h.server.Client().Do(r)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, string(text), res.Header}, errors.Join(err, res.Body.Close())
}

func (h *harness) count(query string, args ...any) int {
	h.t.Helper()
	var n int
	if err := h.pool.QueryRow(h.t.Context(), query, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *harness) deliveries() int {
	h.t.Helper()
	return h.count("select count(*) from deliveries")
}

// confirmation is an M-Pesa confirmation of version 2; change overrides fields.
func confirmation(t testing.TB, change map[string]any) []byte {
	t.Helper()
	fields := map[string]any{
		"TransactionType": "Pay Bill", "TransID": "QSV1TEST01", "TransTime": "20261124101500", "TransAmount": "1500.00",
		"BusinessShortCode": "600100", "BillRefNumber": " acc-0042 ", "InvoiceNumber": "", "OrgAccountBalance": "25000.00",
		"ThirdPartyTransID": "", "MSISDN": "2547 ***** 126", "FirstName": "JANE", "MiddleName": "", "LastName": "",
	}
	maps.Copy(fields, change)
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
