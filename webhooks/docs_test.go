package webhooks_test

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"qserve/webhooks"
)

// The reader's first step is to paste this into a shell.
func TestDocumentedExample_IsAcceptedAsItStands(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(page)
	if script == nil {
		t.Fatal("the page has no example")
	}
	h := setup(t)
	s := h.source("standard", "Cash desk")
	for _, want := range []string{`{"status":"stored"}`, `{"status":"duplicate"}`} {
		shell := exec.CommandContext(t.Context(), "sh", "-eu", "-c", string(script[1]))
		shell.Env = append(os.Environ(), "ADDRESS="+h.server.URL+s.path, "SECRET="+s.secret, "no_proxy=*")
		out, err := shell.CombinedOutput()
		if err != nil || string(out) != want {
			t.Fatalf("%s, %v; want %s", out, err, want)
		}
	}
	var body []byte
	if err := h.pool.QueryRow(t.Context(), "select body from deliveries").Scan(&body); err != nil {
		t.Fatal(err)
	}
	if got := outcomeOf(webhooks.Parse("standard", "", body, "Cash desk", "KES")); got != "KES 1500.00 [ACC-0042]" {
		t.Errorf("read as %s", got)
	}
}
