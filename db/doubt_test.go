package db_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/db"
)

// A worker that lost the router to another one may store late what it had seen. By then the session may have been changed
// once more.
func TestASessionBeingChanged_IsUnknownUntilTheNewestGenerationIsConfirmed(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.exec(`insert into provisions (router_id, username, subscriber_id, state, rate, want_gen, wanted_at)
		values ($1, 'jane', $2, 'enabled', '5M/10M', 2, $3)`, b.router, b.jane, noon.Add(-time.Hour))
	b.session("1", "jane", true)
	b.session("2", "jane", false)
	b.exec(`update sessions set rate = '5M/10M'`)
	type has struct{ Rate, List string }
	sessions := func(ended, open has) {
		t.Helper()
		var got [2]has
		if err := b.pool.QueryRow(t.Context(), `select e.rate, e.address_list, o.rate, o.address_list from sessions e, sessions o
			where e.acct_session_id = '1' and o.acct_session_id = '2'`).Scan(&got[0].Rate, &got[0].List, &got[1].Rate, &got[1].List); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([2]has{ended, open}, got); diff != "" {
			t.Errorf("the ended and the open session have (-want +got):\n%s", diff)
		}
	}
	doubt := func(list string) {
		t.Helper()
		if err := b.q.DoubtSessions(t.Context(), db.DoubtSessionsParams{RouterID: b.router, Username: "jane", AddressList: list}); err != nil {
			t.Fatal(err)
		}
	}
	confirmed := func(gen int64, rate, list string) {
		t.Helper()
		if err := b.q.SessionsHaveRate(t.Context(), db.SessionsHaveRateParams{
			RouterID: b.router, Usernames: []string{"jane"}, Gens: []int64{gen}, Rates: []string{rate}, AddressLists: []string{list},
		}); err != nil {
			t.Fatal(err)
		}
	}
	old := has{"5M/10M", ""}

	doubt("")
	sessions(old, has{"", ""})
	doubt("qserve-expired")
	sessions(old, has{"", "qserve-expired"})
	doubt("") // on the way out again it may still be inside
	sessions(old, has{"", "qserve-expired"})
	confirmed(1, "256k/256k", "qserve-expired")
	sessions(old, has{"", "qserve-expired"})
	confirmed(2, "5M/10M", "")
	sessions(old, old)
}

// That nothing runs is as old as the generation that was confirmed, too.
func TestASessionThatBeganAfterAnOlderGeneration_IsNotEndedByItsLateConfirmation(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.exec(`insert into provisions (router_id, username, subscriber_id, state, rate, want_gen, wanted_at)
		values ($1, 'jane', $2, 'enabled', '5M/10M', 3, $3)`, b.router, b.jane, noon.Add(-time.Hour))
	b.session("1", "jane", false)
	gone := func(gen, want int64) {
		t.Helper()
		if err := b.q.SessionsGone(t.Context(), db.SessionsGoneParams{
			RouterID: b.router, Usernames: []string{"jane"}, Gens: []int64{gen}, At: noon,
		}); err != nil {
			t.Fatal(err)
		}
		if open := b.id(`select count(*) from sessions where ended_at is null`); open != want {
			t.Errorf("after generation %d is confirmed %d sessions are open, want %d", gen, open, want)
		}
	}
	gone(2, 1)
	gone(3, 0)
}
