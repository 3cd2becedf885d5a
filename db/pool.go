// Package db keeps the accounts in PostgreSQL: the pool, transactions, migrations, and the queries that sqlc generates
// from the folder queries.
//
// PostgreSQL is the truth. Everything that is not done yet is a row that says so, and a transaction stores an effect
// together with the mark that it is done. What the rows mean is decided in package account; who works on them, in
// package jobs.
package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Open connects a pool of at most conns connections; 0 leaves the number to the address. It does not wait for the
// database to answer: a program that starts before its database is healthy a moment later.
func Open(ctx context.Context, url string, conns int) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database address: %w", err)
	}
	if conns > 0 {
		cfg.MaxConns = int32(min(conns, 10_000))
	}
	cfg.ConnConfig.ConnectTimeout = 3 * time.Second
	if _, named := cfg.ConnConfig.RuntimeParams["application_name"]; !named {
		cfg.ConnConfig.RuntimeParams["application_name"] = "qserve"
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the database pool: %w", err)
	}
	return pool, nil
}

// InTx runs fn in one transaction: committed when fn returns nil, rolled back otherwise.
func InTx(ctx context.Context, pool *pgxpool.Pool, fn func(tx pgx.Tx, q *Queries) error) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return fn(tx, New(tx)) })
}

// pipeline collects statements that return nothing, so that they travel to the server together.
type pipeline struct{ batch pgx.Batch }

func (p *pipeline) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	p.batch.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

func (p *pipeline) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return nil, errors.New("a pipelined statement returns no rows")
}

func (p *pipeline) QueryRow(context.Context, string, ...any) pgx.Row { return noRow{} }

type noRow struct{}

func (noRow) Scan(...any) error { return errors.New("a pipelined statement returns no row") }

// Pipelined runs the :exec queries that fn calls in one round trip. It reports the first error of any of them.
func Pipelined(ctx context.Context, tx pgx.Tx, fn func(q *Queries) error) error {
	var p pipeline
	if err := fn(New(&p)); err != nil {
		return err
	}
	if p.batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, &p.batch).Close()
}
