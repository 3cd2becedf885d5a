package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"qserve/db"
	"qserve/internal/seal"
	"qserve/internal/stack/stacktest"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

func migrate(ctx context.Context, url string) error {
	_, err := db.Migrate(ctx, url)
	return err
}

// terminal runs the program with the settings of one installation.
type terminal struct {
	t       *testing.T
	environ []string
	keys    []byte
	url     string
}

// setup is an installation whose Redis is down: no command may need it.
func setup(t *testing.T) *terminal {
	t.Helper()
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	url := stacktest.Database(t, migrate)
	return &terminal{t: t, keys: keys, url: url, environ: []string{
		"HOME=/nowhere", "QSERVE_DATABASE_URL=" + url, "QSERVE_REDIS_URL=redis://127.0.0.1:1/0", "QSERVE_KEYS=" + string(keys),
		"QSERVE_PUBLIC_URL=https://net.example/q", "QSERVE_LOG_LEVEL=error",
	}}
}

// furnished is setup with a plan and a router of each mode.
func furnished(t *testing.T) *terminal {
	t.Helper()
	c := setup(t)
	c.ok("plan", "add", "Home 10", "--rate", "5M/10M", "--duration", "1 month", "--price", "1500")
	c.ok("router", "add", "Kilimani", "--mode", "local", "--api", "10.9.0.2:8728", "--api-user", "qserve", "--api-plain",
		"--api-password-file", c.file("api-secret\n"))
	c.ok("router", "add", "Westlands", "--mode", "radius", "--radius-secret-file", c.file("radius-secret\n"), "--nas-address", "10.9.0.3")
	return c
}

// file is a file with that text, as secrets are given.
func (c *terminal) file(text string) string {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (c *terminal) run(args ...string) (stdout, stderr string, err error) {
	c.t.Helper()
	var out, errors bytes.Buffer
	err = run(c.t.Context(), args, c.environ, &out, &errors)
	return out.String(), errors.String(), err
}

func (c *terminal) ok(args ...string) string {
	c.t.Helper()
	out, log, err := c.run(args...)
	if err != nil {
		c.t.Fatalf("qserve %s: %s\n%s", strings.Join(args, " "), explain(err), log)
	}
	return out
}

// says runs a command and fails unless its output has each of the words.
func (c *terminal) says(words []string, args ...string) {
	c.t.Helper()
	out := c.ok(args...)
	for _, w := range words {
		if !strings.Contains(out, w) {
			c.t.Errorf("qserve %s does not say %q:\n%s", strings.Join(args, " "), w, out)
		}
	}
}

// fails runs a command that must fail with a text for people that has each of the words.
func (c *terminal) fails(words []string, args ...string) {
	c.t.Helper()
	out, _, err := c.run(args...)
	if err == nil {
		c.t.Errorf("qserve %s did not fail:\n%s", strings.Join(args, " "), out)
		return
	}
	for _, w := range words {
		if !strings.Contains(explain(err), w) {
			c.t.Errorf("qserve %s fails with %q, want %q", strings.Join(args, " "), explain(err), w)
		}
	}
}

// data runs a command with --json and reads what it printed, which must be one value on one line.
func (c *terminal) data(into any, args ...string) {
	c.t.Helper()
	out := c.ok(append(args, "--json")...)
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil || strings.Count(out, "\n") != 1 {
		c.t.Fatalf("qserve %s --json printed %q: %v", strings.Join(args, " "), out, err)
	}
}

func TestWrongSettings_AreReportedAllAtOnce(t *testing.T) {
	t.Parallel()
	c := &terminal{t: t, environ: []string{
		"QSERVE_REDIS_URL=http://hunter2@redis", "QSERVE_ZONE=Africa/Narobi", "QSERVE_CURRENCY=shillings", "QSERVE_WORKRES=5", "PATH=/bin",
	}}
	c.fails([]string{
		"QSERVE_DATABASE_URL is not set", "QSERVE_KEYS is not set", "QSERVE_REDIS_URL ", `QSERVE_ZONE is "Africa/Narobi"`,
		`QSERVE_CURRENCY is "shillings"`, "QSERVE_WORKRES is no setting",
	}, "plan", "list")
	for _, args := range [][]string{{"serve"}, {"migrate"}, {"subscriber", "show", "1"}} {
		_, _, err := c.run(args...)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: %v", args, err)
		}
	}
	c.fails([]string{`no role "cook"`}, "serve", "--roles", "intake,cook")
}

func TestWhatNeedsNoSettings_WorksWithoutThem(t *testing.T) {
	t.Parallel()
	c := &terminal{t: t}
	c.says([]string{"qserve "}, "version")
	var version struct{ Version, Revision string }
	c.data(&version, "version")
	if version.Version == "" {
		t.Error("no version")
	}
	c.says([]string{"QSERVE_DATABASE_URL", "(required)", "QSERVE_KEYS_FILE", "Africa/Nairobi"}, "settings")

	first := c.ok("keys", "new")
	rotated := c.ok("keys", "rotate", c.file(first))
	old, err := seal.Open([]byte(first))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := old.Seal([]byte("x"), "row")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Open([]byte(rotated))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := ring.Open(sealed, "row"); err != nil || string(plain) != "x" || !ring.Stale(sealed) {
		t.Errorf("after the rotation an old value opens as %q, stale %v, %v", plain, ring.Stale(sealed), err)
	}
	c.fails([]string{"key ring"}, "keys", "rotate", c.file("{}"))
}

func TestCommandThatIsNone_IsAnsweredWithTheUsage(t *testing.T) {
	t.Parallel()
	c := &terminal{t: t}
	for _, args := range [][]string{{}, {"paln"}, {"plan", "add"}, {"plan", "list", "--colour"}, {"router", "add", "X", "--mode", "both"}} {
		out, log, err := c.run(args...)
		if err == nil || !strings.Contains(out+log, "Usage: qserve") {
			t.Errorf("qserve %v: %v\n%s%s", args, err, out, log)
		}
	}
}

// A command line is seen by everybody on the machine, and kept in a shell's history.
func TestNoFlag_TakesASecret(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	secrets := 0
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		values := slices.Clone(n.Positional)
		for _, f := range n.Flags {
			values = append(values, f.Value)
		}
		for _, v := range values {
			for _, word := range []string{"password", "secret", "key", "token"} {
				if !strings.Contains(v.Name, word) || v.IsBool() {
					continue
				}
				if secrets++; !strings.HasSuffix(v.Name, "-file") {
					t.Errorf("%s takes a secret in --%s", n.FullPath(), v.Name)
				}
			}
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(parser.Model.Node)
	if secrets < 4 {
		t.Errorf("found %d flags for secrets; there are more", secrets)
	}
}
