package program_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"qserve/cmd/internal/program"
	"qserve/console"
	"qserve/db"
	"qserve/internal/clock"
	"qserve/internal/config"
	"qserve/internal/seal"
	"qserve/internal/stack/stacktest"
	"qserve/jobs"
	"qserve/router/mikrosim"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

var clerk = console.By{Actor: "staff clerk"}

// staff is what staff do, put together as the program does it.
func staff(t *testing.T) *console.Service {
	t.Helper()
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	url := stacktest.Database(t, func(ctx context.Context, url string) error {
		_, err := db.Migrate(ctx, url)
		return err
	})
	settings, err := config.Load(map[string]string{
		"QSERVE_DATABASE_URL": url, "QSERVE_REDIS_URL": stacktest.Redis(t), "QSERVE_KEYS": string(keys),
		"QSERVE_PUBLIC_URL": "https://net.example/q",
	})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.Open(t.Context(), url, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	rdb := program.OpenRedis(settings)
	t.Cleanup(func() { _ = rdb.Close() })
	log := slog.New(slog.DiscardHandler)
	return program.NewStaff(settings, pool, jobs.NewBell(rdb, log), clock.System{}, log)
}

func TestRouterCheck_LooksAtTheRouterItself(t *testing.T) {
	t.Parallel()
	s := staff(t)
	sim, err := mikrosim.Start(t.Context(), mikrosim.Config{
		Name: "Ngong", User: "q", Password: "api-password", RadiusSecret: "radius-secret", Host: "127.0.0.1",
		Pools: map[string]netip.Prefix{},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	for _, n := range []console.NewRouter{
		{Name: "With API", Mode: "local", APIAddress: sim.APIAddr(), APIUser: "q", APIPassword: "api-password", APIPlain: true},
		{Name: "CoA only", Mode: "radius", RadiusSecret: "radius-secret", NASAddress: "127.0.0.1", CoAAddress: sim.CoAAddr()},
		{Name: "Wrong password", Mode: "local", APIAddress: sim.APIAddr(), APIUser: "q", APIPassword: "guessed", APIPlain: true},
		{Name: "Nobody there", Mode: "local", APIAddress: "127.0.0.1:1", APIUser: "q", APIPassword: "x", APIPlain: true},
	} {
		if _, err := s.AddRouter(t.Context(), clerk, n); err != nil {
			t.Fatal(err)
		}
		report, err := s.CheckRouter(t.Context(), n.Name)
		if err != nil {
			t.Errorf("%s: %v", n.Name, err)
			continue
		}
		there := n.Name == "With API" || n.Name == "CoA only"
		if report.Reachable != there || (!there && len(report.Problems) != 1) {
			t.Errorf("%s: %+v", n.Name, report)
		}
		if n.Name == "With API" && report.Identity == "" {
			t.Errorf("%s says nothing about itself: %+v", n.Name, report)
		}
		if strings.Contains(strings.Join(report.Problems, " "), "guessed") {
			t.Errorf("%s: the report shows a password: %v", n.Name, report.Problems)
		}
	}
}

func TestPaymentSources_AreKept(t *testing.T) {
	t.Parallel()
	s := staff(t)
	for field, n := range map[string]console.NewSource{
		"name":     {Name: " ", Kind: "standard"},
		"kind":     {Name: "Shop", Kind: "paypal"},
		"merchant": {Name: "Shop", Kind: "mpesa"},
		"secret":   {Name: "Shop", Kind: "standard", Secret: "hunter2"},
	} {
		_, err := s.AddSource(t.Context(), clerk, n)
		if bad, ok := errors.AsType[*console.FieldError](err); !ok || bad.Field != field {
			t.Errorf("%+v: %v, want a problem with %s", n, err, field)
		}
	}
	shop, err := s.AddSource(t.Context(), clerk, console.NewSource{Name: "Shop", Kind: "standard"})
	if err != nil || shop.Secret == "" || shop.Merchant != "Shop" || len(shop.URLs) != 1 {
		t.Fatalf("added %+v, %v", shop.SourceView, err)
	}
	taken := func(err error) bool {
		e, ok := errors.AsType[*console.ConflictError](err)
		return ok && e.Field == "name"
	}
	if _, err := s.AddSource(t.Context(), clerk, console.NewSource{Name: "Shop", Kind: "standard"}); !taken(err) {
		t.Errorf("a name that is taken: %v", err)
	}
	for _, sql := range []string{
		`insert into deliveries (source_id, delivery_key, digest, body, received_at)
			select id, 'a', sha256(''), '', '2026-03-10 09:00:00Z' from payment_sources`,
		`insert into deliveries (source_id, delivery_key, digest, body, received_at, state, processed_at)
			select id, 'b', sha256(''), '', '2026-03-10 08:00:00Z', 'processed', now() from payment_sources`,
	} {
		if _, err := s.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	view, err := s.Source(t.Context(), "Shop")
	if err != nil || view.Waiting != 1 || view.LastDeliveryAt == nil || view.LastDeliveryAt.Hour() != 9 {
		t.Errorf("with a delivery that waits: %+v, %v", view, err)
	}

	to := "Kiosk"
	if view, err = s.ChangeSource(t.Context(), clerk, "Shop", console.SourceChange{Name: &to}); err != nil || view.URLs[0] != shop.URLs[0] {
		t.Errorf("renamed %+v, %v", view, err)
	}
	rotated, err := s.RotateSecret(t.Context(), clerk, "Kiosk", 0)
	if err != nil || rotated.Secret == "" || rotated.Secret == shop.Secret {
		t.Errorf("rotated: %v", err)
	}
	if view, err = s.ArchiveSource(t.Context(), clerk, "Kiosk"); err != nil || view.ArchivedAt == nil {
		t.Errorf("archived %+v, %v", view, err)
	}
	if _, err := s.RotateSecret(t.Context(), clerk, "Kiosk", 0); err == nil {
		t.Error("an archived source has a new secret")
	}
	used, err := s.Sources(t.Context(), false)
	if err != nil || len(used) != 0 {
		t.Errorf("in use: %+v, %v", used, err)
	}
	page, err := s.Audit(t.Context(), console.AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, line := range page.Items {
		said = append(said, line.Kind)
		if strings.Contains(line.Summary, "whsec_") {
			t.Errorf("the audit log shows a secret: %s", line.Summary)
		}
	}
	if got := strings.Join(said, " "); got != "source-archive source-rotate source-change source-add" {
		t.Errorf("audit log: %s", got)
	}
}
