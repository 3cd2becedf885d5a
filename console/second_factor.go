package console

import (
	"context"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// SecondFactor is the secret of a second factor that is about to be set: codes by time (RFC 6238).
type SecondFactor struct {
	Secret string // base32, for typing
	URL    string // otpauth://…, for an app's camera
}

const (
	codePeriod = 30 // seconds; every app knows it
	// The bytes of a secret: RFC 4226 §4 asks for at least 128 bits.
	minSecret = 16
	maxSecret = 64
)

// codes are what every app makes: six digits by SHA-1.
var codes = hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}

// NewSecondFactor makes a secret. It is stored nowhere until [Service.SetSecondFactor] has seen a code of it.
func (s *Service) NewSecondFactor(m Member) (SecondFactor, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Qserve", AccountName: m.Login, Period: codePeriod})
	if err != nil {
		return SecondFactor{}, fmt.Errorf("make the secret of a second factor: %w", err)
	}
	return SecondFactor{Secret: key.Secret(), URL: key.URL()}, nil
}

// SetSecondFactor asks for a code at each sign-in from now on; code is one of the secret's. Its errors are [*FieldError]
// where the input is wrong, and [*ConflictError] when there is a second factor already.
func (s *Service) SetSecondFactor(ctx context.Context, by By, m Member, secret, code string) error {
	secret = strings.ToUpper(strings.ReplaceAll(secret, " ", ""))
	if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret); err != nil || len(raw) < minSecret || len(raw) > maxSecret {
		return bad("secret", "is not a secret of a second factor; begin again")
	}
	return s.changeOwn(ctx, m, func(q *db.Queries, p *db.Staff, now time.Time) error {
		if p.TotpSealed != nil {
			return conflict("", "you have a second factor already; drop it before you set another")
		}
		step, ok := stepOf(secret, code, now)
		if !ok {
			return bad("code", "is not the code that the app shows now; check the time of the telephone")
		}
		sealed, err := s.Keys.Seal([]byte(secret), db.SecondFactorRow(p.ID))
		if err != nil {
			return err
		}
		p.TotpSealed, p.TotpStep = sealed, step
		return note(ctx, q, by, now, "second-factor-set", actor(p.Login), p.Login+" set a second factor", nil, nil)
	})
}

// DropSecondFactor asks for no code any more. Its errors are those of [Service.ChangeOwnPassword].
func (s *Service) DropSecondFactor(ctx context.Context, by By, m Member, password string) error {
	return s.withOwnPassword(ctx, by, m, "password", password, func(q *db.Queries, p *db.Staff, now time.Time) error {
		if p.TotpSealed == nil {
			return conflict("", "you have no second factor")
		}
		p.TotpSealed = nil
		return note(ctx, q, by, now, "second-factor-drop", actor(p.Login), p.Login+" dropped the second factor", nil, nil)
	})
}

// useCode uses a code up, if the person has a second factor: a code counts once (RFC 6238 §5.2).
func (s *Service) useCode(p *db.Staff, code string, now time.Time) error {
	if p.TotpSealed == nil {
		return nil
	}
	if strings.TrimSpace(code) == "" {
		return &SignInError{Problem: "Enter the code of your second factor.", NeedsCode: true}
	}
	secret, err := s.Keys.Open(p.TotpSealed, db.SecondFactorRow(p.ID))
	if err != nil {
		return err
	}
	step, ok := stepOf(string(secret), code, now)
	if !ok || step <= p.TotpStep {
		return miss(&SignInError{Problem: "The code is wrong, or was used before. Wait for the next one.", NeedsCode: true})
	}
	p.TotpStep = step
	return nil
}

// stepOf returns the time step of a code: that of now, or one beside it for a telephone whose time is a little off.
func stepOf(secret, code string, now time.Time) (int64, bool) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	at := now.Unix() / codePeriod
	for _, step := range []int64{at, at - 1, at + 1} {
		// The only errors are a code of another length and a secret that is none, and then it does not fit.
		if ok, err := hotp.ValidateCustom(code, uint64(step), secret, codes); ok && err == nil {
			return step, true
		}
	}
	return 0, false
}

// changeOwn changes a person's own row, unless the session is over, which is a [*SignInError].
func (s *Service) changeOwn(ctx context.Context, m Member, change func(q *db.Queries, p *db.Staff, now time.Time) error) error {
	return db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		p, err := q.LockStaff(ctx, m.ID)
		if err != nil {
			return fmt.Errorf("lock staff %s: %w", m.Login, err)
		}
		if err := current(p, m.Generation); err != nil {
			return err
		}
		if err := change(q, &p, s.Clock.Now()); err != nil {
			return err
		}
		return saveStaff(ctx, q, p)
	})
}
