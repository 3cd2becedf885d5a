package api_test

import (
	"net/http"
	"strings"
	"testing"

	"qserve/console"
	"qserve/db"
)

func TestMistake_IsBlamedOnItsField(t *testing.T) {
	t.Parallel()
	o := setup(t)
	long := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		method, path, body string
		status             int
		location           string
	}{
		{"POST", "/subscribers/ACC-0042/suspend", `{"category":"bored"}`, 422, "body.category"},
		{"POST", "/subscribers/ACC-0042/suspend", `{"category":"other","why":1}`, 422, "body.why"},
		{"POST", "/subscribers/ACC-0042/extend", `{"days":366}`, 422, "body.days"},
		{"POST", "/subscribers/ACC-0042/extend", `{"days":"three"}`, 422, "body.days"},
		{"POST", "/subscribers/ACC-0042/extend", `{}`, 422, "body"},
		{"POST", "/subscribers/ACC-0042/extend", `{"days":`, 400, "body"},
		{"POST", "/subscribers/ACC-0042/extend", ``, 400, ""},
		{"POST", "/subscribers/ACC-0042/extend?previw=true", `{"days":1}`, 422, "query.previw"},
		{"POST", "/subscribers/ACC-0042/change-package", `{"plan":"Home 99","when":"now"}`, 422, "body.plan"},
		{"POST", "/subscribers/ACC-0043/extend", `{"days":1}`, 404, ""},
		{"POST", "/subscribers/ACC-0042/reconnect", `{}`, 409, ""},
		{"POST", "/subscribers/ACC-0042/notes", `{"text":"` + long + `"}`, 413, ""},
		{"POST", "/subscribers", `{"account":"ACC-0042","name":"x","router":"Kilimani","plan":"Home 10"}`, 409, "body.account"},
		{"POST", "/subscribers", `{"account":"ACC-0043","name":"x","router":"Karen","plan":"Home 10"}`, 422, "body.router"},
		{"PATCH", "/subscribers/ACC-0042", `{"phone":"no number"}`, 422, "body.phone"},
		{"PATCH", "/subscribers/ACC-0042", `{"name":"a\u0000b"}`, 422, "body.name"},
		{"DELETE", "/subscribers/ACC-0042", "", 422, "query.confirm"},
		{"DELETE", "/subscribers/ACC-0042?confirm=ACC-0041", "", 422, "query.confirm"},
		{"GET", "/subscribers?status=gone", "", 422, "query.status"},
		{"GET", "/subscribers?page=nonsense", "", 422, "query.page"},
		{"GET", "/subscribers?limit=201", "", 422, "query.limit"},
		{"GET", "/subscribers?q=%00", "", 422, "query.q"},
		{"GET", "/subscribers?plan=%00", "", 422, "query"},
		{"GET", "/subscribers/ACC-0043", "", 404, ""},
		{"GET", "/subscribers/ACC-0042/activity?page=nonsense", "", 422, "query.page"},
		{"GET", "/actions/9999", "", 404, ""},
		{"GET", "/actions/x", "", 422, "path.id"},
		{"GET", "/actions/9999/events", "", 404, ""},
		{"GET", "/payments/9999/receipt", "", 404, ""},
		{"POST", "/payments", `{"amount":"-1","method":"cash"}`, 422, "body.amount"},
		{"POST", "/payments", `{"amount":"1","method":"bank"}`, 422, "body.reference"},
		{"POST", "/payments/9999/allocate", `{"subscriber":"ACC-0042"}`, 404, ""},
		{"POST", "/plans", `{"name":"Home 10","rate":"1M/1M","duration":{"count":1,"unit":"days"},"price":{"amount":"1","currency":"KES"}}`, 409, "body.name"},
		{"PATCH", "/plans/Home%2010", `{"rate":"fast"}`, 422, "body.rate"},
		{"DELETE", "/routers/Kilimani", "", 409, ""},
		{"GET", "/nowhere", "", 404, ""},
	} {
		r := o.call(c.method, c.path, c.body)
		if r.status != c.status {
			t.Errorf("%s %s %.60s: got %d, want %d: %.300s", c.method, c.path, c.body, r.status, c.status, r.body)
			continue
		}
		if at := o.blamed(r); at != c.location {
			t.Errorf("%s %s %.60s: blamed on %q, want %q: %.300s", c.method, c.path, c.body, at, c.location, r.body)
		}
	}
}

