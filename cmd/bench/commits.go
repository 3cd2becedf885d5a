package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/cmd/internal/stage"
)

// commits is what PostgreSQL alone does: one row into a table like deliveries, committed to the disk.
type commits struct{ pool *pgxpool.Pool }

func newCommits(ctx context.Context, st *stage.Stage, connections int) (*commits, error) {
	cfg, err := pgxpool.ParseConfig(st.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("read the database address: %w", err)
	}
	cfg.MaxConns, cfg.MinConns = int32(connections), int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open connections for raw commits: %w", err)
	}
	_, err = pool.Exec(ctx, `create table if not exists raw_deliveries (like deliveries including all)`)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("create a table like deliveries: %w", err)
	}
	return &commits{pool}, nil
}

func (c *commits) close() { c.pool.Close() }

// one inserts one row and returns when it is committed.
func (c *commits) one(ctx context.Context) error {
	body := stage.Confirmation(stage.Receipt(), "BENCH-0001", planPrice)
	digest := sha256.Sum256(body)
	_, err := c.pool.Exec(ctx, `insert into raw_deliveries (source_id, delivery_key, digest, call, body, received_at)
		values ($1, $2, $3, $4, $5, $6)`, int64(1), rand.Text(), digest[:], "confirm", body, time.Now())
	if err != nil {
		return fmt.Errorf("insert a row: %w", err)
	}
	return nil
}
