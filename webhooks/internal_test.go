package webhooks

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/db"
	"qserve/internal/seal"
	"qserve/internal/stack/stacktest"
)

func TestRowThatSpoilsItsGroup_SpoilsNobodyElse(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t, func(ctx context.Context, url string) error {
		_, err := db.Migrate(ctx, url)
		return err
	})
	pool, err := db.Open(t.Context(), url, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	q := db.New(pool)
	source, err := q.CreateSource(t.Context(), db.CreateSourceParams{
		ID: 1, Name: "shop", Kind: "standard", TokenHash: TokenHash(NewToken()), TokenSealed: []byte{0}, Merchant: "shop", Currency: "KES",
	})
	if err != nil {
		t.Fatal(err)
	}
	var rung []int64
	g := newGroup(q, slog.New(slog.DiscardHandler), func(ids []int64) { rung = append(rung, ids...) })
	with := func(source int64, key string) delivery {
		return delivery{source: source, key: key, digest: make([]byte, 32), body: []byte("{}"), receivedAt: time.Unix(0, 0)}
	}
	// All of them wait before the only committer looks, so they are one group.
	all := map[string]delivery{
		"good 1": with(source.ID, "1"), "good 2": with(source.ID, "2"), "good 3": with(source.ID, "3"),
		"NUL": with(source.ID, "a\x00b"), "too long": with(source.ID, strings.Repeat("x", 257)), "no such source": with(99, "1"),
	}
	senders := map[string]*waiting{}
	for name, d := range all {
		senders[name] = &waiting{delivery: d, done: make(chan stored, 1)}
		if err := g.admit(senders[name]); err != nil {
			t.Fatal(err)
		}
	}
	g.stop()
	g.commit(t.Context())
	outcomes := map[string]Outcome{}
	for name, w := range senders {
		s := <-w.done
		outcomes[name] = s.outcome
		if s.err != nil && !spoiled(s.err) {
			t.Errorf("%s: %v", name, s.err)
		}
	}
	want := map[string]Outcome{"good 1": Stored, "good 2": Stored, "good 3": Stored, "NUL": "", "too long": "", "no such source": ""}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var rows int
	if err := pool.QueryRow(t.Context(), "select count(*) from deliveries").Scan(&rows); err != nil || rows != 3 || len(rung) != 3 {
		t.Errorf("%d stored, %d rung for, %v", rows, len(rung), err)
	}
	if s := g.store(t.Context(), with(source.ID, "late")); !errors.Is(s.err, errStopped) {
		t.Errorf("a delivery after the end: %+v", s)
	}
}

func TestBell_DropsWhatNobodyTakesAndNeverWaits(t *testing.T) {
	t.Parallel()
	var dropped int
	b := newBell(nil, func(deliveries int) { dropped += deliveries })
	for range ringsWaiting + 5 {
		b.ring([]int64{1, 2})
	}
	if dropped != 10 {
		t.Errorf("dropped %d, want 10", dropped)
	}
}

func TestFullSpool_TakesNoMore(t *testing.T) {
	t.Parallel()
	keysJSON, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Open(keysJSON)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openSpool(t.TempDir(), keys, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	s.most = 2
	for i := range 3 {
		err := s.put(delivery{source: 1, key: strconv.Itoa(i), body: []byte("{}")})
		if (i < 2) != (err == nil) {
			t.Errorf("delivery %d: %v", i, err)
		}
	}
	names, err := s.names()
	if err != nil || len(names) != 2 {
		t.Fatalf("%v, %v", names, err)
	}
	if err := s.drop(names[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.put(delivery{source: 1, key: "2", body: []byte("{}")}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
