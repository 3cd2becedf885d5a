package router

import (
	"context"
	"net/netip"
	"strings"

	"qserve/account"
	"qserve/router/routeros"
)

// everyone lists all running PPPoE sessions with their rates and address lists, in three commands however many there
// are. Each print is whole or an error, so nobody is missing from the list for a lost connection.
func (d *device) everyone(ctx context.Context) ([]UserSession, error) {
	active, err := d.conn.Print(ctx, activeMenu, activeProperties)
	if err != nil {
		return nil, d.target.fail("", "list all sessions", err)
	}
	queues, err := d.conn.Print(ctx, queueMenu, []string{"name", "target", "max-limit", "disabled", "dynamic", "comment"})
	if err != nil {
		return nil, d.target.fail("", "read the rates of all sessions", err)
	}
	garden, err := d.conn.Print(ctx, listMenu, []string{"address", "disabled"}, "?list="+account.GardenList)
	if err != nil {
		return nil, d.target.fail("", "read the address list of all sessions", err)
	}
	dynamic, own := make(map[string]account.Rate), make(map[string]routeros.Row)
	for _, queue := range queues {
		name := queue["name"]
		if strings.HasPrefix(name, dynamicPrefix) {
			dynamic[name] = shortRate(queue["max-limit"])
		} else if _, ours := parseMarker(queue["comment"]); ours {
			own[name] = queue
		}
	}
	in := make(map[netip.Addr]bool)
	for _, entry := range garden {
		if address, err := netip.ParseAddr(entry["address"]); err == nil && !entry.True("disabled") {
			in[address] = true
		}
	}
	sessions := make([]UserSession, 0, len(active))
	for _, row := range active {
		if !isPPPoE(row) {
			continue
		}
		s := UserSession{Username: row["name"], Session: d.session(row)}
		if s.Rate = dynamic[dynamicQueue(s.Username)]; s.Rate == "" {
			s.Rate = fixedRate(own[queueName(s.Username)], s.Address)
		}
		if in[s.Address] {
			s.AddressList = account.GardenList
		}
		sessions = append(sessions, s)
	}
	return sessions, nil
}

// fixedRate is the rate that an own queue gives to a session, empty when it limits another address or none.
func fixedRate(queue routeros.Row, address netip.Addr) account.Rate {
	if queue == nil || !address.IsValid() || queueTarget(queue) != address || queue.True("disabled") {
		return ""
	}
	return shortRate(queue["max-limit"])
}

// AllSessions implements Driver.
func (l *local) AllSessions(ctx context.Context) ([]UserSession, error) { return l.everyone(ctx) }

// AllSessions implements Driver.
func (r *radius) AllSessions(ctx context.Context) ([]UserSession, error) { return r.everyone(ctx) }

// AllSessions implements Driver.
func (r *remote) AllSessions(context.Context) ([]UserSession, error) { return nil, ErrNoList }
