package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// axe is the source of axe-core, from npm by its lock file.
var axe = sync.OnceValues(func() (string, error) {
	const folder = "testdata/axe"
	file := filepath.Join(folder, "node_modules", "axe-core", "axe.min.js")
	if _, err := os.Stat(file); err != nil {
		install := exec.Command("npm", "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund")
		if out, err := install.CombinedOutput(); err != nil {
			return "", fmt.Errorf("install axe-core: %w\n%s", err, out)
		}
	}
	text, err := os.ReadFile(file)
	return string(text), err
})

// withAxe has axe at hand on every page that the tab opens from now on.
func (b *tab) withAxe() {
	b.t.Helper()
	source, err := axe()
	must(b.t, err)
	b.do(call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: source}))
}

// barriers are the serious findings of axe on the page as it is.
func (b *tab) barriers() []string {
	b.t.Helper()
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run(document, { resultTypes: ["violations"] }).then(r => r.violations
		.filter(v => v.impact === "serious" || v.impact === "critical")
		.map(v => v.id + " (" + v.impact + "): " + v.help + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " +
			n.any.concat(n.all, n.none).map(c => c.message).join("; ").slice(0, 200)).join(" || ")))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("ask axe about %s: %v", b.path(), err)
	}
	return found
}
