package console

import (
	"context"
	"fmt"
	"time"

	"qserve/db"
)

// HeldUpView is a user name whose wanted state a router has not confirmed yet.
type HeldUpView struct {
	Username string
	Wanted   string // absent, disabled or enabled
	Since    time.Time
	Attempts int        // in vain
	NextTry  *time.Time // of this name; nil: with the router's next one
	// LastError is why the last attempt failed; empty when there was none for this name alone.
	LastError string
	// Account and Name are whose it is; empty when the user name is only to leave the router.
	Account, Name string
}

// mostHeldUp bounds what is listed of a router that holds up very many.
const mostHeldUp = 200

// RouterWaiting lists whom a router holds up, the one that waits longest first, at most 200.
func (s *Service) RouterWaiting(ctx context.Context, name string) ([]HeldUpView, error) {
	rows, err := db.New(s.Pool).WaitingOnRouter(ctx, db.WaitingOnRouterParams{Router: name, Most: mostHeldUp})
	if err != nil {
		return nil, fmt.Errorf("read what waits for router %q: %w", name, err)
	}
	views := make([]HeldUpView, len(rows))
	for i, row := range rows {
		views[i] = HeldUpView{
			Username: row.Username, Wanted: row.State, Since: row.WantedAt.UTC(), Attempts: int(row.Attempts), NextTry: utc(row.NextTryAt),
			LastError: row.LastError, Account: row.Account, Name: row.Name,
		}
	}
	return views, nil
}
