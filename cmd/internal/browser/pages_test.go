package browser

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"

	"qserve/cmd/internal/stage"
	"qserve/console"
)

const (
	// mostBytes is what the first view of a page may transfer, scripts and styles included.
	mostBytes = 150_000
	// leastPages is how many pages the walk must find, so that it does not end early and say nothing.
	leastPages = 50
	// walkers is how many tabs walk at a time.
	walkers = 2
)

// skipped are links that lead to no page of ours.
var skipped = regexp.MustCompile(`^/ops/queues|\.csv|^/sign-out|^/api/`)

// Every page that an owner can reach by links is walked to. Each is legible at both widths, light and dark, keeps nobody
// out, and is light to load. Its pictures are kept.
func TestEveryPage_FitsIsAccessibleAndLight(t *testing.T) {
	t.Parallel()
	o := visit(t)
	round := o.gallery(t)
	tabs := make([]*tab, walkers)
	for i := range tabs {
		tabs[i] = o.open(t, console.RoleOwner)
		tabs[i].withAxe()
		tabs[i].do(call(network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}))
	}
	walked := map[string]bool{}
	for len(round) > 0 {
		var ahead []string
		for _, path := range round {
			if kind := kindOf(path); !walked[kind] && !skipped.MatchString(path) {
				walked[kind] = true
				ahead = append(ahead, path)
			}
		}
		round = walk(t, tabs, ahead)
	}
	if len(walked) < leastPages {
		t.Errorf("only %d pages were found: %v", len(walked), slices.Sorted(maps.Keys(walked)))
	}
}

// walk looks at pages in several tabs at once, and returns where they lead.
func walk(t *testing.T, tabs []*tab, paths []string) (links []string) {
	t.Helper()
	ahead := make(chan string, len(paths))
	for _, path := range paths {
		ahead <- path
	}
	close(ahead)
	var walking sync.WaitGroup
	var found sync.Mutex
	for _, b := range tabs {
		walking.Go(func() {
			for path := range ahead {
				t.Run(fileOf(kindOf(path)), func(t *testing.T) {
					on := b.in(t)
					on.look(path, fileOf(kindOf(path)))
					more := on.links()
					found.Lock()
					defer found.Unlock()
					links = append(links, more...)
				})
			}
		})
	}
	walking.Wait()
	return links
}

// The same holds of dialogs over a page.
func TestEveryDialog_FitsAndIsAccessible(t *testing.T) {
	t.Parallel()
	o := visit(t)
	c, suspended := o.subscriber(t, kilimani), o.subscriber(t, ngong, expired)
	b := o.open(t, console.RoleOwner)
	b.withAxe()
	for page, dialogs := range map[string][]string{
		c.page():         {"Extend", "Suspend", "Add note", "Change Package", "Edit"},
		suspended.page(): {"Reconnect"},
	} {
		for _, button := range dialogs {
			b.size(wide)
			b.goTo(page)
			b.click(button)
			b.until("the dialog is open", "document.querySelector('dialog[open] h1')")
			b.judge("dialog-" + strings.ToLower(strings.ReplaceAll(button, " ", "-")))
		}
	}
}

// The pages of those who are not signed in, and of those who went astray.
func TestPagesOutside_FitAndAreAccessible(t *testing.T) {
	t.Parallel()
	o := visit(t)
	b := o.openNobody(t)
	b.withAxe()
	b.look("/sign-in", "sign-in")
	b.seen.expects(401)
	b.fill("Name or e-mail", "nobody")
	b.fill("Password", "wrong-password")
	b.click("Sign in")
	b.sees("The login or the password is wrong.")
	b.judge("sign-in-refused")
	// Whoever comes by a link is brought to it after the sign-in.
	b.goTo("/customers?status=active")
	in := o.staff[console.RoleViewer]
	b.fill("Name or e-mail", in.User)
	b.fill("Password", in.Password)
	b.click("Sign in")
	b.seesIn("h1", "Customers")
	if got := b.path(); got != "/customers?status=active" {
		t.Errorf("brought to %s", got)
	}
	b.seen.expects(404)
	b.look("/no-such-page", "not-found")
	b.seen.expects(403)
	b.look("/staff", "not-for-your-role")
}

// in is the tab for a subtest.
func (b *tab) in(t *testing.T) *tab {
	t.Helper()
	on := *b
	on.t = t
	return &on
}

// look opens a page as if for the first time, and judges it.
func (b *tab) look(path, file string) {
	b.t.Helper()
	b.size(wide)
	b.seen.forget()
	b.goTo(path)
	if ask[bool](b, "!!document.querySelector('[sse-connect]')") {
		must(b.t, stage.Until(b.ctx, "the live page says something", func(context.Context) (bool, error) { return b.seen.events() > 0, nil }))
	}
	if total, of := b.seen.transferred(); total > mostBytes {
		b.t.Errorf("%s transfers %.0f bytes, more than %d:\n%s", path, total, mostBytes, strings.Join(of, "\n"))
	}
	b.judge(file)
}

