package program

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/console"
	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/config"
	"qserve/jobs"
	"qserve/router"
	"qserve/router/coa"
	"qserve/webhooks"
)

// NewStaff puts together what staff do. The API, the command line and the stage use the same.
func NewStaff(settings config.Config, pool *pgxpool.Pool, ring console.Ringer, c clock.Clock, log *slog.Logger) *console.Service {
	return console.New(console.Config{
		Pool: pool, Keys: settings.Ring(), Ring: ring, Clock: c, Zone: settings.Zone, Region: settings.Region,
		Currency: settings.Currency, Log: log,
		Checker:  checker{settings, pool, c},
		Registry: registry{settings},
	})
}

// checker looks at routers over connections of its own, so that it works in a process without a worker, and beside one.
type checker struct {
	settings config.Config
	pool     *pgxpool.Pool
	clock    clock.Clock
}

// checkWithin bounds one check: somebody is waiting for it.
const checkWithin = 20 * time.Second

// CheckRouter implements console.Checker.
func (c checker) CheckRouter(ctx context.Context, row db.Router) (console.RouterReport, error) {
	target, err := jobs.Target(row, c.settings.Ring())
	if err != nil {
		return console.RouterReport{}, err
	}
	if target.Garden, err = db.New(c.pool).GardenInUse(ctx); err != nil {
		return console.RouterReport{}, err
	}
	fleet := router.NewFleet(router.Config{
		CoA:      coa.New(coa.Config{Source: c.settings.COASource, Clock: c.clock}),
		Sessions: sessionList{c.pool}, Clock: c.clock,
	})
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	ended := make(chan error, 1)
	go func() { ended <- fleet.Run(ctx) }()
	var report router.Report
	err = fleet.Use(ctx, target, func(d router.Driver) (err error) {
		report, err = d.Check(ctx)
		return err
	})
	cancel()
	if e, ok := errors.AsType[*router.Error](err); ok {
		err = <-ended
		return console.RouterReport{Problems: []string{e.Error()}}, err
	}
	if err = errors.Join(err, <-ended); err != nil {
		return console.RouterReport{}, err
	}
	return console.RouterReport{
		Reachable: true, Identity: report.Identity, Version: report.Version, Uptime: report.Uptime,
		Problems: append([]string{}, report.Problems...),
	}, nil
}

// registry is what package webhooks knows of payment providers, in the words of package console.
type registry struct{ settings config.Config }

// Register implements console.SourceRegistry.
func (r registry) Register(
	ctx context.Context, tx pgx.Tx, n console.NewSource, currency string, now time.Time,
) (console.RegisteredSource, error) {
	none := console.RegisteredSource{}
	if !slices.Contains(webhooks.Kinds(), n.Kind) {
		return none, &console.FieldError{Field: "kind", Problem: "must be one of " + strings.Join(webhooks.Kinds(), ", ")}
	}
	// A provider that refuses the address would only say so at its registration, which may be final.
	if _, err := r.urls(n.Kind, webhooks.NewToken()); err != nil {
		return none, err
	}
	if n.Secret != "" {
		if err := webhooks.CheckSecret(n.Kind, n.Secret); err != nil {
			return none, &console.FieldError{Field: "secret", Problem: err.Error()}
		}
	}
	done, err := webhooks.Register(ctx, tx, r.settings.Ring(), webhooks.NewSource{
		Name: n.Name, Kind: n.Kind, Merchant: n.Merchant, Currency: currency, Secret: n.Secret,
	}, now)
	if errors.Is(err, webhooks.ErrNameTaken) {
		return none, &console.ConflictError{Field: "name", Problem: err.Error() + "; archived ones keep their names too"}
	}
	return console.RegisteredSource{Source: done.Source, Secret: done.Secret}, err
}

// RotateSecret implements console.SourceRegistry.
func (r registry) RotateSecret(
	ctx context.Context, tx pgx.Tx, source db.PaymentSource, overlap time.Duration, now time.Time,
) (string, error) {
	secret, err := webhooks.RotateSecret(ctx, tx, r.settings.Ring(), source, overlap, now)
	if errors.Is(err, webhooks.ErrNoSecret) {
		return "", &console.ConflictError{Problem: err.Error()}
	}
	return secret, err
}

// Addresses implements console.SourceRegistry.
func (r registry) Addresses(source db.PaymentSource) ([]console.AddressView, error) {
	token, err := r.settings.Ring().Open(source.TokenSealed, webhooks.TokenRow(source.ID))
	if err != nil {
		return nil, err
	}
	return r.urls(source.Kind, string(token))
}

func (r registry) urls(kind, token string) ([]console.AddressView, error) {
	urls, err := webhooks.SourceURLs(r.settings.PublicURL.String(), kind, token)
	if err != nil {
		return nil, &console.ConflictError{Problem: err.Error()}
	}
	views := make([]console.AddressView, len(urls))
	for i, u := range urls {
		views[i] = console.AddressView(u)
	}
	return views, nil
}
