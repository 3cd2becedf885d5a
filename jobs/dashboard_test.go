package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"qserve/internal/clock"
	"qserve/internal/stack/stacktest"
)

const boardRoot = "/ops/queues"

func boardPage(t *testing.T, readOnly bool) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	Dashboard(boardRoot, client(t, "redis://127.0.0.1:1"), readOnly).ServeHTTP(w, httptest.NewRequest("GET", boardRoot+"/", http.NoBody))
	return w
}

var (
	inlineScripts = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
	handlers      = regexp.MustCompile(`(?i)<[^>]* on[a-z]+=`)
	outside       = regexp.MustCompile(`https?://([a-z.]+)`)
)

// A new version of asynqmon may have another page, which a browser would not run under the old policy.
func TestDashboardPolicy_AllowsWhatThePageHasInlineAndNothingElse(t *testing.T) {
	t.Parallel()
	var needed []string
	for _, readOnly := range []bool{true, false} {
		page := boardPage(t, readOnly)
		text := page.Body.String()
		if page.Code != http.StatusOK || page.Header().Get("Content-Security-Policy") != DashboardPolicy {
			t.Fatalf("%d with the policy %q", page.Code, page.Header().Get("Content-Security-Policy"))
		}
		scripts := inlineScripts.FindAllStringSubmatch(text, -1)
		if len(scripts) != 2 {
			t.Errorf("the page has %d inline scripts", len(scripts))
		}
		for _, script := range scripts {
			sum := sha256.Sum256([]byte(script[1]))
			hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			if !slices.Contains(needed, hash) {
				needed = append(needed, hash)
			}
		}
		if found := handlers.FindString(text); found != "" {
			t.Errorf("the page has an event handler: %s", found)
		}
		for _, host := range outside.FindAllStringSubmatch(text, -1) {
			if host[1] != "fonts.googleapis.com" {
				t.Errorf("the page wants something of %s", host[1])
			}
		}
	}
	for _, hash := range needed {
		if !strings.Contains(DashboardPolicy, hash) {
			t.Errorf("the policy does not allow the inline script %s", hash)
		}
	}
	if n := strings.Count(DashboardPolicy, "sha256-"); n != len(needed) {
		t.Errorf("the policy allows %d inline scripts, and the page has %d", n, len(needed))
	}
	if strings.Contains(DashboardPolicy, "http") || strings.Contains(DashboardPolicy, "eval") {
		t.Errorf("the policy allows too much: %s", DashboardPolicy)
	}
}

// board gives an order through the dashboard's own API, as its page does.
func (o *office) board(readOnly bool, method, path string) int {
	o.t.Helper()
	w := httptest.NewRecorder()
	Dashboard(boardRoot, o.rdb, readOnly).ServeHTTP(w, httptest.NewRequest(method, boardRoot+"/api"+path, http.NoBody))
	return w.Code
}

// everywhere gives an order about all tasks, whatever queue and state they are in.
func (o *office) everywhere(method, order string) {
	o.t.Helper()
	queues, err := asynq.NewInspectorFromRedisClient(o.rdb).Queues()
	if err != nil {
		o.t.Fatal(err)
	}
	for _, queue := range queues {
		for _, state := range []string{"pending", "scheduled", "retry", "archived"} {
			if state == "archived" && order == "archive_all" {
				continue
			}
			if code := o.board(false, method, "/queues/"+queue+"/"+state+"_tasks:"+order); code >= http.StatusBadRequest {
				o.t.Errorf("%s of %s tasks of %s answers %d", order, state, queue, code)
			}
		}
	}
}

