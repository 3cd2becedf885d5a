package console

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// SessionStore keeps the console's sessions in PostgreSQL, under the hash of their token: who reads the table cannot use
// one. It is an [scs.CtxStore], whose methods without a context nobody should need.
type SessionStore struct{ service *Service }

var _ scs.CtxStore = (*SessionStore)(nil)

// SessionStore returns the store of the console's sessions.
func (s *Service) SessionStore() *SessionStore { return &SessionStore{s} }

// FindCtx implements [scs.CtxStore].
func (st *SessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	data, err := db.New(st.service.Pool).FindSession(ctx, db.FindSessionParams{TokenHash: tokenHash(token), Now: st.service.Clock.Now()})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find a session: %w", err)
	}
	return data, true, nil
}

// CommitCtx implements [scs.CtxStore].
func (st *SessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	err := db.New(st.service.Pool).SaveSession(ctx, db.SaveSessionParams{TokenHash: tokenHash(token), Data: data, ExpiresAt: expiry})
	if err != nil {
		return fmt.Errorf("store a session: %w", err)
	}
	return nil
}

// DeleteCtx implements [scs.CtxStore].
func (st *SessionStore) DeleteCtx(ctx context.Context, token string) error {
	if err := db.New(st.service.Pool).DeleteSession(ctx, tokenHash(token)); err != nil {
		return fmt.Errorf("delete a session: %w", err)
	}
	return nil
}

// Find implements [scs.Store].
func (st *SessionStore) Find(token string) ([]byte, bool, error) {
	return st.FindCtx(context.Background(), token)
}

// Commit implements [scs.Store].
func (st *SessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return st.CommitCtx(context.Background(), token, data, expiry)
}

// Delete implements [scs.Store].
func (st *SessionStore) Delete(token string) error {
	return st.DeleteCtx(context.Background(), token)
}
