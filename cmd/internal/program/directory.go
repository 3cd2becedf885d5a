package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/account"
	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/seal"
	"qserve/jobs"
	"qserve/router"
	"qserve/router/aaa"
)

// directory is what the RADIUS server knows of the accounts.
type directory struct {
	pool  *pgxpool.Pool
	keys  *seal.Ring
	clock clock.Clock
	zone  *time.Location
	bell  *jobs.Bell
	log   *slog.Logger

	mu       sync.Mutex
	clients  map[netip.Addr]aaa.Client
	loadedAt time.Time
}

const (
	// clientsFor is how long the list of routers is believed, and unknownFor how long before a stranger makes it be read
	// again: anyone can send a packet.
	clientsFor = 10 * time.Second
	unknownFor = time.Second
)

// Client implements aaa.Directory from memory. While the database is down the last list goes on to be used.
func (d *directory) Client(ctx context.Context, addr netip.Addr) (aaa.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	age := d.clock.Now().Sub(d.loadedAt)
	client, known := d.clients[addr.Unmap()]
	if age > clientsFor || (!known && age > unknownFor) {
		if err := d.load(ctx); err != nil {
			if !known {
				return aaa.Client{}, err
			}
			d.log.Warn("the list of RADIUS clients cannot be read again", "error", err)
		}
		client, known = d.clients[addr.Unmap()]
	}
	if !known {
		return aaa.Client{}, aaa.ErrUnknownClient
	}
	return client, nil
}

func (d *directory) load(ctx context.Context) error {
	rows, err := db.New(d.pool).RadiusClients(ctx)
	if err != nil {
		return fmt.Errorf("read the RADIUS clients: %w", err)
	}
	clients := make(map[netip.Addr]aaa.Client, len(rows))
	for _, r := range rows {
		secret, err := d.keys.Open(r.RadiusSecretSealed, db.RouterRadiusSecretRow(r.ID))
		if err != nil {
			d.log.Error("a router's RADIUS secret does not open; its requests are ignored", "router", r.Name, "error", err)
			continue
		}
		clients[r.NASAddress.Unmap()] = aaa.Client{
			RouterID: r.ID, Name: r.Name, Secret: string(secret), Pool: r.Pool,
			Interim: time.Duration(r.InterimSeconds) * time.Second,
		}
	}
	d.clients, d.loadedAt = clients, d.clock.Now()
	return nil
}

// Dial implements aaa.Directory: the account's facts at this moment, not what was wanted at the last change.
func (d *directory) Dial(ctx context.Context, routerID int64, username string) (aaa.Dial, error) {
	row, err := db.New(d.pool).Dial(ctx, db.DialParams{RouterID: routerID, Username: username})
	if errors.Is(err, pgx.ErrNoRows) {
		return aaa.Dial{}, aaa.ErrUnknownUser
	}
	if err != nil {
		return aaa.Dial{}, fmt.Errorf("read the account of a dial: %w", err)
	}
	facts := db.Facts(row.Subscriber, row.Plan, nil)
	dial := aaa.Dial{Subscriber: facts.ID, Line: facts.Desired(d.clock.Now()), Refusal: d.refusal(facts)}
	password, err := d.keys.Open(row.Subscriber.PasswordSealed, db.SubscriberPasswordRow(facts.ID))
	if err != nil {
		return aaa.Dial{}, fmt.Errorf("open the PPPoE password of subscriber %d: %w", facts.ID, err)
	}
	dial.Password = string(password)
	return dial, nil
}

func (d *directory) refusal(a account.Account) string {
	now := d.clock.Now()
	switch a.Status(now) {
	case account.Suspended:
		return "suspended: " + string(a.Suspension.Category)
	case account.Expired:
		if a.ExpiresAt.IsZero() {
			return "nothing paid yet"
		}
		return "expired since " + a.ExpiresAt.In(d.zone).Format(time.RFC3339)
	case account.Active, account.Grace:
	}
	return ""
}

