package jobs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"

	"qserve/internal/clock"
)

// Errors are of three kinds, decided where they are born: permanent ones stop and tell a person; a wait is no failure
// and does not count as an attempt; everything else is transient and tried again. This file is where they meet Asynq.

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error that trying again cannot mend. The task is archived, where a person sees it. Its row has to be
// done with in the same transaction: while it waits, the sweep brings the task back.
func Permanent(err error) error { return permanent{err} }

func isPermanent(err error) bool {
	_, ok := errors.AsType[permanent](err)
	return ok
}

// later is an error with its own time for the next attempt.
type later struct {
	at time.Time
	// counts is false for a wait, which is nobody's failure.
	counts bool
	error
}

func (l later) Unwrap() error { return l.error }

func waitUntil(at time.Time, why string) error { return later{at: at, error: errors.New(why)} }

func retryAt(at time.Time, err error) error { return later{at: at, counts: true, error: err} }

// forAsynq turns an error into what Asynq does the right thing with.
func forAsynq(err error) error {
	if _, ok := errors.AsType[permanent](err); ok {
		return fmt.Errorf("%w (%w)", err, asynq.SkipRetry)
	}
	return err
}

// countsAsFailure is asynq.Config.IsFailure.
func countsAsFailure(err error) bool {
	var l later
	return !errors.As(err, &l) || l.counts
}

// retryDelay is asynq.Config.RetryDelayFunc.
func retryDelay(c clock.Clock) asynq.RetryDelayFunc {
	return func(n int, err error, _ *asynq.Task) time.Duration {
		if l, ok := errors.AsType[later](err); ok {
			return max(l.at.Sub(c.Now()), 50*time.Millisecond)
		}
		return min(backoff(n), accountBackoff)
	}
}

// maxBackoff caps the pause before the next attempt: work is retried for ever, and a person at night does not wait
// longer than this for a mended router.
const maxBackoff = 5 * time.Minute

// accountBackoff caps it for work on accounts, which fails when the database does: once that is back, nobody who has
// paid waits for the end of a long pause.
const accountBackoff = 15 * time.Second

// backoff is the pause after n failures in a row: from one second doubling up to maxBackoff, less up to a quarter so
// that what failed together does not come back together.
func backoff(n int) time.Duration {
	pause := maxBackoff
	if n < 9 {
		pause = min(time.Second<<max(n, 0), maxBackoff)
	}
	return pause - rand.N(pause/4) //nolint:gosec // jitter is no secret
}
