package console

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

const (
	lockAfter   = 5 // failures in a row
	firstLock   = time.Minute
	longestLock = 30 * time.Minute
)

// lockTime is for how long an account is locked after so many failures in a row: each doubles it.
func lockTime(failures int32) time.Duration {
	if failures < lockAfter {
		return 0
	}
	return min(firstLock<<min(failures-lockAfter, 10), longestLock)
}

// missError is a wrong password or code, which counts as a failure.
type missError struct{ told *SignInError }

func (e *missError) Error() string { return e.told.Problem }

func miss(told *SignInError) error { return &missError{told} }

// try is one use of a password.
type try struct {
	password string
	login    string // that may be nobody's; empty: the person is known, or no login can be like that
	by       By     // for the line of the audit log when it locks the account
	read     func(q *db.Queries) (db.Staff, error)
	// use is what the right password is for, in the transaction that holds the person's row. It changes the row as it is to
	// be stored. A [*missError], which it returns before it changes anything, counts as a failure; with any other error
	// nothing is stored.
	use func(q *db.Queries, p *db.Staff, now time.Time) error
}

// tryPassword counts failures, and locks the account after too many. What is wrong is a [*missError], and a lock a
// [*SignInError] with its end.
//
// The hash is computed first, without a connection of the pool, and what it says is used only under the lock of the row:
// of guesses that come at once, no more count than of those that come one by one.
func (s *Service) tryPassword(ctx context.Context, t try) error {
	q := db.New(s.Pool)
	for range 5 {
		var nobodys error
		if t.login != "" { // also of somebody's, because what takes longer tells something
			nobodys = nobodysLock(ctx, q, t.login, s.Clock.Now())
		}
		row, err := t.read(q)
		if errors.Is(err, pgx.ErrNoRows) {
			return s.refuseNobody(ctx, t, nobodys)
		}
		if err != nil {
			return fmt.Errorf("look a person up: %w", err)
		}
		if err := locked(row, s.Clock.Now()); err != nil {
			return err
		}
		right, fresh, err := comparePassword(ctx, t.password, row.PasswordHash)
		if err != nil {
			return fmt.Errorf("check a password of staff %d: %w", row.ID, err)
		}
		if again, err := s.settle(ctx, t, row, right, fresh); !again {
			return err
		}
	}
	return errors.New("the password is changed each time it is looked at; try again")
}

// refuseNobody takes as long as a wrong password does. lock is what speaks against the login already.
func (s *Service) refuseNobody(ctx context.Context, t try, lock error) error {
	if lock != nil {
		return lock
	}
	if _, _, err := comparePassword(ctx, t.password, nobodysHash); err != nil {
		return err
	}
	if t.login == "" {
		return miss(wrongSignIn())
	}
	return s.missNobody(ctx, t.login)
}

// settle stores what came of a password that was compared with the hash in read. It has to be compared again when the
// hash is another one by now.
func (s *Service) settle(ctx context.Context, t try, read db.Staff, right bool, fresh string) (again bool, err error) {
	var refused error
	err = db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		p, err := q.LockStaff(ctx, read.ID)
		if err != nil {
			return fmt.Errorf("lock a person: %w", err)
		}
		now := s.Clock.Now()
		if p.RemovedAt != nil {
			refused = miss(wrongSignIn())
			return nil
		}
		if again = p.PasswordHash != read.PasswordHash; again {
			return nil
		}
		if refused = locked(p, now); refused != nil {
			return nil
		}
		refused = miss(wrongSignIn())
		if right {
			refused = t.use(q, &p, now)
		}
		if _, wrong := errors.AsType[*missError](refused); wrong {
			refused, err = fail(ctx, q, t.by, &p, refused, now)
			if err != nil {
				return err
			}
			return saveStaff(ctx, q, p)
		}
		if refused != nil {
			return refused
		}
		p.Failures, p.LockedUntil = 0, nil
		if fresh != "" && p.PasswordHash == read.PasswordHash {
			p.PasswordHash = fresh
		}
		return saveStaff(ctx, q, p)
	})
	if err != nil {
		return false, err
	}
	return again, refused
}

// fail counts a failure, and returns what is told: that the account is locked, when it is from now on.
func fail(ctx context.Context, q *db.Queries, by By, p *db.Staff, wrong error, now time.Time) (told, err error) {
	p.Failures++
	lock := lockTime(p.Failures)
	if lock == 0 {
		return wrong, nil
	}
	until := now.Add(lock)
	p.LockedUntil = &until
	summary := fmt.Sprintf("%s locked for %d minutes after %d wrong sign-ins in a row", p.Login, int(lock.Minutes()), p.Failures)
	return locked(*p, now), note(ctx, q, by, now, "sign-in-locked", actor(p.Login), summary, nil,
		map[string]string{"locked_until": until.UTC().Format(time.RFC3339)})
}

// locked is a [*SignInError] while an account is locked.
func locked(p db.Staff, now time.Time) error { return lockedUntil(p.LockedUntil, now) }

func lockedUntil(until *time.Time, now time.Time) error {
	if until == nil || !now.Before(*until) {
		return nil
	}
	return &SignInError{Problem: "Too many wrong sign-ins in a row; this account is locked for a while.", RetryAt: until.UTC()}
}

func saveStaff(ctx context.Context, q *db.Queries, p db.Staff) error {
	err := q.SaveStaff(ctx, db.SaveStaffParams{
		ID: p.ID, Name: p.Name, Role: p.Role, PasswordHash: p.PasswordHash, MustChange: p.MustChange, TotpSealed: p.TotpSealed,
		TotpStep: p.TotpStep, Failures: p.Failures, LockedUntil: p.LockedUntil, Generation: p.Generation,
		LastSignInAt: p.LastSignInAt, RemovedAt: p.RemovedAt,
	})
	if err != nil {
		return fmt.Errorf("store staff %s: %w", p.Login, err)
	}
	return nil
}
