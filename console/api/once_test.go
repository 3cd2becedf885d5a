package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"qserve/console"
)

const suspend = `{"category":"other","reason":"test"}`

func (o *office) suspend(key string) reply {
	o.t.Helper()
	return o.call("POST", "/subscribers/ACC-0042/suspend", suspend, "Idempotency-Key", key)
}

func (o *office) suspensions() int {
	o.t.Helper()
	return o.count("select count(*) from actions where kind = 'suspend'")
}

func TestRepeatedRequest_IsCarriedOutOnceAndAnsweredTheSame(t *testing.T) {
	t.Parallel()
	o := setup(t)
	first := o.want(http.StatusAccepted, o.suspend("a"))
	again := o.want(http.StatusAccepted, o.suspend("a"))
	if again.body != first.body || again.header.Get("Location") != first.header.Get("Location") || first.header.Get("Location") == "" ||
		again.header.Get("Content-Type") != first.header.Get("Content-Type") {
		t.Errorf("first %+v\nthen %+v", first, again)
	}
	if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("replayed: first %q, then %q", first.header.Get("Idempotency-Replayed"), again.header.Get("Idempotency-Replayed"))
	}
	if n := o.suspensions(); n != 1 {
		t.Errorf("%d suspensions", n)
	}
	other := o.tokenWith(console.ScopeSubscribers) // whose keys are its own
	r := o.call("POST", "/subscribers/ACC-0042/suspend", suspend, "Idempotency-Key", "a", "Authorization", "Bearer "+other)
	if r.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("another token got the answer: %s", r.body)
	}
}

func TestRefusal_IsAnAnswerThatIsRepeatedToo(t *testing.T) {
	t.Parallel()
	o := setup(t)
	body := `{"grace_hours":0}`
	first := o.want(http.StatusConflict, o.call("POST", "/subscribers/ACC-0042/reconnect", body, "Idempotency-Key", "r"))
	again := o.want(http.StatusConflict, o.call("POST", "/subscribers/ACC-0042/reconnect", body, "Idempotency-Key", "r"))
	if o.blamed(again); again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("first %s\nthen %s", first.body, again.body)
	}
}

func TestKeyOfAnotherRequest_IsRefused(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.want(http.StatusAccepted, o.suspend("a"))
	for name, r := range map[string]reply{
		"other body":   o.call("POST", "/subscribers/ACC-0042/suspend", `{"category":"other"}`, "Idempotency-Key", "a"),
		"other path":   o.call("POST", "/subscribers/1/suspend", suspend, "Idempotency-Key", "a"),
		"other query":  o.call("POST", "/subscribers/ACC-0042/suspend?preview=true", suspend, "Idempotency-Key", "a"),
		"other method": o.call("DELETE", "/subscribers/ACC-0042/change-package", "", "Idempotency-Key", "a"),
		"too long":     o.suspend(strings.Repeat("k", 201)),
	} {
		if at := o.blamed(o.want(http.StatusUnprocessableEntity, r)); at != "header.Idempotency-Key" {
			t.Errorf("%s is blamed on %s", name, at)
		}
	}
	if n := o.suspensions(); n != 1 {
		t.Errorf("%d suspensions", n)
	}
}

func TestRequestThatIsStillRunning_IsAskedForLater(t *testing.T) {
	t.Parallel()
	o := setup(t)
	tx, err := o.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "lock table actions in exclusive mode"); err != nil {
		t.Fatal(err)
	}
	first := make(chan reply, 1)
	go func() { first <- o.suspend("a") }()
	o.await("select count(*) from api_answers where status is null", 1)
	r := o.want(http.StatusConflict, o.suspend("a"))
	if o.blamed(r); r.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	answer := o.want(http.StatusAccepted, <-first)
	if again := o.want(http.StatusAccepted, o.suspend("a")); again.body != answer.body || o.suspensions() != 1 {
		t.Errorf("first %s\nthen %s", answer.body, again.body)
	}
}

