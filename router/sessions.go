package router

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"qserve/account"
	"qserve/router/routeros"
)

const activeMenu = "/ppp/active"

// listed is a session in the router's own list.
type listed struct {
	Session
	id string // of the row in /ppp/active
}

// running lists the PPPoE sessions of a user name, without their rates.
func (d *device) running(ctx context.Context, username string) ([]listed, error) {
	rows, err := d.conn.Print(ctx, activeMenu, activeProperties, "?name="+username)
	if err != nil {
		return nil, err
	}
	var sessions []listed
	for _, row := range rows {
		if row["name"] == username && isPPPoE(row) {
			sessions = append(sessions, listed{id: row.ID(), Session: d.session(row)})
		}
	}
	return sessions, nil
}

var activeProperties = []string{".id", "name", "service", "address", "session-id", "radius", "uptime"}

func isPPPoE(row routeros.Row) bool { return row["service"] == "" || row["service"] == "pppoe" }

// session reads a row of /ppp/active.
func (d *device) session(row routeros.Row) Session {
	s := Session{
		AcctSessionID: strings.ToLower(strings.TrimPrefix(row["session-id"], "0x")),
		Radius:        row.True("radius"),
	}
	// The address is 0.0.0.0 until the two ends have agreed on one.
	if address, err := netip.ParseAddr(row["address"]); err == nil && !address.IsUnspecified() {
		s.Address = address
	}
	if uptime, ok := parseUptime(row["uptime"]); ok {
		s.Since = d.clock.Now().Add(-uptime).UTC()
	}
	return s
}

// rated lists the sessions with the rates of their dynamic queues. A session that is still coming up has no address and
// no queue yet, so one that lacks its address, or a queue that it should have, is looked at again for a while.
func (d *device) rated(ctx context.Context, username string, queued bool) (sessions []listed, err error) {
	_, err = d.look(ctx, func() (bool, error) {
		if sessions, err = d.running(ctx, username); err != nil || len(sessions) == 0 {
			return true, err
		}
		rate, err := d.queueRate(ctx, username)
		up := rate != "" || !queued
		for i := range sessions {
			sessions[i].Rate = rate
			up = up && sessions[i].Address.IsValid()
		}
		return up, err
	})
	return sessions, err
}

// queueRate returns the limits of the dynamic queue that RouterOS makes for a session, or nothing when there is none.
// Where one user has several sessions, this is the first one's: the names of the further queues could be other users'.
func (d *device) queueRate(ctx context.Context, username string) (account.Rate, error) {
	name := dynamicQueue(username)
	rows, err := d.conn.Print(ctx, queueMenu, []string{"name", "max-limit"}, "?name="+name)
	for _, row := range rows {
		if row["name"] == name {
			return shortRate(row["max-limit"]), err
		}
	}
	return "", err
}

const dynamicPrefix = "<pppoe-"

func dynamicQueue(username string) string { return dynamicPrefix + username + ">" }

// end ends the sessions that which picks, through the API, and looks until none of them is listed. One that appears in
// the meantime is ended as well.
func (d *device) end(ctx context.Context, username string, which func(listed) bool) error {
	gone, err := d.look(ctx, func() (bool, error) {
		sessions, err := d.running(ctx, username)
		if err != nil {
			return false, err
		}
		gone := true
		for _, s := range sessions {
			if !which(s) {
				continue
			}
			gone = false
			if err := d.conn.Remove(ctx, activeMenu, s.id); err != nil && !errors.Is(err, routeros.ErrNoSuchItem) {
				return false, err
			}
		}
		return gone, nil
	})
	if err == nil && !gone {
		err = fmt.Errorf("%w: the session is still listed in %s after %v", ErrNotConfirmed, activeMenu, d.patience)
	}
	return err
}

func all(listed) bool { return true }

// these picks the given sessions and no later ones.
func these(sessions []listed) func(listed) bool {
	ids := make(map[string]bool, len(sessions))
	for _, s := range sessions {
		ids[s.id] = true
	}
	return func(s listed) bool { return ids[s.id] }
}

// sessions lists the sessions of a user name for people.
func (d *device) sessions(ctx context.Context, username string) ([]Session, error) {
	sessions, err := d.running(ctx, username)
	if err != nil || len(sessions) == 0 {
		return nil, d.target.fail(username, "list the sessions", err)
	}
	rate, err := d.queueRate(ctx, username)
	if err != nil {
		return nil, d.target.fail(username, "read the rate of the session", err)
	}
	var own routeros.Row
	if rate == "" {
		if own, err = d.ownQueue(ctx, username); err != nil && !errors.Is(err, ErrForeign) {
			return nil, d.target.fail(username, "read the rate of the session", err)
		}
	}
	list := make([]Session, len(sessions))
	for i, s := range sessions {
		list[i] = s.Session
		if list[i].Rate = rate; rate == "" {
			list[i].Rate = fixedRate(own, s.Address)
		}
		g, err := d.garden(ctx, s.Address)
		if err != nil {
			return nil, d.target.fail(username, "read the address list of the session", err)
		}
		if g.effective() {
			list[i].AddressList = account.GardenList
		}
	}
	return list, nil
}
