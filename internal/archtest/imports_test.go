// Package archtest holds the shape of the tree: who may import whom, and who may ask for the time.
//
// Imports point downwards, cmd → {webhooks, console, jobs} → {account, db, router} → internal, so that each package can
// be read knowing only those below it. The rules are about the code that ships; tests may reach for what they need.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const module = "qserve"

// below lists, for each top folder, the other folders that it may import.
var below = map[string][]string{
	"cmd":      {"webhooks", "console", "jobs", "account", "db", "router", "internal"},
	"webhooks": {"account", "db", "internal"},
	"console":  {"account", "db", "internal"},
	"jobs":     {"account", "db", "router", "internal"},
	"db":       {"account", "internal"},
	"router":   {"account", "internal"},
	"account":  {},
	"internal": {},
}

// reserved lists the modules that only one folder may import, so that replacing one touches one folder.
var reserved = map[string]string{
	"github.com/hibiken/":              "jobs",
	"github.com/go-routeros/routeros/": "router",
	"layeh.com/radius":                 "router",
	"github.com/pressly/goose/":        "db",
}

// source is one file that ships.
type source struct {
	path string // from the root, with slashes
	file *ast.File
}

func TestImports_PointDownwards(t *testing.T) {
	t.Parallel()
	for _, violation := range check(tree(t)) {
		t.Error(violation)
	}
}

// check returns what breaks the rules, a line each.
func check(sources []source) []string {
	var violations []string
	for _, s := range sources {
		violations = append(violations, imports(s)...)
		violations = append(violations, clock(s)...)
	}
	return violations
}

func imports(s source) []string {
	folder := top(s.path)
	allowed, known := below[folder]
	if !known {
		return []string{fmt.Sprintf("%s: folder %s has no place in the layers; give it one in package archtest", s.path, folder)}
	}
	var violations []string
	for _, spec := range s.file.Imports {
		imported := unquote(spec)
		ours, inModule := strings.CutPrefix(imported, module+"/")
		switch {
		case inModule && top(ours) != folder && !slices.Contains(allowed, top(ours)):
			violations = append(violations, fmt.Sprintf("%s: %s must not import %s", s.path, folder, imported))
		case inModule && folder == "cmd" && top(ours) == "cmd" && !strings.HasPrefix(ours, "cmd/internal/"):
			violations = append(violations, fmt.Sprintf("%s: a program must not import another, %s", s.path, imported))
		case !inModule && folder == "account" && strings.Contains(top(imported), "."):
			violations = append(violations, fmt.Sprintf("%s: account imports only the standard library, not %s", s.path, imported))
		}
		for prefix, owner := range reserved {
			// The benchmark measures the bare modules too, as what nothing on top of them can beat.
			if strings.HasPrefix(imported, prefix) && folder != owner && path.Dir(s.path) != "cmd/bench" {
				violations = append(violations, fmt.Sprintf("%s: only %s imports %s", s.path, owner, imported))
			}
		}
	}
	return violations
}

// clock finds calls that ask the machine for the time past the injected clock.
func clock(s source) []string {
	if folder := path.Dir(s.path); top(s.path) == "cmd" || folder == "internal/clock" {
		return nil
	}
	name := ""
	for _, spec := range s.file.Imports {
		if unquote(spec) == "time" {
			name = "time"
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	}
	var violations []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := selector.X.(*ast.Ident)
		if ok && name != "" && pkg.Name == name && slices.Contains([]string{"Now", "Since", "Until"}, selector.Sel.Name) {
			violations = append(violations, fmt.Sprintf("%s: time.%s is for cmd and internal/clock; take a clock.Clock", s.path, selector.Sel.Name))
		}
		return true
	})
	return violations
}

func top(slashed string) string {
	first, _, _ := strings.Cut(slashed, "/")
	return first
}

func unquote(spec *ast.ImportSpec) string {
	// The parser has checked the quotes.
	text, _ := strconv.Unquote(spec.Path.Value)
	return text
}

// tree reads every file of the module that ships.
func tree(t *testing.T) []source {
	t.Helper()
	root := moduleRoot(t)
	var sources []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != root && skipped(name, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		sources = append(sources, source{filepath.ToSlash(relative), file})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) == 0 {
		t.Fatalf("no Go files below %s", root)
	}
	return sources
}

// skipped reports whether the go command ignores a folder too: hidden, test data, packages of npm, another module.
func skipped(dir, name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

func TestViolation_IsSeen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		`import "qserve/db"`: {
			"account/pay.go":       "account/pay.go: account must not import qserve/db",
			"router/driver.go":     "router/driver.go: router must not import qserve/db",
			"internal/clock/x.go":  "internal/clock/x.go: internal must not import qserve/db",
			"webhooks/intake.go":   "",
			"jobs/due.go":          "",
			"db/migrations/all.go": "",
			"cmd/qserve/main.go":   "",
		},
		`import r "qserve/router/mikrosim"`: {
			"webhooks/intake.go": "webhooks/intake.go: webhooks must not import qserve/router/mikrosim",
			"console/api.go":     "console/api.go: console must not import qserve/router/mikrosim",
			"router/local.go":    "",
			"cmd/demo/main.go":   "",
		},
		`import "qserve/jobs"`: {
			"webhooks/intake.go": "webhooks/intake.go: webhooks must not import qserve/jobs",
			"console/api.go":     "console/api.go: console must not import qserve/jobs",
			"cmd/qserve/main.go": "",
		},
		`import "qserve/console"`: {"webhooks/intake.go": "webhooks/intake.go: webhooks must not import qserve/console"},
		`import "qserve/cmd/demo"`: {
			"cmd/qserve/main.go": "cmd/qserve/main.go: a program must not import another, qserve/cmd/demo",
		},
		`import "qserve/cmd/internal/printing"`: {"cmd/qserve/main.go": ""},
		`import "github.com/hibiken/asynq"`: {
			"console/api.go":     "console/api.go: only jobs imports github.com/hibiken/asynq",
			"cmd/qserve/main.go": "cmd/qserve/main.go: only jobs imports github.com/hibiken/asynq",
			"cmd/bench/queue.go": "",
			"jobs/server.go":     "",
		},
		`import "golang.org/x/text"`: {
			"account/x.go": "account/x.go: account imports only the standard library, not golang.org/x/text",
			"console/x.go": "",
		},
		`import "encoding/json"`: {"account/x.go": "", "shop/x.go": "shop/x.go: folder shop has no place in the layers; give it one in package archtest"},
		`import "time"; var x = time.Now()`: {
			"jobs/due.go":             "jobs/due.go: time.Now is for cmd and internal/clock; take a clock.Clock",
			"internal/clock/clock.go": "",
			"cmd/demo/main.go":        "",
		},
		`import t "time"; var now = t.Now`:                                    {"db/tx.go": "db/tx.go: time.Now is for cmd and internal/clock; take a clock.Clock"},
		`import "time"; func f(a time.Time) { time.Since(a) }`:                {"db/tx.go": "db/tx.go: time.Since is for cmd and internal/clock; take a clock.Clock"},
		`import "qserve/internal/clock"; var c clock.System; var x = c.Now()`: {"db/tx.go": ""},
	} {
		for _, at := range slices.Sorted(maps.Keys(want)) {
			t.Run(at+" "+text, func(t *testing.T) {
				t.Parallel()
				file, err := parser.ParseFile(token.NewFileSet(), at, "package x; "+text, parser.SkipObjectResolution)
				if err != nil {
					t.Fatal(err)
				}
				got := strings.Join(check([]source{{at, file}}), "\n")
				if diff := cmp.Diff(want[at], got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}