// judge looks at the page as it is at both widths, light and dark, and keeps pictures of it: two, or all four when the
// folder for them is named.
func (b *tab) judge(file string) {
	b.t.Helper()
	asked := os.Getenv("QSERVE_SCREENSHOTS") != ""
	for _, width := range []int64{wide, narrow} {
		b.size(width)
		for _, theme := range []string{"light", "dark"} {
			b.theme(theme)
			// Both layouts and both themes are looked at, in two looks of the four.
			if (width == wide) == (theme == "light") {
				for _, barrier := range b.barriers() {
					b.t.Errorf("%s at %d px, %s: %s", b.path(), width, theme, barrier)
				}
			}
			if asked || (width == wide) == (theme == "light") {
				must(b.t, second(b.shoot(fmt.Sprintf("%s-%d-%s", file, width, theme), 4000)))
			}
		}
		if over := b.overflow(); over != "" {
			b.t.Errorf("%s at %d px: %s", b.path(), width, over)
		}
	}
	b.theme("light")
}

// links are the pages that the page leads to.
func (b *tab) links() []string {
	b.t.Helper()
	return ask[[]string](b, `[...new Set([...document.querySelectorAll("a[href]")].filter(a => a.origin === location.origin && !a.target).map(a => a.pathname + a.search))]`)
}

// kindOf is a path without what tells one page from others like it: accounts, names and numbers.
func kindOf(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	parts := strings.Split(u.Path, "/")
	for i := 2; i < len(parts); i++ {
		if of := parts[i-1]; parts[i] != "new" && slices.Contains(things, of) {
			parts[i] = "one"
		}
	}
	kind := strings.Join(parts, "/")
	if tab := u.Query().Get("tab"); tab != "" {
		kind += "/" + tab
	}
	return kind
}

// things are the parts of a path that a name or a number follows.
var things = []string{"customers", "payments", "routers", "plans", "sources", "staff", "tokens", "deliveries", "actions", "invoices"}

func fileOf(kind string) string {
	if name := strings.Trim(strings.ReplaceAll(kind, "/", "-"), "-"); name != "" {
		return name
	}
	return "home"
}

// gallery makes what there is to see, and returns where a walk begins.
func (o *office) gallery(t *testing.T) []string {
	t.Helper()
	first := o.subscriber(t, kilimani, func(n *console.NewSubscriber) {
		n.Name, n.Email, n.Address = "Amina Wanjiru", "amina@example.com", "Ngong Road 12, Nairobi"
	})
	for i, name := range []string{"محمد عبد الله", "प्रिया शर्मा", "歐陽慧敏", "สมชาย วงศ์สวัสดิ์", "አበበ በቀለ", "Zuri 🦒"} {
		o.subscriber(t, []string{kilimani, ngong, syokimau}[i%3], func(n *console.NewSubscriber) {
			n.Name, n.PaidUntil = name, time.Now().AddDate(0, 0, i*2-3)
		})
	}
	for _, order := range []console.Order{
		console.NoteOrder{Text: "Dog in the yard, ring first", Pin: true}, console.ExtendOrder{Days: 2, Note: "Outage on Monday"},
		console.SuspendOrder{Category: "customer-request", Reason: "Travels for a week"}, console.ReconnectOrder{},
		console.ChangeOrder{Plan: fastPlan, When: "renewal"},
	} {
		given, err := o.Staff.Give(t.Context(), clerk, first.Account, order)
		must(t, err)
		must(t, second(o.Staff.Follow(t.Context(), given.ID)))
	}
	must(t, first.Online(t.Context()))
	receipt := stage.Receipt()
	must(t, o.Pay(t.Context(), receipt, first.Account, planPrice))
	must(t, second(o.UntilPaymentConfirmed(t.Context(), receipt)))
	nobodys := stage.Receipt()
	must(t, o.Pay(t.Context(), nobodys, first.Account+"X", planPrice))
	must(t, o.UntilNumber(t.Context(), "the payment is nobody's", 1, `select count(*) from payments where transaction_id = $1`, nobodys))
	unallocated := o.number(t, `select id from payments where transaction_id = $1`, nobodys)
	credited := o.number(t, `select id from payments where transaction_id = $1`, receipt)
	return []string{
		"/", first.page(), "/customers", "/payments", fmt.Sprintf("/payments/%d", unallocated), fmt.Sprintf("/payments/%d?tab=credited", credited),
	}
}
