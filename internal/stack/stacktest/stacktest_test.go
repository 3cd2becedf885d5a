package stacktest_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"qserve/internal/stack"
	"qserve/internal/stack/stacktest"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

var migrations atomic.Int64

func migrate(ctx context.Context, url string) error {
	migrations.Add(1)
	return execute(ctx, url, "CREATE TABLE notes (body text)")
}

func execute(ctx context.Context, url, statement string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func count(t *testing.T, url string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEachTest_HasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			url := stacktest.Database(t, migrate)
			if n := count(t, url); n != 0 {
				t.Errorf("a fresh database has %d notes", n)
			}
			if err := execute(t.Context(), url, "INSERT INTO notes VALUES ('mine')"); err != nil {
				t.Fatal(err)
			}
			if n := count(t, url); n != 1 {
				t.Errorf("after one insert: %d notes", n)
			}
			if n := migrations.Load(); n != 1 {
				t.Errorf("migrated %d times", n)
			}
		})
	}
}

func TestDatabase_IsGoneAfterItsTest(t *testing.T) { //nolint:tparallel // the inner test has to be over
	t.Parallel()
	var url string
	if !t.Run("test", func(t *testing.T) { url = stacktest.Database(t, migrate) }) {
		t.FailNow()
	}
	if err := execute(t.Context(), url, "SELECT 1"); err == nil {
		t.Error("the database of a test that is over answers")
	}
}

func TestRedis_IsPrivate(t *testing.T) {
	t.Parallel()
	if one, other := stacktest.Redis(t), stacktest.Redis(t); one == other {
		t.Error("two that asked share a Redis")
	}
	if kind := stacktest.OwnRedis(t, stack.RedisOptions{Embedded: true}).Kind(); kind != stack.KindEmbedded {
		t.Errorf("asked for the embedded Redis, got %s", kind)
	}
}
