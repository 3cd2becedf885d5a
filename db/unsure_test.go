package db_test

import (
	"testing"
	"time"

	"qserve/db"
)

// What a session was given is unknown when its line changed about when it was let in, and the line is then looked at again:
// once for each session, and not for those that were let in later.
func TestASessionThatBeganWhenItsLineChanged_IsInDoubtOnce(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	type told struct {
		id    string
		begin time.Duration // after the change
		doubt bool
		ended time.Duration // likewise; 0: it has not
	}
	for name, c := range map[string]struct {
		gen, done int64
		told      []told
	}{
		"begun long before, and seen only now":      {2, 2, []told{{"1", -5 * minute, true, 0}}},
		"begun just after":                          {2, 2, []told{{"1", minute - time.Millisecond, true, 0}}},
		"begun later":                               {2, 2, []told{{"1", minute, false, 0}}},
		"a look is under way":                       {2, 1, []told{{"1", time.Second, true, 0}}},
		"told again":                                {2, 2, []told{{"1", time.Second, true, 0}, {"1", time.Second, false, 0}}},
		"the next session after one in doubt":       {2, 2, []told{{"1", time.Second, true, 0}, {"2", 9 * time.Second, false, 0}}},
		"the next session after one before":         {2, 2, []told{{"1", -time.Second, true, 0}, {"2", 9 * time.Second, true, 0}}},
		"the next session after one ended for it":   {2, 2, []told{{"1", -9 * minute, true, time.Second}, {"2", 9 * time.Second, false, 0}}},
		"the next session after one ended before":   {2, 2, []told{{"1", -9 * minute, true, -time.Second}, {"2", 9 * time.Second, true, 0}}},
		"the line is what it was at the very first": {1, 1, []told{{"1", time.Second, false, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openBooks(t)
			b.exec(`insert into provisions (router_id, username, subscriber_id, state, rate, want_gen, done_gen, wanted_at)
				values ($1, 'jane', $2, 'enabled', '5M/10M', $3, $4, $5)`, b.router, b.jane, c.gen, c.done, noon)
			for _, s := range c.told {
				before := b.id(`select want_gen from provisions where username = 'jane'`)
				seen, err := b.q.SessionSeen(t.Context(), db.SessionSeenParams{
					RouterID: b.router, AcctSessionID: s.id, Username: "jane", Rate: "5M/10M", StartedAt: noon.Add(s.begin),
					SeenAt: noon.Add(9 * minute),
				})
				if err != nil {
					t.Fatal(err)
				}
				again := b.id(`select want_gen from provisions where username = 'jane'`) - before
				unknown := b.id(`select count(*) from sessions where acct_session_id = $1 and rate = ''`, s.id)
				if seen.Unsure != s.doubt || (again == 1) != s.doubt || unknown == 0 && s.doubt {
					t.Errorf("session %s: unsure %v, looked at again %d times, unknown %d; want doubt %v", s.id, seen.Unsure, again, unknown, s.doubt)
				}
				if s.ended != 0 {
					b.exec(`update sessions set ended_at = $1 where acct_session_id = $2`, noon.Add(s.ended), s.id)
				}
			}
		})
	}
}
