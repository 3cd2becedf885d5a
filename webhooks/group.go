package webhooks

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"qserve/db"
)

const (
	// committers is how many inserts may be on their way at once. One leaves the disk idle while the next group is
	// gathered; more than a few only make the groups smaller.
	committers = 2
	// The bounds of one insert.
	groupRows, groupBytes = 256, 4 << 20
	// waitingRoom is how many deliveries may wait for a committer; beyond it the sender is asked to come back.
	waitingRoom = 1024
	// storeWithin bounds the time from a delivery's arrival to its outcome, so that every answer leaves within 3 s.
	storeWithin = 2500 * time.Millisecond
)

var (
	errFull    = errors.New("too many deliveries wait for the database")
	errStopped = errors.New("the intake is stopping")
	errLate    = errors.New("the database did not store the delivery in time")
)

// delivery is one webhook as it is stored.
type delivery struct {
	source     int64
	key        string
	digest     []byte // SHA-256 of body
	call       string
	body       []byte
	receivedAt time.Time
}

// rowKey is what a delivery is stored under, once.
type rowKey struct {
	source int64
	key    string
}

// stored is what became of a delivery. id is zero unless the outcome is Stored.
type stored struct {
	outcome Outcome
	id      int64
	err     error
}

type waiting struct {
	delivery
	done chan stored // has room for one, so that nobody has to be there to take it
}

// group turns deliveries that wait at the same time into one insert: the disk is waited for once for all of them. A
// delivery that is taken in is stored whether or not its sender still waits.
type group struct {
	queries *db.Queries
	log     *slog.Logger
	ring    func(ids []int64)

	queue  chan *waiting
	mu     sync.RWMutex // held for writing only to close queue
	closed bool
}

func newGroup(queries *db.Queries, log *slog.Logger, ring func(ids []int64)) *group {
	return &group{queries: queries, log: log, ring: ring, queue: make(chan *waiting, waitingRoom)}
}

// store returns once the delivery is committed, was there before, or could not be stored in time. After an error it may
// still become stored; trying again is safe.
func (g *group) store(ctx context.Context, d delivery) stored {
	w := &waiting{delivery: d, done: make(chan stored, 1)}
	if err := g.admit(w); err != nil {
		return stored{err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	select {
	case s := <-w.done:
		return s
	case <-ctx.Done():
		return stored{err: errLate}
	}
}

func (g *group) admit(w *waiting) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return errStopped
	}
	select {
	case g.queue <- w:
		return nil
	default:
		return errFull
	}
}

// stop refuses what comes from now on. The committers return once everything that was taken in has its outcome.
func (g *group) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	close(g.queue)
}

// commit works as one committer until the group is stopped and empty.
func (g *group) commit(ctx context.Context) {
	for first := range g.queue {
		g.settle(ctx, g.gather(first))
	}
}

// gather takes first and whoever waits behind it, without waiting for more.
func (g *group) gather(first *waiting) []*waiting {
	batch, size := []*waiting{first}, len(first.body)
	for len(batch) < groupRows && size < groupBytes {
		select {
		case w, open := <-g.queue:
			if !open {
				return batch
			}
			batch = append(batch, w)
			size += len(w.body)
		default:
			return batch
		}
	}
	return batch
}

// settle stores a batch and tells everybody in it what became of theirs.
func (g *group) settle(ctx context.Context, batch []*waiting) {
	// All committers take the keys in the same order, so that two of them cannot wait for each other.
	slices.SortStableFunc(batch, func(a, b *waiting) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.key, b.key))
	})
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	err := g.insert(ctx, batch)
	switch {
	case err == nil:
		return
	case len(batch) > 1 && spoiled(err):
		for _, w := range batch {
			if err := g.insert(ctx, []*waiting{w}); err != nil {
				g.fail(err, w)
			}
		}
	default:
		g.fail(err, batch...)
	}
}

// insert stores a batch in one statement and, when that is committed, gives everybody in it an outcome. After an error
// nobody has one.
func (g *group) insert(ctx context.Context, batch []*waiting) error {
	var rows db.InsertDeliveriesParams
	for _, w := range batch {
		rows.SourceIDs = append(rows.SourceIDs, w.source)
		rows.DeliveryKeys = append(rows.DeliveryKeys, w.key)
		rows.Digests = append(rows.Digests, w.digest)
		rows.Calls = append(rows.Calls, w.call)
		rows.Bodies = append(rows.Bodies, w.body)
		rows.ReceivedAts = append(rows.ReceivedAts, w.receivedAt)
	}
	inserted, err := g.queries.InsertDeliveries(ctx, rows)
	if _, answered := errors.AsType[*pgconn.PgError](err); err != nil && !answered && ctx.Err() == nil {
		// The connection was lost, perhaps before the server restarted. The rows have keys, so once more does no harm;
		// what the lost attempt had stored after all is then a duplicate of itself.
		inserted, err = g.queries.InsertDeliveries(ctx, rows)
	}
	if err != nil {
		return err
	}
	fresh := make(map[rowKey]int64, len(inserted))
	for _, row := range inserted {
		fresh[rowKey{row.SourceID, row.DeliveryKey}] = row.ID
	}
	ids := make([]int64, 0, len(inserted))
	for _, w := range batch {
		// Of several with one key, the first has the row and the others are its duplicates.
		key := rowKey{w.source, w.key}
		id, ok := fresh[key]
		if !ok {
			w.done <- stored{outcome: Duplicate}
			continue
		}
		delete(fresh, key)
		ids = append(ids, id)
		w.done <- stored{outcome: Stored, id: id}
	}
	if len(ids) > 0 {
		g.ring(ids)
	}
	return nil
}

func (g *group) fail(err error, batch ...*waiting) {
	// The driver's errors name the server and the constraint, never a value.
	g.log.Error("deliveries cannot be stored", "deliveries", len(batch), "error", err)
	for _, w := range batch {
		w.done <- stored{err: err}
	}
}

// spoiled reports whether one of the rows is to blame, by the class of the SQLSTATE (PostgreSQL manual, appendix A):
// bad data, a constraint, a limit of the server, or a conflict with another transaction.
func spoiled(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.ContainsFunc([]string{"22", "23", "54", "40"}, func(class string) bool {
		return strings.HasPrefix(pg.Code, class)
	})
}
