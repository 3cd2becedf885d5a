package jobs

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/db"
)

func (o *office) tidies(h *house) {
	o.t.Helper()
	if err := o.tidy(o.t.Context(), h, o.clock.Now()); err != nil {
		o.t.Fatal(err)
	}
}

// ended stores a webhook that came to an end in a state.
func (o *office) ended(state string, received time.Time) int64 {
	o.t.Helper()
	id := o.delivery(fmt.Sprintf("%s %s", state, received), received)
	o.exec("update deliveries set state = $2, processed_at = received_at where id = $1", id, state)
	return id
}

func (o *office) bodies() []string {
	o.t.Helper()
	return o.rows("select d.id || case when d.body = '' then ' empty' else ' kept' end from deliveries d order by d.id")
}

func TestTidying_DropsBodiesOfWebhooksThatNothingCameOf(t *testing.T) {
	t.Parallel()
	o := setup(t)
	old, young := noon.Add(-keepBodies-time.Second), noon.Add(-keepBodies)
	var want []string
	for _, state := range []string{"ignored", "failed", "processed"} {
		kept := map[bool]string{true: " kept", false: " empty"}
		want = append(want, fmt.Sprintf("%d%s", o.ended(state, old), kept[state == "processed"]), fmt.Sprintf("%d kept", o.ended(state, young)))
	}
	want = append(want, fmt.Sprintf("%d kept", o.delivery("still waits", old)))
	var h house
	o.tidies(&h)
	if diff := cmp.Diff(want, o.bodies()); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
	// The younger ones come of age. Within the day the next round looks only behind what it has emptied.
	o.clock.Advance(lookEvery)
	o.tidies(&h)
	if got := o.rows("select 'x' from deliveries where body <> ''"); len(got) != 3 {
		t.Errorf("%d bodies are kept, want those of what was processed and of what waits", len(got))
	}
}

func TestTidying_GoesOnUntilNoOldBodyIsLeft(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.exec(`insert into deliveries (source_id, delivery_key, digest, body, received_at, state, processed_at)
		select $1, n::text, sha256('x'), '{}', $2, 'ignored', $2 from generate_series(1, $3::int) n`, o.source, noon.Add(-2*keepBodies), 2*tidyMost+1)
	o.tidies(&house{})
	if got := o.rows("select count(*)::text from deliveries where body <> ''"); got[0] != "0" {
		t.Errorf("%s bodies are left", got[0])
	}
}

func TestTidying_DropsWhatHasHadItsTime(t *testing.T) {
	t.Parallel()
	o := setup(t)
	token := o.id("insert into api_tokens (name, hash, scopes, created_at) values ('till', sha256('x'), '{read}', $1) returning id", noon)
	for table, insert := range map[string]func(at time.Time){
		"staff_sessions": func(at time.Time) {
			o.exec("insert into staff_sessions (token_hash, data, expires_at) values (sha256($1::text::bytea), '', $2)", at.String(), at)
		},
		"presence": func(at time.Time) {
			o.exec("insert into presence (subscriber_id, staff_id, seen_at) values ($1, $2, $3)", o.jane, at.UnixNano(), at.Add(-keepPresence))
		},
		"api_answers": func(at time.Time) {
			o.exec("insert into api_answers (token_id, key, digest, created_at) values ($1, $2, sha256('x'), $3)", token, at.String(), at.Add(-keepAnswers))
		},
		"nobodys_sign_ins": func(at time.Time) {
			o.exec("insert into nobodys_sign_ins (bucket, tried_at) values (nobodys_bucket($1), $2)", at.String(), at.Add(-keepNobodys))
		},
		"online_counts": func(at time.Time) {
			o.exec("insert into online_counts (at, router_id, online) values ($1, $2, 0)", at.Add(-keepOnlineCounts), o.router)
		},
	} {
		insert(noon.Add(-time.Second))
		insert(noon.Add(time.Second))
		o.tidies(&house{})
		if got := o.rows("select count(*)::text from " + table); got[0] != "1" {
			t.Errorf("of two rows of %s there are %s", table, got[0])
		}
	}
}