// await waits until the database says so.
func (o *office) await(sql string, want int) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 20*time.Second)
	defer cancel()
	for n := -1; n != want; {
		if err := o.pool.QueryRow(ctx, sql).Scan(&n); err != nil {
			o.t.Fatalf("%s is %d, and not %d: %v", sql, n, want, err)
		}
	}
}

func TestCrashBetweenTheCommandAndItsAnswer_DoesNotGiveTheCommandTwice(t *testing.T) {
	t.Parallel()
	o := setup(t)
	first := read[console.Given](t, o.want(http.StatusAccepted, o.suspend("a")))
	// What a process leaves that dies before it has stored the answer.
	o.exec("update api_answers set status = null, sealed = null, headers = '{}'")
	o.want(http.StatusConflict, o.suspend("a")) // it may still be running
	o.clock.Advance(30 * time.Second)
	again := o.want(http.StatusAccepted, o.suspend("a"))
	if got := read[console.Given](t, again); got.ID != first.ID || o.suspensions() != 1 {
		t.Errorf("action %d, then %d; %d suspensions", first.ID, got.ID, o.suspensions())
	}
	if replayed := o.want(http.StatusAccepted, o.suspend("a")); replayed.body != again.body || replayed.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("then %s", replayed.body)
	}
}

func TestRequestThatFailedHere_MayBeTriedAgainWithItsKey(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.exec("alter table actions rename to away")
	r := o.want(http.StatusInternalServerError, o.suspend("a"))
	if o.blamed(r); !strings.Contains(r.body, "reference") || strings.Contains(r.body, "actions") || strings.Contains(r.body, "SQL") {
		t.Errorf("a failure shows %s", r.body)
	}
	o.exec("alter table away rename to actions")
	o.want(http.StatusAccepted, o.suspend("a"))
	reader := o.tokenWith(console.ScopeRead)
	for range 2 {
		r := o.call("POST", "/subscribers/ACC-0042/suspend", suspend, "Idempotency-Key", "b", "Authorization", "Bearer "+reader)
		if o.want(http.StatusForbidden, r); r.header.Get("Idempotency-Replayed") != "" {
			t.Error("a 403 was stored")
		}
	}
}

func TestPasswordInAStoredAnswer_IsSealedToItsRow(t *testing.T) {
	t.Parallel()
	o := setup(t)
	edit := func(key string) reply {
		return o.call("PATCH", "/subscribers/ACC-0042", `{"generate_password":true}`, "Idempotency-Key", key)
	}
	first := read[console.Given](t, o.want(http.StatusAccepted, edit("a")))
	if again := read[console.Given](t, o.want(http.StatusAccepted, edit("a"))); again.Password != first.Password || first.Password == "" {
		t.Errorf("password %q, then %q", first.Password, again.Password)
	}
	if n := o.count("select count(*) from api_answers where position(convert_to($1, 'UTF8') in sealed) > 0", first.Password); n != 0 {
		t.Error("the stored answer shows the password")
	}
	if strings.Contains(o.log.String(), first.Password) {
		t.Error("the log shows the password")
	}
	o.exec("update api_answers set key = 'b'")
	if r := o.want(http.StatusConflict, edit("b")); strings.Contains(r.body, first.Password) {
		t.Errorf("an answer that was moved to another row opens: %s", r.body)
	}
}

func TestStoredAnswers_AreDroppedAfterTwoDays(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.want(http.StatusAccepted, o.suspend("a"))
	o.clock.Advance(49 * time.Hour)
	o.want(http.StatusAccepted, o.call("POST", "/subscribers/ACC-0042/notes", `{"text":"x"}`, "Idempotency-Key", "b"))
	if n := o.count("select count(*) from api_answers where key = 'a'"); n != 0 {
		t.Errorf("%d old answers", n)
	}
}
