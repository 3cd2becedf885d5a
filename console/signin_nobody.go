package console

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// A login that is nobody's is refused as a person's is: in the same words, after the same time, and locked after as many
// failures for as long. Otherwise five guesses would tell whether it exists. A login that cannot be anybody's by the rules
// for logins tells nothing, and is not counted.

// nobodysLock is a [*SignInError] while a login is locked, if it is nobody's.
func nobodysLock(ctx context.Context, q *db.Queries, login string, now time.Time) error {
	until, err := q.NobodysLock(ctx, login)
	if err != nil {
		return fmt.Errorf("look up the lock of a login that is nobody's: %w", err)
	}
	return lockedUntil(&until, now)
}

// missNobody counts a failure of a login that is nobody's, and returns what is told. Of guesses that come at once, no more
// count than of those that come one by one.
func (s *Service) missNobody(ctx context.Context, login string) error {
	told := miss(wrongSignIn())
	err := db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		now := s.Clock.Now()
		n, err := q.HoldNobody(ctx, db.HoldNobodyParams{Login: login, Now: now})
		if err != nil {
			return err
		}
		if lock := lockedUntil(n.LockedUntil, now); lock != nil {
			told = lock
			return nil
		}
		n.Failures++
		if lock := lockTime(n.Failures); lock > 0 {
			n.LockedUntil = new(now.Add(lock))
			told = lockedUntil(n.LockedUntil, now)
		}
		return q.SaveNobody(ctx, db.SaveNobodyParams{Bucket: n.Bucket, Failures: n.Failures, LockedUntil: n.LockedUntil})
	})
	if err != nil {
		return fmt.Errorf("count a wrong sign-in of a login that is nobody's: %w", err)
	}
	return told
}
