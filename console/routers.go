package console

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// Checker looks at a router itself: what it says about itself, and what is wrong with its set-up. A router that does not
// answer is a report too.
type Checker interface {
	CheckRouter(ctx context.Context, row db.Router) (RouterReport, error)
}

// RouterReport is what a router said when it was looked at.
type RouterReport struct {
	Reachable bool     `json:"reachable" example:"true"`
	Identity  string   `json:"identity,omitempty" example:"ngong-1"`
	Version   string   `json:"version,omitempty" example:"7.18.2 (stable)"`
	Uptime    string   `json:"uptime,omitempty" example:"3w2d4h"`
	Problems  []string `json:"problems" doc:"Sentences for the operator, each with what to type on the router; empty when nothing was found."`
}

// RouterView is one router and its health. It says whether secrets are set, and never which.
type RouterView struct {
	Name                    string     `json:"name" example:"Ngong"`
	Mode                    string     `json:"mode" enum:"local,radius" doc:"local: PPP secrets on the router. radius: the router asks Qserve."`
	APIAddress              string     `json:"api_address" example:"10.9.0.2:8729" doc:"Of the RouterOS API; empty when it is not used."`
	APIUser                 string     `json:"api_user" example:"qserve"`
	APIPasswordSet          bool       `json:"api_password_set" example:"true"`
	APIPlain                bool       `json:"api_plain" doc:"Clear text (port 8728)."`
	APIPin                  string     `json:"api_pin" doc:"SHA-256 of the router's certificate, hexadecimal."`
	APICA                   string     `json:"api_ca" doc:"Certificate of the authority that signed the router's, PEM."`
	NASAddress              string     `json:"nas_address" example:"10.9.0.2" doc:"Where its RADIUS requests come from."`
	CoAAddress              string     `json:"coa_address" example:"10.9.0.2:3799"`
	RadiusSecretSet         bool       `json:"radius_secret_set" example:"true"`
	CoAMessageAuthenticator bool       `json:"coa_message_authenticator" example:"true" doc:"Whether CoA requests carry a Message-Authenticator."`
	CoAEventTimestamp       bool       `json:"coa_event_timestamp" example:"false" doc:"Whether CoA requests carry an Event-Timestamp."`
	LocalAddress            string     `json:"local_address" example:"100.64.8.1" doc:"The router's end of every tunnel."`
	Pool                    string     `json:"pool" doc:"Default address pool on the router."`
	InterimSeconds          int        `json:"interim_seconds" example:"300" doc:"Between two accounting records of a session."`
	Reachable               bool       `json:"reachable" doc:"Whether it answered when it was last needed."`
	LastContactAt           *time.Time `json:"last_contact_at"`
	LastError               string     `json:"last_error,omitempty" example:"no answer from 10.9.0.2:8729 within 5s"`
	NextTryAt               *time.Time `json:"next_try_at,omitempty" doc:"When it is tried again by itself."`
	Unconfirmed             int64      `json:"unconfirmed" doc:"User names whose wanted state it has not confirmed yet."`
	Oldest                  *time.Time `json:"oldest,omitempty" doc:"Since when the oldest of them waits."`
	Subscribers             int64      `json:"subscribers" example:"412" doc:"How many are on it."`
	Online                  int64      `json:"online" doc:"Customers who are online, as far as is known; in the list, as of at most a minute ago."`
}

func viewRouter(row db.ListRoutersRow) RouterView {
	r := row.Router
	v := RouterView{
		Name: r.Name, Mode: r.Mode, APIAddress: r.APIAddress, APIUser: r.APIUser, APIPasswordSet: r.APIPasswordSealed != nil,
		APIPlain: r.APIPlain, APIPin: hex.EncodeToString(r.APIPinSha256), CoAAddress: r.CoaAddress,
		RadiusSecretSet: r.RadiusSecretSealed != nil, CoAMessageAuthenticator: r.CoaMessageAuthenticator,
		CoAEventTimestamp: r.CoaEventTimestamp, LocalAddress: r.LocalAddress, Pool: r.Pool, InterimSeconds: int(r.InterimSeconds),
		Reachable: r.LastContactAt != nil && !r.Unreachable, LastContactAt: utc(r.LastContactAt), LastError: r.LastError,
		NextTryAt: utc(r.NextTryAt), Unconfirmed: row.Unconfirmed, Subscribers: row.Subscribers, Online: row.Online,
	}
	if r.APICaPem != nil {
		v.APICA = *r.APICaPem
	}
	if r.NASAddress != nil {
		v.NASAddress = r.NASAddress.String()
	}
	if !row.Oldest.IsZero() {
		v.Oldest = utc(&row.Oldest)
	}
	return v
}

