package console

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// SignIn is what somebody who wants to sign in sends.
type SignIn struct {
	Login    string
	Password string
	Code     string // of the second factor; empty when it was not asked for yet
	Source   string // network address
}

// SignInError says why somebody is not signed in, or not any more.
type SignInError struct {
	Problem string
	// NeedsCode is set when the password is right and the code of the second factor is missing or wrong.
	NeedsCode bool
	// RetryAt is when to try again; zero: at once.
	RetryAt time.Time
}

func (e *SignInError) Error() string { return e.Problem }

// Member is a person who is signed in. Caller.ID is the person's, and Caller.Name the actor in history and audit log.
type Member struct {
	Caller
	Login        string
	DisplayName  string
	Role         Role
	Generation   int64 // of the person's sessions
	MustChange   bool  // the password was chosen by somebody else, and has to be changed before anything else
	SecondFactor bool
}

func member(row db.Staff) Member {
	role := Role(row.Role)
	return Member{
		Caller: Caller{ID: row.ID, Name: actor(row.Login), Scopes: role.Scopes()},
		Login:  row.Login, DisplayName: row.Name, Role: role, Generation: row.Generation, MustChange: row.MustChange,
		SecondFactor: row.TotpSealed != nil,
	}
}

func actor(login string) string { return "staff " + login }

// wrongSignIn does not tell which of the two is wrong.
func wrongSignIn() *SignInError { return &SignInError{Problem: "The login or the password is wrong."} }

func sessionOver() *SignInError {
	return &SignInError{Problem: "Your session is over. Sign in again."}
}

// SignIn lets a person in. Whatever speaks against it is a [*SignInError].
func (s *Service) SignIn(ctx context.Context, in SignIn) (Member, error) {
	now := s.Clock.Now()
	if wait := s.attempts.wait(in.Source, now); wait > 0 {
		return Member{}, &SignInError{Problem: "Too many attempts from this address.", RetryAt: now.Add(wait)}
	}
	login := foldLogin(in.Login)
	possible := login
	if checkLogin(login) != nil {
		possible = ""
	}
	var m Member
	err := s.tryPassword(ctx, try{
		password: in.Password, login: possible, by: By{Actor: "sign-in", Source: in.Source},
		read: func(q *db.Queries) (db.Staff, error) {
			if possible == "" {
				return db.Staff{}, pgx.ErrNoRows
			}
			return q.StaffByLogin(ctx, possible)
		},
		use: func(q *db.Queries, p *db.Staff, now time.Time) error {
			if err := s.useCode(p, in.Code, now); err != nil {
				return err
			}
			p.LastSignInAt = &now
			m = member(*p)
			return note(ctx, q, By{Actor: m.Name, Source: in.Source}, now, "sign-in", actor(p.Login), p.Login+" signed in", nil, nil)
		},
	})
	if wrong, ok := errors.AsType[*missError](err); ok {
		return Member{}, wrong.told
	}
	if err != nil {
		return Member{}, err
	}
	return m, nil
}

// Member returns whose session it is, as things are now. The session is over, with a [*SignInError], when the person was
// removed or the generation is not the current one.
func (s *Service) Member(ctx context.Context, id, generation int64) (Member, error) {
	row, err := db.New(s.Pool).StaffByID(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Member{}, sessionOver()
	}
	if err != nil {
		return Member{}, fmt.Errorf("read whose session it is: %w", err)
	}
	if err := current(row, generation); err != nil {
		return Member{}, err
	}
	return member(row), nil
}

// current is a [*SignInError] when a session of that generation is over.
func current(row db.Staff, generation int64) error {
	if row.RemovedAt != nil || row.Generation != generation {
		return sessionOver()
	}
	return nil
}
