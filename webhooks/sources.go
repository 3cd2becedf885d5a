package webhooks

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/seal"
)

const (
	// reloadEvery is how soon a new, changed or archived source is noticed without anybody asking for it.
	reloadEvery = 2 * time.Second
	// reloadPause is the shortest time between two reloads, so that guessing tokens costs the database nothing.
	reloadPause = 250 * time.Millisecond
	// lookWithin bounds the wait for the reload that an unknown token asks for.
	lookWithin = 2 * time.Second
)

var (
	errNoSource  = errors.New("no payment source has this token")
	errNotLooked = errors.New("the payment sources cannot be read from the database now")
)

// sources is the payment sources in memory, found by the hash of their token. It goes on knowing them while the
// database is away, and never says that there is no such source without having looked after the question came.
type sources struct {
	queries *db.Queries
	keys    *seal.Ring
	clock   clock.Clock
	log     *slog.Logger

	known  atomic.Pointer[map[[sha256.Size]byte]Source]
	wanted chan struct{} // has room for one
	mu     sync.Mutex
	next   *reload

	spool *spool // nil: nothing is remembered
	last  remembered

	// What was logged already; only replace uses them.
	away   bool
	silent map[string]bool
}

// reload is one look at the database; done is closed when it has ended.
type reload struct {
	done chan struct{}
	err  error
}

func newSources(queries *db.Queries, keys *seal.Ring, c clock.Clock, log *slog.Logger) *sources {
	s := &sources{queries: queries, keys: keys, clock: c, log: log,
		wanted: make(chan struct{}, 1), next: &reload{done: make(chan struct{})}, silent: map[string]bool{}}
	s.known.Store(&map[[sha256.Size]byte]Source{})
	return s
}

// find returns the source of a token, errNoSource, or errNotLooked when that could not be found out.
func (s *sources) find(ctx context.Context, token string) (Source, error) {
	if !wellFormed(token) {
		return Source{}, errNoSource
	}
	if source, ok := s.lookUp(token); ok {
		return source, nil
	}
	return s.look(ctx, token)
}

// look finds the source of a token as the database has it now.
func (s *sources) look(ctx context.Context, token string) (Source, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	next := s.want()
	select {
	case <-next.done:
	case <-ctx.Done():
		return Source{}, errNotLooked
	}
	if next.err != nil {
		return Source{}, errNotLooked
	}
	if source, ok := s.lookUp(token); ok {
		return source, nil
	}
	return Source{}, errNoSource
}

func (s *sources) lookUp(token string) (Source, bool) {
	source, ok := (*s.known.Load())[sha256.Sum256([]byte(token))]
	return source, ok
}

// want asks for a reload and returns the next one that begins.
func (s *sources) want() *reload {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.wanted <- struct{}{}:
	default:
	}
	return s.next
}

// run reloads whenever it is wanted, until ctx is done.
func (s *sources) run(ctx context.Context) {
	for {
		select {
		case <-s.wanted:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		current := s.next
		s.next = &reload{done: make(chan struct{})}
		s.mu.Unlock()
		current.err = s.replace(ctx)
		close(current.done)
		if s.clock.WaitUntil(ctx, s.clock.Now().Add(reloadPause)) != nil {
			return
		}
	}
}

// tick wants a reload now and every reloadEvery, until ctx is done.
func (s *sources) tick(ctx context.Context) {
	for ctx.Err() == nil {
		s.want()
		_ = s.clock.WaitUntil(ctx, s.clock.Now().Add(reloadEvery))
	}
}

// replace exchanges what is known for what the database says, or leaves it as it is.
func (s *sources) replace(ctx context.Context) error {
	rows, secrets, err := s.read(ctx)
	if err != nil {
		if !s.away && ctx.Err() == nil {
			s.log.Error("payment sources cannot be read; those known stay in force", "error", err)
			s.away = true
		}
		return err
	}
	s.away = false
	s.install(remembered{rows, secrets})
	return nil
}

// install makes these sources the known ones, and has the spool remember them when they differ from the last.
func (s *sources) install(r remembered) {
	bySource := map[int64][]db.SourceSecret{}
	for _, secret := range r.Secrets {
		bySource[secret.SourceID] = append(bySource[secret.SourceID], secret)
	}
	known := make(map[[sha256.Size]byte]Source, len(r.Sources))
	for _, row := range r.Sources {
		if _, err := providerOf(row.Kind); err != nil {
			s.complain(row.Name, err)
			continue
		}
		known[[sha256.Size]byte(row.TokenHash)] = Source{
			ID: row.ID, Name: row.Name, Kind: row.Kind, Merchant: row.Merchant, Currency: row.Currency,
			Secrets: s.open(row, bySource[row.ID]),
		}
	}
	s.known.Store(&known)
	if s.spool == nil || reflect.DeepEqual(r, s.last) {
		return
	}
	if err := s.spool.remember(r); err != nil {
		s.log.Error("payment sources cannot be kept for a start without the database", "error", err)
		return
	}
	s.last = r
}

// recall begins with what the spool remembers, until the database says better.
func (s *sources) recall() {
	r, err := s.spool.recall()
	if err != nil {
		s.log.Error("payment sources of the last start are not used", "error", err)
		return
	}
	s.last = r
	s.install(r)
}

func (s *sources) read(ctx context.Context) ([]db.PaymentSource, []db.SourceSecret, error) {
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	rows, err := s.queries.ListSources(ctx)
	if err != nil {
		return nil, nil, err
	}
	secrets, err := s.queries.ActiveSecrets(ctx, s.clock.Now())
	return rows, secrets, err
}

// open returns the secrets that open and are sound. One that is not is as good as none: its signatures are refused.
func (s *sources) open(source db.PaymentSource, rows []db.SourceSecret) []Secret {
	var list []Secret
	for _, row := range rows {
		plain, err := s.keys.Open(row.Sealed, SecretRow(row.ID))
		if err == nil {
			err = CheckSecret(source.Kind, string(plain))
		}
		if err != nil {
			s.complain(source.Name, fmt.Errorf("secret %d: %w", row.ID, err))
			continue
		}
		secret := Secret{Text: string(plain), NotBefore: row.NotBefore}
		if row.NotAfter != nil {
			secret.NotAfter = *row.NotAfter
		}
		list = append(list, secret)
	}
	return list
}

// complain logs what is wrong with a source the first time only, because the next reload is seconds away.
func (s *sources) complain(source string, err error) {
	text := source + ": " + err.Error()
	if !s.silent[text] {
		s.silent[text] = true
		s.log.Error("a payment source cannot be used as it is", "source", source, "error", err)
	}
}
