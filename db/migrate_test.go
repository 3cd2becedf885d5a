package db_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"qserve/db"
	"qserve/internal/stack/stacktest"
)

// down takes every migration back.
func down(t *testing.T, url string) {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	conn := stdlib.OpenDB(*cfg)
	defer conn.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, conn, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
}

// schema lists everything in the database that a migration may have made, with its definition.
func schema(t *testing.T, url string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `
		select 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
			from information_schema.columns where table_schema = 'public'
		union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
			from pg_constraint where connamespace = 'public'::regnamespace and conrelid <> 0
		union all select indexdef from pg_indexes where schemaname = 'public'
		union all select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
		union all select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
		order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var ours []string
	for _, line := range all {
		if !strings.Contains(line, "goose_db_version") {
			ours = append(ours, line)
		}
	}
	return ours
}

func files(t *testing.T) int {
	t.Helper()
	names, err := fs.Glob(os.DirFS("migrations"), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func current(t *testing.T, url string) bool {
	t.Helper()
	is, err := db.SchemaIsCurrent(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return is
}

func TestMigratingTwice_ChangesNothing(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t, migrate)
	before := schema(t, url)
	ran, err := db.Migrate(t.Context(), url)
	if err != nil || len(ran) != 0 {
		t.Errorf("ran %v, %v", ran, err)
	}
	if diff := cmp.Diff(before, schema(t, url)); diff != "" {
		t.Errorf("schema (-before +after):\n%s", diff)
	}
	if !current(t, url) {
		t.Error("the schema is not current")
	}
}

func TestDownThenUp_IsTheSameSchema(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t, migrate)
	before := schema(t, url)
	down(t, url)
	if left := schema(t, url); len(left) != 0 {
		t.Errorf("left after down:\n%s", strings.Join(left, "\n"))
	}
	if current(t, url) {
		t.Error("an empty schema counts as current")
	}
	ran, err := db.Migrate(t.Context(), url)
	if err != nil || len(ran) != files(t) {
		t.Errorf("ran %v, %v", ran, err)
	}
	if diff := cmp.Diff(before, schema(t, url)); diff != "" {
		t.Errorf("schema (-first +again):\n%s", diff)
	}
}

func TestMigratingFromSeveralProgramsAtOnce_RunsEachMigrationOnce(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t, migrate)
	down(t, url)
	const many = 4
	type outcome struct {
		ran []string
		err error
	}
	outcomes := make(chan outcome, many)
	for range many {
		go func() {
			ran, err := db.Migrate(t.Context(), url)
			outcomes <- outcome{ran, err}
		}()
	}
	ran := 0
	for range many {
		o := <-outcomes
		if o.err != nil {
			t.Error(o.err)
		}
		ran += len(o.ran)
	}
	if ran != files(t) {
		t.Errorf("%d migrations ran, of %d files", ran, files(t))
	}
}

func TestMigrate_OfWhatIsNoDatabaseSaysSoWithoutThePassword(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, url := range []string{"postgres://u:hunter2@127.0.0.1:1/x", "postgres://u:hunter2@[::1/x"} {
		_, err := db.Migrate(ctx, url)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("migrate: %v", err)
		}
		if _, err := db.SchemaIsCurrent(ctx, url); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("compare: %v", err)
		}
		if pool, err := db.Open(ctx, url, 1); err == nil {
			pool.Close()
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("open: %v", err)
		}
	}
	cancel()
	if _, err := db.Migrate(ctx, "postgres://u@127.0.0.1:1/x"); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
}