// Account implements aaa.Directory: it keeps the session list. A session that the account's facts do not allow, or that may
// have been let in before they changed, makes the router be looked at again.
func (d *directory) Account(ctx context.Context, r aaa.Record) error {
	var line account.Line
	if r.Kind == aaa.Start || r.Kind == aaa.Interim {
		row, err := db.New(d.pool).Dial(ctx, db.DialParams{RouterID: r.RouterID, Username: r.Username})
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("read the account of a session: %w", err)
		}
		if err == nil {
			line = db.Facts(row.Subscriber, row.Plan, nil).Desired(d.clock.Now())
		}
	}
	if err := d.note(ctx, r, line); err != nil {
		return fmt.Errorf("account for a session on router %d: %w", r.RouterID, err)
	}
	if (r.Kind != aaa.Start && r.Kind != aaa.Interim) || line.State == account.LineEnabled {
		return nil
	}
	again := db.LookAgainParams{RouterID: r.RouterID, Username: r.Username, Now: d.clock.Now()}
	if err := db.New(d.pool).LookAgain(ctx, again); err != nil {
		return fmt.Errorf("look again at a session: %w", err)
	}
	d.bell.RingRouter(ctx, r.RouterID)
	return nil
}

func (d *directory) note(ctx context.Context, r aaa.Record, line account.Line) error {
	q := db.New(d.pool)
	var address *netip.Addr
	if r.Address.IsValid() {
		address = &r.Address
	}
	started := r.At.Add(-r.SessionTime)
	input, output := octets(r.InputOctets), octets(r.OutputOctets)
	switch r.Kind {
	case aaa.Start, aaa.Interim:
		seen, err := q.SessionSeen(ctx, db.SessionSeenParams{
			RouterID: r.RouterID, AcctSessionID: r.SessionID, Username: r.Username, Address: address,
			CallingStation: r.CallingStation, Rate: string(line.Rate), AddressList: line.AddressList, StartedAt: started, SeenAt: r.At,
			InputOctets: input, OutputOctets: output,
		})
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if seen.Unsure {
			d.log.Info("a session began while its line was changing; the router is looked at again", "router", r.RouterID,
				"action", seen.ActionID)
			d.bell.RingRouter(ctx, r.RouterID)
		}
		if r.Kind != aaa.Start {
			return nil
		}
		return q.CloseOlderSessions(ctx, db.CloseOlderSessionsParams{
			RouterID: r.RouterID, Username: r.Username, AcctSessionID: r.SessionID, At: r.At,
		})
	case aaa.Stop:
		return q.SessionStopped(ctx, db.SessionStoppedParams{
			RouterID: r.RouterID, AcctSessionID: r.SessionID, Username: r.Username, Address: address,
			CallingStation: r.CallingStation, StartedAt: started, At: r.At, EndCause: r.Cause,
			InputOctets: input, OutputOctets: output,
		})
	case aaa.RouterUp:
		return q.CloseAllSessions(ctx, db.CloseAllSessionsParams{RouterID: r.RouterID, At: r.At, EndCause: "router came up"})
	case aaa.RouterDown:
		return q.CloseAllSessions(ctx, db.CloseAllSessionsParams{RouterID: r.RouterID, At: r.At, EndCause: "router went down"})
	}
	return nil
}

func octets(n uint64) int64 { return int64(min(n, 1<<62)) }

// sessionList is the same list, for routers that have no API to look at.
type sessionList struct{ pool *pgxpool.Pool }

// OpenSessions implements router.SessionList.
func (s sessionList) OpenSessions(ctx context.Context, routerID int64, username string) ([]router.Session, error) {
	rows, err := db.New(s.pool).OpenSessions(ctx, db.OpenSessionsParams{RouterID: routerID, Username: username})
	if err != nil {
		return nil, fmt.Errorf("read the session list: %w", err)
	}
	sessions := make([]router.Session, len(rows))
	for i, r := range rows {
		sessions[i] = router.Session{
			AcctSessionID: r.AcctSessionID, Rate: account.Rate(r.Rate), AddressList: r.AddressList, Radius: true,
			Since: r.StartedAt,
		}
		if r.Address != nil {
			sessions[i].Address = *r.Address
		}
	}
	return sessions, nil
}

// Doubt implements router.SessionList.
func (s sessionList) Doubt(ctx context.Context, routerID int64, username, addressList string) error {
	doubt := db.DoubtSessionsParams{RouterID: routerID, Username: username, AddressList: addressList}
	if err := db.New(s.pool).DoubtSessions(ctx, doubt); err != nil {
		return fmt.Errorf("write the session list: %w", err)
	}
	return nil
}
