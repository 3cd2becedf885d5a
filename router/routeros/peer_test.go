package routeros_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"qserve/router/routeros"
	"qserve/router/routeros/routerostest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "hunter2-hunter2"

func config(p *routerostest.Peer) routeros.Config {
	return routeros.Config{
		Address: p.Address, User: "qserve", Password: password, Plain: true,
		LoginTimeout: 5 * time.Second, CommandTimeout: 5 * time.Second,
	}
}

func dial(t *testing.T, cfg routeros.Config) *routeros.Conn {
	t.Helper()
	conn, err := routeros.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// noPassword fails the test when an error shows a password.
func noPassword(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, secret := range append(secrets, password) {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows a password: %v", err)
		}
	}
}

func soon(t *testing.T, cfg routeros.Config) (context.Context, routeros.Config) {
	t.Helper()
	cfg.LoginTimeout, cfg.CommandTimeout = 50*time.Millisecond, 50*time.Millisecond
	return t.Context(), cfg
}