func TestTidying_IsLeftToTheWorkerThatIsAtIt(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.ended("failed", noon.Add(-2*keepBodies))
	tx, err := o.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if free, err := db.New(tx).KeepHouse(t.Context()); err != nil || !free {
		t.Fatalf("the other worker: %v, %v", free, err)
	}
	o.tidies(&house{})
	if got := o.rows("select 'x' from deliveries where body <> ''"); len(got) != 1 {
		t.Error("two workers tidy at once")
	}
}

func TestOnlineCustomers_AreCountedOnceARouterAndInstant(t *testing.T) {
	t.Parallel()
	o := setup(t)
	quiet := o.addRouter("Quiet")
	o.exec("update routers set interim_seconds = 100, sessions_at = case when id = $2 then $1::timestamptz end", noon.Add(-301*time.Second), quiet)
	o.exec("update routers set archived_at = now() where id = $1", o.addRouter("Gone"))
	session := func(router int64, id, username string, seen time.Time, ended *time.Time) {
		o.exec(`insert into sessions (router_id, acct_session_id, username, started_at, seen_at, ended_at) values ($1, $2, $3, $4, $4, $5)`,
			router, id, username, seen, ended)
	}
	customer := func(router int64, username string) {
		o.exec(`insert into subscribers (account, name, router_id, username, password_sealed, plan_id, currency) values ($2, 'X', $1, $2, '\x00', 1, 'KES')`, router, username)
	}
	ended := noon
	for _, name := range []string{"amina", "brian", "celine"} {
		customer(o.router, name)
	}
	session(o.router, "1", "jane", noon.Add(-300*time.Second), nil)
	session(o.router, "2", "jane", noon, nil) // one customer, whatever her router shows
	session(o.router, "3", "amina", noon.Add(-301*time.Second), nil)
	session(o.router, "4", "brian", noon, &ended)
	session(o.router, "5", "nobody's", noon, nil)
	session(o.router, "6", "celine", noon, nil)
	customer(quiet, "doreen")
	session(quiet, "7", "doreen", noon.Add(-time.Hour), nil)
	for range 2 {
		if err := o.countOnline(t.Context(), noon.Truncate(countEvery), noon); err != nil {
			t.Fatal(err)
		}
	}
	counts := func() []string {
		return o.rows("select r.name || ' ' || c.online from online_counts c join routers r on r.id = c.router_id order by c.at, 1")
	}
	if diff := cmp.Diff([]string{"Kilimani 2", "Quiet 0"}, counts()); diff != "" {
		t.Errorf("online (-want +got):\n%s", diff)
	}
	// A list of all sessions is a word about each of them.
	o.exec("update routers set sessions_at = $1", noon)
	if err := o.countOnline(t.Context(), noon.Add(countEvery), noon.Add(countEvery)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Kilimani 2", "Quiet 0", "Kilimani 3", "Quiet 1"}, counts()); diff != "" {
		t.Errorf("online, five minutes later (-want +got):\n%s", diff)
	}
}

func TestHousekeeping_CountsAtOnceAndThenEveryFiveMinutes(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.clock.Set(noon.Add(time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.keepHouse(ctx) }()
	for _, at := range []time.Time{noon, noon.Add(5 * time.Minute), noon.Add(10 * time.Minute)} {
		if err := o.clock.AwaitWaiters(ctx, 1); err != nil {
			t.Fatal(err)
		}
		if got := o.rows("select max(at)::text from online_counts"); len(got) != 1 || o.id("select count(*) from online_counts where at = $1", at) != 1 {
			t.Errorf("at %v the last count is of %v", at, got)
		}
		o.clock.Advance(5 * time.Minute)
		eventually(t, func() bool { return o.id("select count(*) from online_counts where at > $1", at) == 1 })
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