func TestDashboard_LosesNoWorkWhenEveryTaskIsDeletedOrArchived(t *testing.T) {
	t.Parallel()
	for order, method := range map[string]string{"delete_all": http.MethodDelete, "archive_all": http.MethodPost} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			o := setupOn(t, stacktest.Redis(t), nil, clock.System{})
			o.told = append(o.told, paid("A", 150_000))
			long := time.Now().Add(-time.Hour)
			o.delivery("k", long)
			o.action("note", `{"text":"ring first"}`, long)
			o.exec("update subscribers set expires_at = $1, due_at = $1", long)
			o.provision(o.router, long)
			o.exec("update routers set sessions_at = null")
			o.sweepAt(time.Now(), true)
			waiting := o.tasks()
			if len(waiting) != 5 {
				t.Fatalf("waiting: %v", waiting)
			}

			o.everywhere(method, order)
			if got := o.tasks(); slices.ContainsFunc(got, func(task string) bool { return !strings.HasSuffix(task, "archived") }) {
				t.Fatalf("after %s there is %v", order, got)
			}
			o.sweepAt(time.Now(), true)
			if diff := cmp.Diff(waiting, o.tasks()); diff != "" {
				t.Fatalf("after the sweep (-want +got):\n%s", diff)
			}
			stop := o.running()
			eventually(t, func() bool {
				return len(o.rows(`select 'delivery' from deliveries where processed_at is null
					union all select 'action' from actions where state = 'accepted'
					union all select 'due' from subscribers where due_at < now()`)) == 0
			})
			// The router of this office refuses connections: its tasks wait for their next try, and that too may be ended.
			eventually(t, func() bool { return slices.Contains(o.tasks(), routerTaskID(o.router)+" retry") })
			stop()
			o.everywhere(method, order)
			o.exec("update routers set next_try_at = null")
			o.exec("update provisions set next_try_at = null, wanted_at = $1 where done_gen < want_gen", long)
			o.exec("delete from router_leases")
			o.sweepAt(time.Now(), true)
			if got := o.tasks(); !slices.Contains(got, routerTaskID(o.router)+" pending") {
				t.Errorf("nobody is to drive the router any more: %v", got)
			}
			if got := o.rows("select balance_minor || ' ' || (select count(*) from payments) from subscribers"); got[0] != "0 1" {
				t.Errorf("the payment came to %v", got)
			}
		})
	}
}

// A router's second place too may have been archived, while the first is held by a worker that has died.
func TestSweep_BringsBackAnArchivedSecondPlace(t *testing.T) {
	t.Parallel()
	o := setup(t)
	id := o.delivery("k", noon.Add(-time.Hour))
	o.sweepAt(noon, false)
	started, release := make(chan struct{}), make(chan struct{})
	server := asynq.NewServerFromRedisClient(o.rdb, asynq.Config{
		Concurrency: 1, Queues: map[string]int{QueueAccounts: 1}, TaskCheckInterval: 5 * time.Millisecond, Logger: asynqLog{o.Log},
	})
	if err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		close(started)
		<-release
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	<-started
	o.sweepAt(noon, false)
	o.everywhere(http.MethodPost, "archive_all")
	o.sweepAt(noon, false)
	want := []string{fmt.Sprintf("delivery:%d active", id), fmt.Sprintf("delivery:%d:more pending", id)}
	if diff := cmp.Diff(want, o.tasks()); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	server.Stop()
	close(release)
	server.Shutdown()
}

func TestDashboardForReading_ChangesNothing(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.Bell.RingDelivery(t.Context(), 7)
	for path, method := range map[string]string{
		"/queues/accounts/pending_tasks:delete_all": http.MethodDelete, "/queues/accounts/pending_tasks:archive_all": http.MethodPost,
		"/queues/accounts:pause": http.MethodPost,
	} {
		if code := o.board(true, method, path); code != http.StatusMethodNotAllowed {
			t.Errorf("%s %s answers %d", method, path, code)
		}
	}
	if diff := cmp.Diff([]string{"delivery:7 pending"}, o.tasks()); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	if code := o.board(true, http.MethodGet, "/queues"); code != http.StatusOK {
		t.Errorf("the list of queues answers %d", code)
	}
}
