package console

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// AddRouter stores a router, with its secrets sealed. Its errors are [*FieldError] where the input is wrong, and
// [*ConflictError] when its name or its RADIUS address is another's.
func (s *Service) AddRouter(ctx context.Context, by By, r NewRouter) (RouterView, error) {
	params, err := checkRouter(r, kept{})
	if err != nil {
		return RouterView{}, err
	}
	var view RouterView
	err = db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		if params.ID, err = q.NextRouterID(ctx); err != nil {
			return fmt.Errorf("number router: %w", err)
		}
		if err := s.sealRouter(r, &params); err != nil {
			return err
		}
		if _, err := q.CreateRouter(ctx, params); err != nil {
			return routerTaken(err, params)
		}
		if view, err = s.readRouter(ctx, q, params.Name); err != nil {
			return err
		}
		return note(ctx, q, by, s.Clock.Now(), "router-add", "router "+view.Name, "Router "+view.Name+" added", nil, view.facts())
	})
	if err != nil {
		return RouterView{}, fmt.Errorf("add router: %w", err)
	}
	return view, nil
}

// ChangeRouter changes a router. Connections that were made with the old settings are given up. Its errors are those of
// [Service.AddRouter] and [*NotFoundError].
func (s *Service) ChangeRouter(ctx context.Context, by By, name string, change RouterChange) (RouterView, error) {
	var view RouterView
	var id int64
	err := db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		row, err := lockRouter(ctx, q, name)
		if err != nil {
			return err
		}
		id = row.ID
		before := viewRouter(db.ListRoutersRow{Router: row})
		wanted := change.over(before)
		params, err := checkRouter(wanted, kept{row.APIPasswordSealed != nil, row.RadiusSecretSealed != nil})
		if err != nil {
			return err
		}
		params.ID, params.APIPasswordSealed, params.RadiusSecretSealed = row.ID, row.APIPasswordSealed, row.RadiusSecretSealed
		if err := s.sealRouter(wanted, &params); err != nil {
			return err
		}
		if err := q.ChangeRouter(ctx, db.ChangeRouterParams(params)); err != nil {
			return routerTaken(err, params)
		}
		if view, err = s.readRouter(ctx, q, params.Name); err != nil {
			return err
		}
		was, is := differ(before.facts(), view.facts())
		for field, secret := range map[string]string{"api_password": wanted.APIPassword, "radius_secret": wanted.RadiusSecret} {
			if secret != "" {
				is[field] = "replaced"
			}
		}
		if len(is) == 0 {
			return nil
		}
		now := s.Clock.Now()
		if elsewhere(is) {
			if err := q.LookAtRouterAgain(ctx, db.LookAtRouterAgainParams{RouterID: id, Now: now}); err != nil {
				return fmt.Errorf("look at everything on %s again: %w", name, err)
			}
			if view, err = s.readRouter(ctx, q, params.Name); err != nil {
				return err
			}
		}
		summary := fmt.Sprintf("Router %s changed: %s", name, strings.Join(slices.Sorted(maps.Keys(is)), ", "))
		return note(ctx, q, by, now, "router-change", "router "+name, summary, was, is)
	})
	if err != nil {
		return RouterView{}, fmt.Errorf("change router: %w", err)
	}
	s.Ring.RingRouter(ctx, id)
	return view, nil
}

// elsewhere reports whether a change means that what was confirmed may not be so any more: another box answers, or the
// credentials live in another place, or the profiles say something else.
func elsewhere(changed map[string]string) bool {
	for _, fact := range []string{"mode", "api_address", "coa_address", "local_address", "pool"} {
		if _, ok := changed[fact]; ok {
			return true
		}
	}
	return false
}

// facts are a router as the audit log shows what was different; never a secret.
func (v RouterView) facts() map[string]string {
	return map[string]string{
		"name": v.Name, "mode": v.Mode, "api_address": v.APIAddress, "api_user": v.APIUser,
		"api_plain": strconv.FormatBool(v.APIPlain), "api_pin": v.APIPin, "api_ca": v.APICA, "nas_address": v.NASAddress,
		"coa_address": v.CoAAddress, "coa_message_authenticator": strconv.FormatBool(v.CoAMessageAuthenticator),
		"coa_event_timestamp": strconv.FormatBool(v.CoAEventTimestamp), "local_address": v.LocalAddress, "pool": v.Pool,
		"interim_seconds": strconv.Itoa(v.InterimSeconds),
	}
}

// sealRouter seals the secrets that were given; the others stay as they are.
func (s *Service) sealRouter(r NewRouter, p *db.CreateRouterParams) (err error) {
	if r.APIPassword != "" {
		if p.APIPasswordSealed, err = s.Keys.Seal([]byte(r.APIPassword), db.RouterAPIPasswordRow(p.ID)); err != nil {
			return fmt.Errorf("seal the API password: %w", err)
		}
	}
	if r.RadiusSecret != "" {
		if p.RadiusSecretSealed, err = s.Keys.Seal([]byte(r.RadiusSecret), db.RouterRadiusSecretRow(p.ID)); err != nil {
			return fmt.Errorf("seal the RADIUS secret: %w", err)
		}
	}
	return nil
}

func routerTaken(err error, p db.CreateRouterParams) error {
	known := map[string]error{"routers_name_key": conflict("name", "there is a router %q already", p.Name)}
	if p.NASAddress != nil {
		known["routers_nas_address_key"] = conflict("nas_address", "another router sends its RADIUS requests from %s", p.NASAddress)
	}
	return taken(err, known)
}