// Routers lists the routers with their health. How many customers are online is as of at most a minute ago, as on the home
// page.
func (s *Service) Routers(ctx context.Context) ([]RouterView, error) {
	now := s.Clock.Now()
	online, err := s.online.read(ctx, s, now)
	if err != nil {
		return nil, err
	}
	rows, err := db.New(s.Pool).ListRouters(ctx, db.ListRoutersParams{Now: now, Intervals: silentIntervals})
	if err != nil {
		return nil, fmt.Errorf("list routers: %w", err)
	}
	views := make([]RouterView, len(rows))
	for i, row := range rows {
		views[i] = viewRouter(row)
		views[i].Online = online.on[row.Router.Name]
	}
	return views, nil
}

// Router returns one router by its name. Its error is a [*NotFoundError] when there is none.
func (s *Service) Router(ctx context.Context, name string) (RouterView, error) {
	return s.readRouter(ctx, db.New(s.Pool), name)
}

func (s *Service) readRouter(ctx context.Context, q *db.Queries, name string) (RouterView, error) {
	rows, err := q.ListRouters(ctx, db.ListRoutersParams{Name: &name, Now: s.Clock.Now(), Intervals: silentIntervals})
	if err != nil {
		return RouterView{}, fmt.Errorf("read router %q: %w", name, err)
	}
	if len(rows) == 0 {
		return RouterView{}, missing("router %q", name)
	}
	return viewRouter(rows[0]), nil
}

// CheckRouter looks at a router itself, which takes as long as the router does. Its error is a [*NotFoundError] when
// there is none; a router that does not answer is a report that says so.
func (s *Service) CheckRouter(ctx context.Context, name string) (RouterReport, error) {
	row, err := db.New(s.Pool).RouterByName(ctx, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return RouterReport{}, missing("router %q", name)
	}
	if err != nil {
		return RouterReport{}, fmt.Errorf("read router %q: %w", name, err)
	}
	report, err := s.Checker.CheckRouter(ctx, row)
	if err != nil {
		return RouterReport{}, fmt.Errorf("check router %q: %w", name, err)
	}
	return report, nil
}

// lockRouter locks a router against other changes.
func lockRouter(ctx context.Context, q *db.Queries, name string) (db.Router, error) {
	row, err := q.LockRouter(ctx, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return db.Router{}, missing("router %q", name)
	}
	if err != nil {
		return db.Router{}, fmt.Errorf("lock router %q: %w", name, err)
	}
	return row, nil
}

// TryRouterNow makes the workers try a router at once that they would leave alone for a while, because somebody has just
// repaired it. Its error is a [*NotFoundError] when there is none.
func (s *Service) TryRouterNow(ctx context.Context, by By, name string) (RouterView, error) {
	var view RouterView
	var id int64
	err := db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		row, err := lockRouter(ctx, q, name)
		if err != nil {
			return err
		}
		id = row.ID
		if _, err := q.RouterMayBeTriedNow(ctx, id); err != nil {
			return err
		}
		if err := q.RouterProvisionsMayBeTriedNow(ctx, id); err != nil {
			return err
		}
		if view, err = s.readRouter(ctx, q, name); err != nil {
			return err
		}
		return note(ctx, q, by, s.Clock.Now(), "router-retry", "router "+name, "Router "+name+" is to be tried at once", nil, nil)
	})
	if err != nil {
		return RouterView{}, fmt.Errorf("try router again: %w", err)
	}
	s.Ring.RingRouter(ctx, id)
	return view, nil
}

// RemoveRouter takes a router out of use. Its errors are [*NotFoundError], and [*ConflictError] while subscribers are on
// it, or while it has not confirmed everything: credentials would be left behind on it.
func (s *Service) RemoveRouter(ctx context.Context, by By, name string) error {
	err := db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		row, err := lockRouter(ctx, q, name)
		if err != nil {
			return err
		}
		holds, err := q.RouterHolds(ctx, row.ID)
		switch {
		case err != nil:
			return fmt.Errorf("look what is on router %q: %w", name, err)
		case holds.Subscribers > 0:
			return conflict("", "%d subscribers are on %s; give them another router first, or delete them", holds.Subscribers, name)
		case holds.Unconfirmed > 0:
			return conflict("", "%s has not confirmed yet that %d user names are gone from it; "+
				"it can be removed once it has, which happens by itself when it answers", name, holds.Unconfirmed)
		}
		now := s.Clock.Now()
		if err := q.ArchiveRouter(ctx, db.ArchiveRouterParams{ID: row.ID, Now: now}); err != nil {
			return err
		}
		return note(ctx, q, by, now, "router-remove", "router "+name, "Router "+name+" removed", nil, nil)
	})
	if err != nil {
		return fmt.Errorf("remove router: %w", err)
	}
	return nil
}
