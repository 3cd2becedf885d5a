package stage_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qserve/cmd/internal/stage"
)

// ops asks the ops listener.
func (p play) ops(method, path string) stage.Reply {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.ctx, method, p.Program.OpsURL()+path, http.NoBody)
	p.must(err)
	answer, err := http.DefaultClient.Do(request)
	p.must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	p.must(err)
	http.DefaultClient.CloseIdleConnections()
	return stage.Reply{Status: answer.StatusCode, Header: answer.Header, Text: string(text)}
}

func TestReadiness_SaysInWordsWhatIsMissing(t *testing.T) {
	t.Parallel()
	p := setupAlone(t, stage.Options{})
	is := func(status int, words ...string) {
		t.Helper()
		var reply stage.Reply
		err := stage.Until(p.ctx, "/readyz says so", func(context.Context) (bool, error) {
			reply = p.ops(http.MethodGet, "/readyz")
			unsaid := func(word string) bool { return !strings.Contains(reply.Text, word) }
			return reply.Status == status && !slices.ContainsFunc(words, unsaid), nil
		})
		if err != nil {
			t.Fatalf("/readyz answers %d, which is not as wanted with %q:\n%s", reply.Status, words, reply.Text)
		}
		for what, secret := range p.secrets() {
			if strings.Contains(reply.Text, secret) {
				t.Errorf("/readyz shows the %s", what)
			}
		}
		if alive := p.ops(http.MethodGet, "/healthz"); alive.Status != http.StatusOK {
			t.Errorf("/healthz answers %d, though the program lives", alive.Status)
		}
	}
	is(http.StatusOK, "database: ok", "redis: ok")
	p.must(p.Redis.Crash())
	is(http.StatusServiceUnavailable, "database: ok", "redis: does not answer: ")
	p.must(p.Redis.Start(p.ctx))
	is(http.StatusOK, "database: ok", "redis: ok")
	p.must(p.Postgres.Crash())
	is(http.StatusServiceUnavailable, "database: does not answer: ", "redis: ok")
	if reply := p.ops(http.MethodGet, "/metrics"); reply.Status != http.StatusOK || !strings.Contains(reply.Text, "qserve_payments_total") {
		t.Errorf("without a database /metrics answers %d, %d bytes", reply.Status, len(reply.Text))
	}
	p.must(p.Postgres.Start(p.ctx))
	is(http.StatusOK, "database: ok", "redis: ok")
}

var metricNames = regexp.MustCompile(`qserve_[a-z_]+`)

func TestMetrics_HaveTheNamesThatTheOperatorsPageUses(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{})
	// A payment of nobody's, and one that went all the way on a router that asks RADIUS.
	p.must(p.Pay(p.ctx, stage.Receipt(), "NO-SUCH-2", planPrice))
	p.confirmed(p.pays(p.expired("METRIC", p.Routers[1])))
	page, err := os.ReadFile("../../../docs/operations.md")
	p.must(err)
	metrics := p.ops(http.MethodGet, "/metrics").Text
	names := metricNames.FindAllString(string(page), -1)
	if len(names) == 0 {
		t.Fatal("the operators' page names no metric")
	}
	for _, name := range append(names, "qserve_tasks_total", "qserve_router_calls_total", "qserve_payments_total") {
		// A gauge of each router is there only while the router has something to confirm.
		if !strings.Contains(metrics, "\n"+name) && !strings.HasPrefix(name, "qserve_unconfirmed_") {
			t.Errorf("/metrics does not have %s", name)
		}
	}
	if !strings.Contains(metrics, "\nqserve_unallocated_payments 1\n") {
		t.Error("the payment that belongs to nobody is not counted")
	}
}

func TestDashboard_ShowsTheQueuesAndChangesNothing(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{})
	p.confirmed(p.pays(p.expired("BOARD", p.Routers[0])))
	if page := p.ops(http.MethodGet, "/ops/queues/"); page.Status != http.StatusOK || !strings.Contains(page.Text, "<html") {
		t.Errorf("the dashboard answers %d:\n%.200s", page.Status, page.Text)
	}
	if list := p.ops(http.MethodGet, "/ops/queues/api/queues"); list.Status != http.StatusOK || !strings.Contains(list.Text, `"queue":"routers"`) {
		t.Errorf("its list of queues answers %d:\n%.200s", list.Status, list.Text)
	}
	for path, method := range map[string]string{
		"/ops/queues/api/queues/routers:pause":                     http.MethodPost,
		"/ops/queues/api/queues/routers":                           http.MethodDelete,
		"/ops/queues/api/queues/accounts/pending_tasks:delete_all": http.MethodDelete,
	} {
		if reply := p.ops(method, path); reply.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s answers %d %s", method, path, reply.Status, reply.Text)
		}
	}
}
