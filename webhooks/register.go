package webhooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"qserve/db"
	"qserve/internal/seal"
)

// NewSource is a payment source to be registered.
type NewSource struct {
	Name     string
	Kind     string // mpesa or standard
	Merchant string // the provider's name for the receiver of the money; for M-Pesa the short code
	Currency string // ISO 4217
	// Secret signs the deliveries; empty: one is made where the kind has secrets.
	Secret string
}

// Registered is what the operator gives to the provider. It is the only time that a secret is shown.
type Registered struct {
	Source db.PaymentSource
	Token  string
	Secret string
}

// Errors of registering sources and rotating their secrets.
var (
	ErrNameTaken = errors.New("there is a payment source of that name already")
	// ErrNoSecret: sources of that kind have none.
	ErrNoSecret = errors.New("its provider signs nothing, so it has no secret")
)

// Beginner begins transactions: a pool, or a transaction to be part of.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Register checks and stores a payment source with a fresh token, and its secret, both sealed.
func Register(ctx context.Context, in Beginner, keys *seal.Ring, n NewSource, now time.Time) (Registered, error) {
	if n.Secret == "" {
		n.Secret = NewSecret(n.Kind)
	}
	if err := CheckSecret(n.Kind, n.Secret); err != nil {
		return Registered{}, err
	}
	done := Registered{Token: NewToken(), Secret: n.Secret}
	err := pgx.BeginFunc(ctx, in, func(tx pgx.Tx) error {
		q := db.New(tx)
		id, err := q.NextSourceID(ctx)
		if err != nil {
			return fmt.Errorf("number payment source: %w", err)
		}
		sealed, err := keys.Seal([]byte(done.Token), TokenRow(id))
		if err != nil {
			return fmt.Errorf("seal the token: %w", err)
		}
		done.Source, err = q.CreateSource(ctx, db.CreateSourceParams{
			ID: id, Name: n.Name, Kind: n.Kind, TokenHash: TokenHash(done.Token), TokenSealed: sealed,
			Merchant: n.Merchant, Currency: n.Currency,
		})
		if err != nil || n.Secret == "" {
			return err
		}
		return addSecret(ctx, q, keys, id, n.Secret, now)
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == "payment_sources_name_key" {
		return Registered{}, fmt.Errorf("%q: %w", n.Name, ErrNameTaken)
	}
	if err != nil {
		return Registered{}, fmt.Errorf("register payment source %q: %w", n.Name, err)
	}
	return done, nil
}

// RotateSecret gives a source a new secret and returns it. The ones before stay in force for overlap, because a
// provider's retries are still signed with them. It fails with ErrNoSecret where the kind has none.
func RotateSecret(
	ctx context.Context, in Beginner, keys *seal.Ring, source db.PaymentSource, overlap time.Duration, now time.Time,
) (string, error) {
	secret := NewSecret(source.Kind)
	if secret == "" {
		return "", fmt.Errorf("payment source %q: %w", source.Name, ErrNoSecret)
	}
	err := pgx.BeginFunc(ctx, in, func(tx pgx.Tx) error {
		q := db.New(tx)
		older := db.EndOlderSecretsParams{SourceID: source.ID, NotAfter: now.Add(overlap)}
		if err := q.EndOlderSecrets(ctx, older); err != nil {
			return err
		}
		return addSecret(ctx, q, keys, source.ID, secret, now)
	})
	if err != nil {
		return "", fmt.Errorf("rotate the secret of payment source %q: %w", source.Name, err)
	}
	return secret, nil
}

func addSecret(ctx context.Context, q *db.Queries, keys *seal.Ring, source int64, secret string, now time.Time) error {
	id, err := q.NextSecretID(ctx)
	if err != nil {
		return fmt.Errorf("number secret: %w", err)
	}
	sealed, err := keys.Seal([]byte(secret), SecretRow(id))
	if err != nil {
		return fmt.Errorf("seal the secret: %w", err)
	}
	_, err = q.AddSourceSecret(ctx, db.AddSourceSecretParams{ID: id, SourceID: source, Sealed: sealed, NotBefore: now})
	return err
}
