package console

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// SourceRegistry is what is known of payment providers: which kinds there are, what their tokens, secrets and addresses
// look like. Its errors are those of a [Service].
type SourceRegistry interface {
	// Register stores a checked source with a fresh address, within a transaction.
	Register(ctx context.Context, tx pgx.Tx, n NewSource, currency string, now time.Time) (RegisteredSource, error)
	// RotateSecret stores a new secret, within a transaction; the ones before stay in force for overlap.
	RotateSecret(ctx context.Context, tx pgx.Tx, source db.PaymentSource, overlap time.Duration, now time.Time) (string, error)
	// Addresses lists what to give to the provider.
	Addresses(source db.PaymentSource) ([]AddressView, error)
}

// RegisteredSource is a stored source, and the secret that signs its deliveries, empty where the provider signs nothing.
type RegisteredSource struct {
	Source db.PaymentSource
	Secret string
}

// SourceView is one payment source.
type SourceView struct {
	Name           string        `json:"name" example:"M-Pesa 600100"`
	Kind           string        `json:"kind" enum:"mpesa,standard" doc:"mpesa: Safaricom's C2B. standard: Standard Webhooks, for anything home-made."`
	Merchant       string        `json:"merchant" example:"600100" doc:"The provider's name for the receiver of the money; for M-Pesa the short code."`
	Currency       string        `json:"currency" example:"KES"`
	URLs           []AddressView `json:"urls" doc:"Addresses to give to the provider. Whoever knows them can send payments where the provider signs nothing."`
	LastDeliveryAt *time.Time    `json:"last_delivery_at" doc:"Null when none of the newest 100,000 deliveries came from it."`
	Waiting        int64         `json:"waiting" doc:"Deliveries that were taken and are not processed yet."`
	ArchivedAt     *time.Time    `json:"archived_at" doc:"Set when its addresses take nothing any more."`
}

// AddressView is one address of a payment source.
type AddressView struct {
	Name string `json:"name" example:"confirmation" doc:"What the provider's form calls it."`
	URL  string `json:"url" example:"https://pay.example/in/9f86d081884c7d659a2feaa0c55ad015/confirm"`
}

// NewSource is a payment source to be added.
type NewSource struct {
	Name     string `json:"name" example:"M-Pesa 600100"`
	Kind     string `json:"kind" enum:"mpesa,standard"`
	Merchant string `json:"merchant,omitempty" example:"600100" doc:"For M-Pesa the short code that the money goes to; else the name when not given."`
	Secret   string `json:"secret,omitempty" doc:"Signs the deliveries (whsec_…); one is made when not given."`
}

// SourceChange is what is to be different about a payment source; nil leaves it as it is. Where its money goes cannot be
// changed: that is another source.
type SourceChange struct {
	Name *string `json:"name,omitempty" example:"M-Pesa 600100"`
}

// SourceSecret is a source with the secret that signs its deliveries.
type SourceSecret struct {
	SourceView
	Secret string `json:"secret,omitempty" doc:"Shown this once; absent where the provider signs nothing."`
}

func (s *Service) viewSource(row db.ListSourcesWithTrafficRow) (SourceView, error) {
	source := row.PaymentSource
	urls, err := s.Registry.Addresses(source)
	if err != nil {
		return SourceView{}, fmt.Errorf("addresses of payment source %q: %w", source.Name, err)
	}
	v := SourceView{
		Name: source.Name, Kind: source.Kind, Merchant: source.Merchant, Currency: source.Currency, URLs: urls,
		Waiting: row.Waiting, ArchivedAt: utc(source.ArchivedAt),
	}
	if !row.LastDeliveryAt.IsZero() {
		v.LastDeliveryAt = utc(&row.LastDeliveryAt)
	}
	return v, nil
}

