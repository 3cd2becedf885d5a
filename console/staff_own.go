package console

import (
	"context"
	"errors"
	"time"

	"qserve/db"
)

// ChangeOwnPassword gives a person another password, ends all of the person's sessions, and returns the member for a new
// one. Its errors are [*FieldError] where the input is wrong, a password that is wrong too often included, and
// [*SignInError] when the session is over.
func (s *Service) ChangeOwnPassword(ctx context.Context, by By, m Member, old, new string) (Member, error) {
	if err := checkNewPassword("new", new, m.Login); err != nil {
		return Member{}, err
	}
	if old == new {
		return Member{}, bad("new", "must be another one than before")
	}
	hash, err := hashPassword(ctx, new)
	if err != nil {
		return Member{}, err
	}
	err = s.withOwnPassword(ctx, by, m, "old", old, func(q *db.Queries, p *db.Staff, now time.Time) error {
		p.PasswordHash, p.MustChange = hash, false
		p.Generation++
		m = member(*p)
		return note(ctx, q, by, now, "password-change", actor(p.Login), p.Login+" changed the password", nil, nil)
	})
	if err != nil {
		return Member{}, err
	}
	return m, nil
}

// SignOutEverywhere ends all sessions of a person, this one too.
func (s *Service) SignOutEverywhere(ctx context.Context, by By, m Member) error {
	return s.changeOwn(ctx, m, func(q *db.Queries, p *db.Staff, now time.Time) error {
		p.Generation++
		return note(ctx, q, by, now, "sign-out", actor(p.Login), p.Login+" signed out everywhere", nil, nil)
	})
}

// withOwnPassword changes the row of a person who is signed in and gives the password once more. A wrong one counts as a
// wrong sign-in does, because a session that was left open is no reason to guess for longer; it is blamed on its field.
func (s *Service) withOwnPassword(
	ctx context.Context, by By, m Member, field, password string, change func(q *db.Queries, p *db.Staff, now time.Time) error,
) error {
	err := s.tryPassword(ctx, try{
		password: password, by: by,
		read: func(q *db.Queries) (db.Staff, error) {
			row, err := q.StaffByID(ctx, m.ID)
			if err != nil {
				return row, err
			}
			return row, current(row, m.Generation)
		},
		use: func(q *db.Queries, p *db.Staff, now time.Time) error {
			if err := current(*p, m.Generation); err != nil {
				return err
			}
			return change(q, p, now)
		},
	})
	if _, wrong := errors.AsType[*missError](err); wrong {
		return bad(field, "is not your password")
	}
	if told, ok := errors.AsType[*SignInError](err); ok && !told.RetryAt.IsZero() {
		return bad(field, "was wrong too often; try again after %s", told.RetryAt.In(s.Zone).Format("15:04:05"))
	}
	return err
}
