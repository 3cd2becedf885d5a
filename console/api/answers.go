package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"qserve/db"
)

const (
	// abandonedAfter is when a request that has not answered is taken to have died with its process.
	abandonedAfter = 30 * time.Second
	// keepAnswers is for how long a repeated request gets its answer again.
	keepAnswers = 48 * time.Hour
	purgeEvery  = time.Minute
	purgeMost   = 5000 // rows
	// storeWithin bounds the storing of an answer, also when the client has gone.
	storeWithin = 5 * time.Second
)

// claim is a key that this run of a request holds.
type claim struct {
	token int64
	key   string
	at    time.Time
}

// claim reserves a key for a request, or returns the answer that was given to it.
func (s *server) claim(ctx context.Context, token int64, key string, digest []byte) (claim, *answer, error) {
	q := db.New(s.Service.Pool)
	now := s.Service.Clock.Now()
	s.purgeAnswers(ctx, q, now)
	at, err := q.ClaimAnswer(ctx, db.ClaimAnswerParams{
		TokenID: token, Key: key, Digest: digest, Now: now, Abandoned: now.Add(-abandonedAfter),
	})
	if err == nil {
		return claim{token, key, at}, nil, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return claim{}, nil, s.problem(ctx, fmt.Errorf("claim a request's key: %w", err), "")
	}
	row, err := q.AnswerByKey(ctx, db.AnswerByKeyParams{TokenID: token, Key: key})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		// It was released between the two looks.
		return claim{}, nil, running()
	case err != nil:
		return claim{}, nil, s.problem(ctx, fmt.Errorf("read a stored answer: %w", err), "")
	case !slices.Equal(row.Digest, digest):
		text := "was used for another request; a key belongs to one request only"
		return claim{}, nil, huma.Error422UnprocessableEntity(keyHeader+" "+text, detail("header", keyHeader, text))
	case row.Status == nil:
		return claim{}, nil, running()
	}
	stored, err := s.open(row)
	if err != nil {
		s.log.Error("a stored answer cannot be given again", "token", callOf(ctx).caller.Name, "error", err)
		return claim{}, nil, huma.Error409Conflict("this request was carried out, but its answer cannot be read any more; look at what it was about")
	}
	return claim{}, stored, nil
}

func running() error {
	return retryAfter(huma.Error409Conflict("this request is being carried out; ask again for its answer"), time.Second)
}

// keep stores the answer. If that fails, the claim is left, and the request when it is repeated knows its command by the
// request key.
func (s *server) keep(ctx context.Context, c claim, given *answer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	if err := s.seal(ctx, c, given); err != nil {
		s.log.Error("an answer could not be stored", "token", callOf(ctx).caller.Name, "error", err)
	}
}

func (s *server) seal(ctx context.Context, c claim, given *answer) error {
	headers := map[string]string{}
	for _, name := range storable {
		if value := given.header.Get(name); value != "" {
			headers[name] = value
		}
	}
	asJSON, err := json.Marshal(headers)
	if err != nil {
		return fmt.Errorf("write the headers of an answer: %w", err)
	}
	sealed, err := s.Service.Keys.Seal(given.body.Bytes(), db.AnswerRow(c.token, c.key))
	if err != nil {
		return err
	}
	err = db.New(s.Service.Pool).StoreAnswer(ctx, db.StoreAnswerParams{
		TokenID: c.token, Key: c.key, Claimed: c.at, Status: int32(given.status), Headers: asJSON, Sealed: sealed,
	})
	if err != nil {
		return fmt.Errorf("store an answer: %w", err)
	}
	return nil
}

func (s *server) open(row db.APIAnswer) (*answer, error) {
	body, err := s.Service.Keys.Open(row.Sealed, db.AnswerRow(row.TokenID, row.Key))
	if err != nil {
		return nil, err
	}
	var headers map[string]string
	if err := json.Unmarshal(row.Headers, &headers); err != nil {
		return nil, fmt.Errorf("read the headers of an answer: %w", err)
	}
	stored := newAnswer()
	stored.status = int(*row.Status)
	for name, value := range headers {
		stored.header.Set(name, value)
	}
	stored.body.Write(body)
	return stored, nil
}

// release gives a key back whose request came to no final answer, so that it can be tried again at once.
func (s *server) release(ctx context.Context, c claim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	err := db.New(s.Service.Pool).ReleaseAnswer(ctx, db.ReleaseAnswerParams{TokenID: c.token, Key: c.key, Claimed: c.at})
	if err != nil {
		s.log.Warn("a request's key stays claimed for a while", "token", callOf(ctx).caller.Name, "error", err)
	}
}

// purgeAnswers drops old answers, once in a while and a bounded number of them. A failure shows in the claim that follows.
func (s *server) purgeAnswers(ctx context.Context, q *db.Queries, now time.Time) {
	if !s.purge.due(now) {
		return
	}
	if err := q.DropAnswers(ctx, db.DropAnswersParams{Before: now.Add(-keepAnswers), Most: purgeMost}); err != nil {
		s.log.Warn("old answers could not be dropped", "error", err)
	}
}

// storable are the headers that belong to an answer, and not to its transport.
var storable = []string{"Content-Type", "Location", "Etag"}

// every lets something happen once in an interval.
type every struct {
	interval time.Duration
	last     atomic.Pointer[time.Time]
}

// due reports whether it is time, to one caller.
func (e *every) due(now time.Time) bool {
	last := e.last.Load()
	return (last == nil || now.Sub(*last) >= e.interval) && e.last.CompareAndSwap(last, &now)
}
