package db_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"qserve/db"
	"qserve/internal/stack/stacktest"
)

// step is a step of a plan that was carried out.
type step struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []step
}

func (s step) all() []step {
	steps := []step{s}
	for _, p := range s.Plans {
		steps = append(steps, p.all()...)
	}
	return steps
}

// crowd is a database of 20,000 subscribers: one in ten has the first name Jane, one in seven the last name Wanjiru.
// Plans, also those inside functions, are told to the second result as they are carried out.
func crowd(t *testing.T) (conn *pgx.Conn, plans *[]step) {
	t.Helper()
	cfg, err := pgx.ParseConfig(stacktest.Database(t, migrate))
	if err != nil {
		t.Fatal(err)
	}
	plans = &[]step{}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		_, text, ok := strings.Cut(n.Message, "plan:")
		var plan struct{ Plan step }
		if ok && json.Unmarshal([]byte(text), &plan) == nil {
			*plans = append(*plans, plan.Plan)
		}
	}
	if conn, err = pgx.ConnectConfig(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	for _, sql := range []string{
		`insert into plans (name, rate, duration_count, duration_unit, price_minor, currency) values ('Home', '5M/10M', 1, 'months', 150000, 'KES')`,
		`insert into routers (name, mode, api_address, api_plain) values ('Ngong', 'local', '192.0.2.1:8728', true)`,
		`insert into subscribers (account, name, phone, router_id, username, password_sealed, plan_id, currency)
			select 'ACC-' || lpad(n::text, 5, '0'),
				case when n % 10 = 0 then 'Jane' else 'Ja' || chr(97 + n % 26) || chr(97 + n / 26 % 26) end || ' '
				|| case when n % 7 = 0 then 'Wanjiru' else 'Wa' || chr(97 + n % 26) || chr(97 + n / 676 % 26) end,
				'+2547' || 10000000 + n, 1, 'user' || n, '\x00', 1, 'KES' from generate_series(1, 20000) n`,
		`vacuum analyze`,
		`load 'auto_explain'`,
		`set auto_explain.log_min_duration = 0`, `set auto_explain.log_nested_statements = on`, `set auto_explain.log_analyze = on`,
		`set auto_explain.log_format = json`, `set auto_explain.log_level = notice`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return conn, plans
}

func TestSearch_ReadsAPageOfTheIndexHoweverCommonTheWords(t *testing.T) {
	t.Parallel()
	conn, plans := crowd(t)
	q := db.New(conn)
	const page = 20
	terms := func(prefixes ...string) func() (int, error) {
		return func() (int, error) {
			rows, err := q.FindByTerms(t.Context(), db.FindByTermsParams{
				Prefixes: prefixes, Receipts: []string{}, Besides: []string{}, Others: []string{}, Now: noon, Most: page,
			})
			return len(rows), err
		}
	}
	pair := func(first, second string) func() (int, error) {
		return func() (int, error) {
			rows, err := q.FindByPair(t.Context(), db.FindByPairParams{
				First: first, Second: second, FromTerm: " " + first, Besides: []string{}, Others: []string{}, Now: noon, Most: page,
			})
			return len(rows), err
		}
	}
	for name, find := range map[string]func() (int, error){
		"one letter": terms("j"), "a common word": terms("jane"), "the beginning of every phone number": terms("+2547"),
		"the end of a phone number": terms("<10"), "two common words": pair("wanjiru", "jane"), "two letters": pair("w", "j"),
	} {
		*plans = nil
		found, err := find()
		if err != nil || found != page || len(*plans) == 0 {
			t.Errorf("%s: found %d, %v; saw %d plans", name, found, err, len(*plans))
			continue
		}
		read := 0.0
		for _, plan := range *plans {
			for _, s := range plan.all() {
				if s.Type == "Seq Scan" && (s.Relation == "subscriber_terms" || slices.Contains(bigTables, s.Relation)) && s.Loops > 0 && s.Rows > 0 {
					t.Errorf("%s reads %.0f rows of %s without an index", name, s.Rows, s.Relation)
				}
				if s.Index == "subscriber_terms_pkey" {
					read += s.Rows * s.Loops
				}
			}
		}
		if read < page || read > 3*page {
			t.Errorf("%s reads %.0f terms for a page of %d", name, read, page)
		}
	}
}