// Sources lists the payment sources, and with archived also those that take nothing any more.
func (s *Service) Sources(ctx context.Context, archived bool) ([]SourceView, error) {
	rows, err := db.New(s.Pool).ListSourcesWithTraffic(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list payment sources: %w", err)
	}
	views := make([]SourceView, 0, len(rows))
	for _, row := range rows {
		if row.PaymentSource.ArchivedAt != nil && !archived {
			continue
		}
		v, err := s.viewSource(row)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

// Source returns one payment source by its name, also an archived one. Its error is a [*NotFoundError] when there
// is none.
func (s *Service) Source(ctx context.Context, name string) (SourceView, error) {
	return s.readSource(ctx, db.New(s.Pool), name)
}

func (s *Service) readSource(ctx context.Context, q *db.Queries, name string) (SourceView, error) {
	rows, err := q.ListSourcesWithTraffic(ctx, &name)
	if err != nil {
		return SourceView{}, fmt.Errorf("read payment source %q: %w", name, err)
	}
	if len(rows) == 0 {
		return SourceView{}, missing("payment source %q", name)
	}
	return s.viewSource(rows[0])
}

// AddSource stores a payment source with a fresh address. Its errors are [*FieldError] where the input is wrong, and
// [*ConflictError] when the name is taken or the provider would refuse the address.
func (s *Service) AddSource(ctx context.Context, by By, n NewSource) (SourceSecret, error) {
	n.Name, n.Merchant = strings.TrimSpace(n.Name), strings.TrimSpace(n.Merchant)
	if err := checkLine("name", n.Name, 1, 100); err != nil {
		return SourceSecret{}, err
	}
	if n.Merchant == "" {
		if n.Kind == "mpesa" {
			return SourceSecret{}, bad("merchant", "give the short code (paybill or till number) that the money goes to")
		}
		n.Merchant = n.Name
	}
	if err := checkLine("merchant", n.Merchant, 1, 100); err != nil {
		return SourceSecret{}, err
	}
	var added SourceSecret
	err := db.InTx(ctx, s.Pool, func(tx pgx.Tx, q *db.Queries) error {
		now := s.Clock.Now()
		done, err := s.Registry.Register(ctx, tx, n, s.Currency, now)
		if err != nil {
			return err
		}
		added.Secret = done.Secret
		if added.SourceView, err = s.viewSource(db.ListSourcesWithTrafficRow{PaymentSource: done.Source}); err != nil {
			return err
		}
		after := map[string]string{"name": n.Name, "kind": n.Kind, "merchant": n.Merchant}
		return note(ctx, q, by, now, "source-add", "source "+n.Name, "Payment source "+n.Name+" added", nil, after)
	})
	if err != nil {
		return SourceSecret{}, fmt.Errorf("add payment source: %w", err)
	}
	return added, nil
}

// changeSource locks a source that is in use, has it changed with an audit line, and returns it as it then is.
func (s *Service) changeSource(
	ctx context.Context, name string, change func(tx pgx.Tx, q *db.Queries, row db.PaymentSource, now time.Time) error,
) error {
	return db.InTx(ctx, s.Pool, func(tx pgx.Tx, q *db.Queries) error {
		row, err := q.LockSource(ctx, name)
		if errors.Is(err, pgx.ErrNoRows) {
			return missing("payment source %q", name)
		}
		if err != nil {
			return fmt.Errorf("lock payment source %q: %w", name, err)
		}
		if row.ArchivedAt != nil {
			return conflict("", "payment source %q is archived", name)
		}
		return change(tx, q, row, s.Clock.Now())
	})
}

// ChangeSource renames a payment source. Its errors are [*NotFoundError], [*FieldError], and [*ConflictError] when the
// name is taken or the source is archived.
func (s *Service) ChangeSource(ctx context.Context, by By, name string, change SourceChange) (SourceView, error) {
	if change.Name == nil {
		return s.Source(ctx, name)
	}
	to := strings.TrimSpace(*change.Name)
	if err := checkLine("name", to, 1, 100); err != nil {
		return SourceView{}, err
	}
	var view SourceView
	err := s.changeSource(ctx, name, func(_ pgx.Tx, q *db.Queries, row db.PaymentSource, now time.Time) error {
		if err := q.RenameSource(ctx, db.RenameSourceParams{ID: row.ID, Name: to}); err != nil {
			return taken(err, map[string]error{
				"payment_sources_name_key": conflict("name", "there is a payment source %q already; archived ones keep their names too", to),
			})
		}
		var err error
		if view, err = s.readSource(ctx, q, to); err != nil || to == name {
			return err
		}
		return note(ctx, q, by, now, "source-change", "source "+name, fmt.Sprintf("Payment source %s is called %s", name, to),
			map[string]string{"name": name}, map[string]string{"name": to})
	})
	if err != nil {
		return SourceView{}, fmt.Errorf("change payment source: %w", err)
	}
	return view, nil
}

// ArchiveSource makes a source's addresses take nothing any more, within seconds; what they took stays. Its errors are
// [*NotFoundError], and [*ConflictError] when it is archived already.
func (s *Service) ArchiveSource(ctx context.Context, by By, name string) (SourceView, error) {
	var view SourceView
	err := s.changeSource(ctx, name, func(_ pgx.Tx, q *db.Queries, row db.PaymentSource, now time.Time) error {
		if err := q.ArchiveSource(ctx, db.ArchiveSourceParams{ID: row.ID, Now: now}); err != nil {
			return err
		}
		var err error
		if view, err = s.readSource(ctx, q, name); err != nil {
			return err
		}
		return note(ctx, q, by, now, "source-archive", "source "+name, "Payment source "+name+" archived", nil, nil)
	})
	if err != nil {
		return SourceView{}, fmt.Errorf("archive payment source: %w", err)
	}
	return view, nil
}

// longestOverlap bounds a rotation: a secret that is given up should not stay in force for ever.
const longestOverlap = 30 * 24 * time.Hour

// RotateSecret gives a source a new secret. The one before stays in force for overlap, at most 30 days, because a
// provider's retries are still signed with it. Its errors are [*NotFoundError], [*FieldError], and [*ConflictError] when
// the source is archived or its provider signs nothing.
func (s *Service) RotateSecret(ctx context.Context, by By, name string, overlap time.Duration) (SourceSecret, error) {
	if overlap < 0 || overlap > longestOverlap {
		return SourceSecret{}, bad("overlap", "must be 0 to 30 days")
	}
	var rotated SourceSecret
	err := s.changeSource(ctx, name, func(tx pgx.Tx, q *db.Queries, row db.PaymentSource, now time.Time) (err error) {
		if rotated.Secret, err = s.Registry.RotateSecret(ctx, tx, row, overlap, now); err != nil {
			return err
		}
		if rotated.SourceView, err = s.readSource(ctx, q, name); err != nil {
			return err
		}
		summary := fmt.Sprintf("Payment source %s has a new secret; the old one stays in force for %s", name, overlap)
		return note(ctx, q, by, now, "source-rotate", "source "+name, summary, nil, nil)
	})
	if err != nil {
		return SourceSecret{}, fmt.Errorf("rotate the secret: %w", err)
	}
	return rotated, nil
}
