package stage_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A staff tool that knows only the OpenAPI document: others' programs find the document valid, make a client of it, and
// the client works.
func TestClientGeneratedFromTheDescription_Works(t *testing.T) {
	t.Parallel()
	const sources = "testdata/client"
	if _, err := os.Stat(filepath.Join(sources, "node_modules", "openapi-fetch")); err != nil {
		run(t, ".", "npm", "ci", "--prefix", sources, "--ignore-scripts", "--no-audit", "--no-fund")
	}
	p := office(t)
	who := p.person("CLIENT", p.Routers[0], time.Now().Add(period))
	dir := t.TempDir()
	for _, name := range []string{"package.json", "client.ts", "validate.js"} {
		text, err := os.ReadFile(filepath.Join(sources, name))
		p.must(err)
		p.must(os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	modules, err := filepath.Abs(filepath.Join(sources, "node_modules"))
	p.must(err)
	p.must(os.Symlink(modules, filepath.Join(dir, "node_modules")))
	document := p.Program.BaseURL() + "/api/v1/openapi.json"
	tool := func(name string) string { return filepath.Join(modules, ".bin", name) }
	run(t, dir, "curl", "--fail", "--silent", "--output", "openapi.json", document)
	run(t, dir, "node", "validate.js", "openapi.json")
	run(t, dir, tool("openapi-typescript"), "openapi.json", "-o", "schema.d.ts")
	run(t, dir, tool("tsc"), "--outDir", "out", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext",
		"--target", "es2022", "--types", "node", "client.ts")
	out := run(t, dir, "node", "out/client.js", p.Program.BaseURL(), p.APIToken, who.Account)
	if !strings.Contains(out, `"account":"`+who.Account+`"`) {
		t.Errorf("the client says %s", out)
	}
	p.untilNumber("the client's note is there", 1, `select count(*) from activity where kind = 'note'`)
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