func TestWhatWasSent_IsNotShownInARefusal(t *testing.T) {
	t.Parallel()
	o := setup(t)
	for _, body := range []string{`{"password":"hunter2","password2":"hunter2"}`, `{"password":"hunter2`, `{"password":["hunter2"]}`, `{"password":"\u0000hunter2"}`} {
		if r := o.call("PATCH", "/subscribers/ACC-0042", body); r.status < 400 || strings.Contains(r.body, "hunter2") {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if strings.Contains(o.log.String(), "hunter2") {
		t.Error("the log shows what was sent")
	}
}

func TestMethodThatAnAddressDoesNotTake_IsToldWhichOnesItTakes(t *testing.T) {
	t.Parallel()
	o := setup(t)
	r := o.want(http.StatusMethodNotAllowed, o.call("PUT", "/subscribers/ACC-0042", ""))
	if o.blamed(r); strings.Join(r.header.Values("Allow"), " ") != "GET PATCH DELETE" {
		t.Errorf("Allow %v", r.header.Values("Allow"))
	}
}

func TestEveryAnswer_IsKeptFromCachesAndTakenAsWhatItIs(t *testing.T) {
	t.Parallel()
	o := setup(t)
	for _, path := range []string{"/subscribers", "/nowhere", "/openapi.json", "/openapi.yaml", "/subscribers/ACC-0042/activity?format=csv"} {
		r := o.call("GET", path, "")
		if r.header.Get("Cache-Control") != "no-store" || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, r.header)
		}
	}
}

func TestLogLine_NamesTheRouteAndTheTokenAndNobodyElse(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.want(http.StatusOK, o.call("GET", "/subscribers?q=Jane", ""))
	action := read[console.Given](t, o.want(http.StatusAccepted, o.call("POST", "/subscribers/ACC-0042/notes", `{"text":"owes me"}`)))
	log := o.log.String()
	for _, part := range []string{
		`"method":"GET","route":"/api/v1/subscribers","status":200,"token":"read subscribers payments delete settings admin audit ops"`,
		`"method":"POST","route":"/api/v1/subscribers/{id}/notes","status":202`, `"action":` + id(action.ID),
	} {
		if !strings.Contains(log, part) {
			t.Errorf("no %s in the log:\n%s", part, log)
		}
	}
	for _, part := range []string{"Jane", "ACC-0042", "owes", o.token} {
		if strings.Contains(log, part) {
			t.Errorf("%s is in the log:\n%s", part, log)
		}
	}
}

// TestDatabaseThatIsAway closes the way to it: nobody listens at that address.
func TestDatabaseThatIsAway_MakesTheAPIUnavailable(t *testing.T) {
	t.Parallel()
	o := setup(t)
	gone, err := db.Open(t.Context(), "postgres://127.0.0.1:1/none", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	cfg := o.Config
	cfg.Pool = gone
	o.Service = console.New(cfg)
	o.serve(0)
	r := o.want(http.StatusServiceUnavailable, o.call("GET", "/plans", ""))
	if o.blamed(r); r.header.Get("Retry-After") != "5" || strings.Contains(r.body, "127.0.0.1") {
		t.Errorf("Retry-After %q: %s", r.header.Get("Retry-After"), r.body)
	}
}

func TestPanic_IsAnsweredWithAReferenceThatTheLogKnows(t *testing.T) {
	t.Parallel()
	o := setup(t)
	cfg := o.Config
	cfg.Checker = nil // which the handler calls
	o.Service = console.New(cfg)
	o.serve(0)
	r := o.want(http.StatusInternalServerError, o.call("POST", "/routers/Kilimani/check", "", "Idempotency-Key", "p"))
	o.blamed(r)
	detail := strings.Fields(read[problem](t, r).Detail)
	reference := detail[len(detail)-1]
	if log := o.log.String(); !strings.Contains(log, `"reference":"`+reference) || !strings.Contains(log, "nil pointer") || strings.Contains(r.body, "nil pointer") {
		t.Errorf("answer %s\nlog %s", r.body, log)
	}
	if n := o.count("select count(*) from api_answers"); n != 0 {
		t.Error("the key stays claimed")
	}
}
