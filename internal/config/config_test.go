package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"qserve/internal/config"
	"qserve/internal/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup is an environment with what is required, and the given variables.
func setup(t *testing.T, more map[string]string) map[string]string {
	t.Helper()
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	environ := map[string]string{
		"QSERVE_DATABASE_URL": "postgres://qserve:hunter2@db.example:5432/qserve",
		"QSERVE_REDIS_URL":    "redis://:hunter2@redis.example:6379/1",
		"QSERVE_KEYS":         string(keys),
		"PATH":                "/bin",
	}
	maps.Copy(environ, more)
	return environ
}

func load(t *testing.T, more map[string]string) config.Config {
	t.Helper()
	c, err := config.Load(setup(t, more))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problems are the lines of what Load reports.
func problems(t *testing.T, environ map[string]string) []string {
	t.Helper()
	_, err := config.Load(environ)
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWithWhatIsRequiredOnly_TheDefaultsHold(t *testing.T) {
	t.Parallel()
	c := load(t, nil)
	got := map[string]any{
		"listen": c.Listen, "ops": c.OpsListen, "radius": c.RADIUSListen, "url": c.PublicURL.String(),
		"zone": c.Zone.String(), "currency": c.Currency, "region": c.Region, "spool": c.SpoolDir,
		"proxies": c.TrustedProxies, "coa": c.COASource.IsValid(), "level": c.LogLevel, "format": c.LogFormat,
		"workers": c.Workers, "conns": c.DatabaseConns, "database": c.DatabaseURL.Reveal(), "db": c.RedisOptions().DB,
	}
	want := map[string]any{
		"listen": ":8080", "ops": "127.0.0.1:8081", "radius": config.RADIUSAddresses{Authentication: ":1812", Accounting: ":1813"},
		"url": "http://localhost:8080", "zone": "Africa/Nairobi", "currency": "KES", "region": "KE",
		"spool": "/var/lib/qserve/spool", "proxies": 0, "coa": false, "level": slog.LevelInfo, "format": "text",
		"workers": 64, "conns": 32, "database": "postgres://qserve:hunter2@db.example:5432/qserve", "db": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if sealed, err := c.Ring().Seal([]byte("x"), "row"); err != nil || len(sealed) == 0 {
		t.Errorf("the ring does not seal: %v", err)
	}
}

func TestEverySetting_CanBeSet(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{
		"QSERVE_LISTEN": "[::1]:80", "QSERVE_OPS_LISTEN": "127.0.0.1:0", "QSERVE_RADIUS_LISTEN": "10.0.0.1:1645, 10.0.0.1:1646",
		"QSERVE_PUBLIC_URL": "https://pay.example/qserve/", "QSERVE_ZONE": "America/New_York", "QSERVE_CURRENCY": "USD",
		"QSERVE_REGION": "US", "QSERVE_SPOOL_DIR": "/srv/spool", "QSERVE_TRUSTED_PROXIES": "2", "QSERVE_COA_SOURCE": "10.0.0.5",
		"QSERVE_LOG_LEVEL": "debug", "QSERVE_LOG_FORMAT": "json", "QSERVE_WORKERS": "8", "QSERVE_DATABASE_CONNS": "100",
	})
	got := []any{
		c.Listen, c.OpsListen, c.RADIUSListen, c.PublicURL.String(), c.Zone.String(), c.Currency, c.Region, c.SpoolDir,
		c.TrustedProxies, c.COASource == netip.MustParseAddr("10.0.0.5"), c.LogLevel, c.LogFormat, c.Workers, c.DatabaseConns,
	}
	want := []any{
		"[::1]:80", "127.0.0.1:0", config.RADIUSAddresses{Authentication: "10.0.0.1:1645", Accounting: "10.0.0.1:1646"},
		"https://pay.example/qserve", "America/New_York", "USD", "US", "/srv/spool", 2, true, slog.LevelDebug, "json", 8, 100,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestAllProblems_AreReportedAtOnceWithAnExampleEach(t *testing.T) {
	t.Parallel()
	got := problems(t, map[string]string{
		"QSERVE_REDIS_URL": "redis://h", "QSERVE_KEYS": "", "QSERVE_WORKERS": "many", "QSERVE_LISTEN": "8080", "QSERVE_DATABASE_URI": "x",
	})
	want := []string{
		"QSERVE_DATABASE_URI is no setting of Qserve; is it misspelt?",
		"QSERVE_DATABASE_URL is not set, e.g. QSERVE_DATABASE_URL=postgres://qserve:password@db.example:5432/qserve",
		`QSERVE_KEYS is not set, e.g. QSERVE_KEYS={"primaryKeyId":1,"key":[…]}`,
		`QSERVE_LISTEN is "8080": not host:port or :port, e.g. QSERVE_LISTEN=:8080`,
		`QSERVE_WORKERS is "many": not a whole number, e.g. QSERVE_WORKERS=64`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestUnfitValue_IsNamedWithWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ variable, value, want string }{
		{"QSERVE_LISTEN", "localhost:http", "port"},
		{"QSERVE_LISTEN", ":70000", "port"},
		{"QSERVE_LISTEN", "http://x:80", "not host:port"},
		{"QSERVE_OPS_LISTEN", "a b:80", "host"},
		{"QSERVE_RADIUS_LISTEN", ":1812", "two addresses"},
		{"QSERVE_RADIUS_LISTEN", ":1812,1813", "host:port"},
		{"QSERVE_PUBLIC_URL", "http://pay.example", "https"},
		{"QSERVE_PUBLIC_URL", "ftp://localhost", "https"},
		{"QSERVE_PUBLIC_URL", "pay.example", "web address"},
		{"QSERVE_PUBLIC_URL", "https://pay.example?x=1", "only scheme"},
		{"QSERVE_ZONE", "Nairobi", "time zone"},
		{"QSERVE_ZONE", "Local", "time zone"},
		{"QSERVE_CURRENCY", "Ksh", "three capital letters"},
		{"QSERVE_REGION", "Kenya", "two capital letters"},
		{"QSERVE_TRUSTED_PROXIES", "-1", "not from 0"},
		{"QSERVE_COA_SOURCE", "router", "unable to parse IP"},
		{"QSERVE_LOG_LEVEL", "loud", "unknown name"},
		{"QSERVE_LOG_FORMAT", "xml", "neither text nor json"},
		{"QSERVE_WORKERS", "0", "not from 1"},
		{"QSERVE_DATABASE_CONNS", "1", "not from 2"},
		{"QSERVE_DATABASE_CONNS", "1.5", "whole number"},
		{"QSERVE_DATABASE_URL", "mysql://u:hunter2@h/d", "postgres://"},
		{"QSERVE_DATABASE_URL", "postgres://u:hunter2%zz@h/d", "no URL"},
		{"QSERVE_DATABASE_URL", "postgres://u:hunter2@h/d?sslmode=hunter2", "parameter"},
		{"QSERVE_REDIS_URL", "http://:hunter2@h", "redis://"},
		{"QSERVE_KEYS", "hunter2", "does not open"},
		{"QSERVE_LISTEN_FILE", "/x", "set QSERVE_LISTEN"},
		{"QSERVE_DATABASE_URL_FILE", "/x", "unset one of the two"},
		{"QSERVE_", "x", "no setting"},
	} {
		t.Run(c.variable+"="+c.value, func(t *testing.T) {
			t.Parallel()
			got := problems(t, setup(t, map[string]string{c.variable: c.value}))
			if len(got) != 1 || !strings.HasPrefix(got[0], c.variable+" ") || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want one line about %s with %q", got, c.variable, c.want)
			}
			if strings.Contains(fmt.Sprint(got), "hunter2") {
				t.Errorf("a secret shows: %q", got)
			}
		})
	}
}

func TestSecrets_ComeFromFilesToo(t *testing.T) {
	t.Parallel()
	environ := setup(t, nil)
	for _, variable := range []string{"QSERVE_DATABASE_URL", "QSERVE_REDIS_URL", "QSERVE_KEYS"} {
		environ[variable+"_FILE"] = file(t, environ[variable]+"\n")
		environ[variable] = ""
	}
	c, err := config.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.DatabaseURL.Reveal(), "postgres://qserve:hunter2@db.example:5432/qserve"; got != want {
		t.Errorf("database from a file: %q, want %q", got, want)
	}
}

func TestSecretFileThatCannotServe_IsReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, want string }{
		"missing": {filepath.Join(t.TempDir(), "none"), "QSERVE_KEYS cannot be read from the file that QSERVE_KEYS_FILE names: no such file"},
		"empty":   {file(t, " \n"), "QSERVE_KEYS is empty in the file that QSERVE_KEYS_FILE names"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := problems(t, setup(t, map[string]string{"QSERVE_KEYS": "", "QSERVE_KEYS_FILE": c.path}))
			if len(got) != 1 || !strings.HasPrefix(got[0], c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestVariablesThatAreNotSettings_AreLeftAlone(t *testing.T) {
	t.Parallel()
	load(t, map[string]string{
		"QSERVER_LISTEN": "x", "HOME": "/root", "QSERVE_WORKERS": "",
		// What Kubernetes sets in every container beside a service named qserve.
		"QSERVE_SERVICE_HOST": "10.0.0.1", "QSERVE_SERVICE_PORT": "80", "QSERVE_SERVICE_PORT_HTTP": "80", "QSERVE_PORT": "tcp://10.0.0.1:80",
		"QSERVE_PORT_80_TCP": "tcp://10.0.0.1:80", "QSERVE_PORT_80_TCP_ADDR": "10.0.0.1", "QSERVE_PORT_1812_UDP_PROTO": "udp",
	})
}

func TestPrintedConfig_ShowsNoSecret(t *testing.T) {
	t.Parallel()
	c := load(t, nil)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("start", "database", c.DatabaseURL, "redis", c.RedisURL)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("start", "keys", c.Keys)
	for how, text := range map[string]string{
		"%v": fmt.Sprintf("%v", c), "%+v": fmt.Sprintf("%+v", c), "%#v": fmt.Sprintf("%#v", c), "%q": fmt.Sprintf("%q", c.DatabaseURL),
		"JSON": string(encoded), "log": logged.String(),
	} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "keyData") {
			t.Errorf("%s shows a secret: %s", how, text)
		}
		if !strings.Contains(text, "[secret]") {
			t.Errorf("%s does not show that a secret is set: %s", how, text)
		}
	}
}

func TestUsage_ListsEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	usage := config.Usage()
	lines := strings.Split(strings.TrimSpace(usage), "\n")
	if want := 17; len(lines) != want {
		t.Errorf("%d lines, want %d:\n%s", len(lines), want, usage)
	}
	for _, line := range lines {
		if columns := strings.Fields(line); len(columns) < 4 || !strings.HasPrefix(columns[0], "QSERVE_") {
			t.Errorf("a line without variable, default and meaning: %q", line)
		}
	}
	for _, want := range []string{"QSERVE_KEYS_FILE", "(required)", "Africa/Nairobi", "/var/lib/qserve/spool", "(not set)"} {
		if !strings.Contains(usage, want) {
			t.Errorf("%q is missing:\n%s", want, usage)
		}
	}
}
