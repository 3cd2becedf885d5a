package stack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"qserve/internal/stack"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := child(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func startPostgres(t *testing.T, options stack.PostgresOptions) *stack.Postgres {
	t.Helper()
	server, err := stack.StartPostgres(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func startRedis(t *testing.T, options stack.RedisOptions) (*stack.Redis, *redis.Client) {
	t.Helper()
	server, err := stack.StartRedis(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	parsed, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(parsed)
	t.Cleanup(func() { _ = client.Close() })
	return server, client
}

// query returns the first column of a statement's rows as text.
func query(ctx context.Context, url, statement string) ([]string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return values, errors.Join(err, conn.Close(ctx))
}

func mustQuery(t *testing.T, url, statement string) []string {
	t.Helper()
	values, err := query(t.Context(), url, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return values
}

func TestPostgresThatCrashes_ComesBackWithEveryCommit(t *testing.T) {
	t.Parallel()
	server := startPostgres(t, stack.PostgresOptions{})
	url, err := server.CreateDatabase(t.Context(), "books", "")
	if err != nil {
		t.Fatal(err)
	}
	mustQuery(t, url, "CREATE TABLE payments (receipt text)")
	mustQuery(t, url, "INSERT INTO payments VALUES ('paid just before the crash')")

	if err := server.Crash(); err != nil {
		t.Fatal(err)
	}
	if _, err := query(t.Context(), url, "SELECT 'up'"); err == nil {
		t.Error("a crashed server answers")
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := mustQuery(t, url, "SELECT receipt FROM payments")
	if diff := cmp.Diff([]string{"paid just before the crash"}, got); diff != "" {
		t.Errorf("after the crash (-want +got):\n%s", diff)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := mustQuery(t, url, "SELECT receipt FROM payments"); len(got) != 1 {
		t.Errorf("after the restart: %q", got)
	}
}

func TestPostgres_IsSetUpAsAskedFor(t *testing.T) {
	t.Parallel()
	const settings = `SELECT name || '=' || setting FROM pg_settings
		WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'max_connections') ORDER BY name`
	for name, c := range map[string]struct {
		options stack.PostgresOptions
		want    []string
	}{
		"fast": {
			stack.PostgresOptions{},
			[]string{"fsync=off", "full_page_writes=off", "max_connections=300", "synchronous_commit=on"},
		},
		"durable": {
			stack.PostgresOptions{Durable: true, MaxConnections: 40},
			[]string{"fsync=on", "full_page_writes=on", "max_connections=40", "synchronous_commit=on"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startPostgres(t, c.options)
			if diff := cmp.Diff(c.want, mustQuery(t, server.URL(), settings)); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDatabaseFromATemplate_IsACopyAndCanBeDroppedInUse(t *testing.T) {
	t.Parallel()
	server := startPostgres(t, stack.PostgresOptions{})
	original, err := server.CreateDatabase(t.Context(), "original", "")
	if err != nil {
		t.Fatal(err)
	}
	mustQuery(t, original, "CREATE TABLE plans AS SELECT 'Home Zoë' AS name")
	duplicate, err := server.CreateDatabase(t.Context(), `odd "name"`, "original")
	if err != nil {
		t.Fatal(err)
	}
	// The letters' case is known beyond ASCII, as in a real installation.
	if diff := cmp.Diff([]string{"HOME ZOË"}, mustQuery(t, duplicate, "SELECT upper(name) FROM plans")); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}

	conn, err := pgx.Connect(t.Context(), duplicate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if err := server.DropDatabase(t.Context(), `odd "name"`); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a connection to a dropped database still works")
	}
}

func TestRedis_ForgetsOnFlushAndComesBackAfterACrash(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options stack.RedisOptions
		kind    string
	}{
		"server":   {stack.RedisOptions{}, stack.KindServer},
		"embedded": {stack.RedisOptions{Embedded: true}, stack.KindEmbedded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := startRedis(t, c.options)
			if got := server.Kind(); got != c.kind {
				t.Fatalf("started %s, want %s", got, c.kind)
			}
			if err := client.Set(t.Context(), "ring", "1", 0).Err(); err != nil {
				t.Fatal(err)
			}
			if err := server.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n, err := client.DBSize(t.Context()).Result(); err != nil || n != 0 {
				t.Errorf("after a flush: %d keys, %v", n, err)
			}
			if err := server.Crash(); err != nil {
				t.Fatal(err)
			}
			if err := client.Ping(t.Context()).Err(); err == nil {
				t.Error("a crashed server answers")
			}
			for range 2 {
				if err := server.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := client.Ping(t.Context()).Err(); err != nil {
				t.Errorf("after the start: %v", err)
			}
		})
	}
}

func TestRedisWithAnAppendOnlyFile_RemembersAcrossACrash(t *testing.T) {
	t.Parallel()
	server, client := startRedis(t, stack.RedisOptions{AppendOnly: true})
	if err := client.Set(t.Context(), "ring", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := server.Crash(); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(t.Context(), "ring").Result(); err != nil || got != "1" {
		t.Errorf("after the crash: %q, %v", got, err)
	}
}

func TestRedis_NeverEvictsAndAsksForItsPassword(t *testing.T) {
	t.Parallel()
	_, client := startRedis(t, stack.RedisOptions{})
	policy, err := client.ConfigGet(t.Context(), "maxmemory-policy").Result()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"maxmemory-policy": "noeviction"}, policy); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	stranger := redis.NewClient(&redis.Options{Addr: client.Options().Addr})
	t.Cleanup(func() { _ = stranger.Close() })
	if err := stranger.Ping(t.Context()).Err(); err == nil {
		t.Error("the server answers without a password")
	}
}

func TestSomebodyElsesServer_IsUsedAndLeftAlone(t *testing.T) {
	t.Parallel()
	theirs := startPostgres(t, stack.PostgresOptions{})
	theirRedis, client := startRedis(t, stack.RedisOptions{})

	ours := startPostgres(t, stack.PostgresOptions{URL: theirs.URL()})
	ourRedis, _ := startRedis(t, stack.RedisOptions{URL: theirRedis.URL()})
	url, err := ours.CreateDatabase(t.Context(), "guest", "")
	if err != nil {
		t.Fatal(err)
	}
	for what, refused := range map[string]error{
		"crash": ours.Crash(), "start": ours.Start(t.Context()), "restart": ours.Restart(t.Context()),
		"crash Redis": ourRedis.Crash(), "start Redis": ourRedis.Start(t.Context()), "flush Redis": ourRedis.Flush(t.Context()),
	} {
		if refused == nil {
			t.Errorf("%s: done to a server that is not ours", what)
		}
	}
	if err := errors.Join(ours.Stop(), ourRedis.Stop()); err != nil {
		t.Fatal(err)
	}
	mustQuery(t, url, "SELECT 'still up'")
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Errorf("their Redis after our stop: %v", err)
	}
}
