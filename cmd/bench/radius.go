package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/db"
)

// user is somebody who dials.
type user struct{ name, password string }

const (
	radiusRate   = "5M/10M"
	radiusRouter = "NAS"
)

// radius has Debian's radclient send the Access-Requests of 20,000 users, 64 in flight, to Qserve's role radius and to
// FreeRADIUS on the same PostgreSQL in turns.
func radius(ctx context.Context, b *bench) (lines []result, err error) {
	st, err := b.open(ctx, stage.Options{Roles: []program.Role{program.Radius}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	users := make([]user, size(b, 20_000, 500))
	for i := range users {
		users[i] = user{fmt.Sprintf("user-%05d", i), rand.Text()[:10]}
	}
	secret := rand.Text()
	if err := connectUsers(ctx, st, users, secret); err != nil {
		return nil, err
	}
	if err := loadFreeRADIUS(ctx, st.Pool, users); err != nil {
		return nil, err
	}
	if _, err := st.Pool.Exec(ctx, `analyze`); err != nil {
		return nil, fmt.Errorf("analyze the tables: %w", err)
	}
	theirs, err := startDatabaseRADIUS(ctx, st.DatabaseURL, secret)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, theirs.close()) }()
	dir, err := os.MkdirTemp("", "qserve-bench-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the requests: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	dials, err := newDialler(filepath.Join(dir, "requests"), users, secret)
	if err != nil {
		return nil, err
	}

	ours, _ := st.Program.RadiusAddresses()
	var mine, others []float64
	for round := range rounds + 1 {
		that, err := dials.send(ctx, theirs.address)
		if err != nil {
			return nil, fmt.Errorf("FreeRADIUS: %w", err)
		}
		var this float64
		err = b.profiled(func() error {
			this, err = dials.send(ctx, ours)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("role radius: %w", err)
		}
		b.progress("  %.0f of Qserve, %.0f of FreeRADIUS", this, that)
		if round > 0 { // the first warms both
			mine, others = append(mine, this), append(others, that)
		}
	}
	return []result{atLeast(fmt.Sprintf("RADIUS: PAP, %d users, %d in flight", len(users), inFlight),
		perSecond(middle(mine), "Access-Requests"), perSecond(middle(others), "Access-Requests")+", FreeRADIUS with rlm_sql_postgresql",
		middle(mine)/middle(others), 1)}, nil
}

// connectUsers stores the users as paid customers of one router, which is where radclient is.
func connectUsers(ctx context.Context, st *stage.Stage, users []user, secret string) error {
	_, err := st.Staff.AddRouter(ctx, console.By{Actor: "bench"}, console.NewRouter{
		Name: radiusRouter, Mode: "radius", RadiusSecret: secret, NASAddress: "127.0.0.1", CoAAddress: "127.0.0.1:3799", Pool: "pool1",
	})
	if err != nil {
		return err
	}
	q := db.New(st.Pool)
	nas, err := q.RouterByName(ctx, radiusRouter)
	if err != nil {
		return err
	}
	plan, err := q.PlanByName(ctx, planName)
	if err != nil {
		return err
	}
	keys, until := st.Settings.Ring(), time.Now().AddDate(0, 0, 20)
	columns := []string{
		"id", "account", "name", "router_id", "username", "password_sealed", "plan_id", "currency", "expires_at", "due_at",
	}
	_, err = st.Pool.CopyFrom(ctx, pgx.Identifier{"subscribers"}, columns,
		pgx.CopyFromSlice(len(users), func(i int) ([]any, error) {
			id := int64(i + 1)
			sealed, err := keys.Seal([]byte(users[i].password), db.SubscriberPasswordRow(id))
			return []any{
				id, users[i].name, "Sample", nas.ID, users[i].name, sealed, plan.ID, plan.Currency, until, until,
			}, err
		}))
	if err != nil {
		return fmt.Errorf("store the users: %w", err)
	}
	return nil
}
