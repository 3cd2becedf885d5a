package db

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of the database at url to what this binary needs and returns the names of the migrations
// that it ran. Several programs may call it at once: an advisory lock lets one work and the others wait.
func Migrate(ctx context.Context, url string) ([]string, error) {
	provider, closeDB, err := migrator(url)
	if err != nil {
		return nil, err
	}
	defer closeDB()
	results, err := provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate the database: %w", err)
	}
	var ran []string
	for _, r := range results {
		ran = append(ran, r.Source.Path)
	}
	return ran, nil
}

// SchemaIsCurrent reports whether the database at url has every migration of this binary.
func SchemaIsCurrent(ctx context.Context, url string) (bool, error) {
	provider, closeDB, err := migrator(url)
	if err != nil {
		return false, err
	}
	defer closeDB()
	pending, err := provider.HasPending(ctx)
	if err != nil {
		return false, fmt.Errorf("compare the schema with this program's: %w", err)
	}
	return !pending, nil
}

func migrator(url string) (*goose.Provider, func(), error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, nil, fmt.Errorf("read the database address: %w", err)
	}
	conn := stdlib.OpenDB(*cfg)
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, nil, fmt.Errorf("open the embedded migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, conn, files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the migrations: %w", err)
	}
	return provider, func() { _ = conn.Close() }, nil
}
