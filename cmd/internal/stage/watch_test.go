package stage_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router/mikrosim"
)

// promised are the metrics that operators were promised, whatever page uses them.
var promised = []string{
	`qserve_webhooks_total{call="confirm",outcome="stored",source="M-Pesa 600100"}`, `qserve_webhook_seconds_bucket{source="M-Pesa 600100"`,
	`qserve_queue_tasks{queue="actions",state="pending"}`, `qserve_queue_tasks{queue="routers",state="retry"}`,
	`qserve_queue_oldest_seconds{queue="accounts"}`, `qserve_queue_paused{queue="routers"} 0`,
	`qserve_actions{kind="extend",state="accepted"}`, `qserve_actions{kind="suspend",state="applied"}`,
	`qserve_actions_ended_total{kind="payment",state="confirmed"}`, `qserve_actions_ended_total{kind="reconnect",state="refused"}`,
	`qserve_confirmed_seconds_bucket{kind="payment"`, `qserve_router_calls_total{operation="converge",outcome="ok",router="Ngong"}`,
	`qserve_router_breaker{router="Kileleshwa"} 1`, `qserve_router_breaker{router="Ngong"} 0`, `qserve_router_last_contact_seconds{router="Ngong"}`,
	`qserve_unallocated_payments 1`, `qserve_waiting_deliveries 0`, `qserve_waiting_oldest_seconds{list="dues"} 0`,
	`qserve_unconfirmed_provisions{router="Kileleshwa"} 1`, `qserve_unconfirmed_oldest_seconds{router="Kileleshwa"}`,
	`qserve_source_last_webhook_seconds{source="M-Pesa 600100"}`, `qserve_sweep_rang_total{list="deliveries"}`,
	`qserve_up{part="database"} 1`, `qserve_up{part="redis"} 1`, `qserve_tasks_total{outcome="dead",type="delivery:process"} 0`,
}

var usedNames = regexp.MustCompile(`\b(qserve|process|go)_[a-z0-9_]+\b`)

var families = regexp.MustCompile(`(?m)^# TYPE (qserve_[a-z_]+) `)

// expressions are the queries of the alert rules and of the dashboard.
func (p play) expressions() map[string]string {
	p.t.Helper()
	rules, err := os.ReadFile("../../../deploy/prometheus/alerts.yml")
	p.must(err)
	text, err := os.ReadFile("../../../deploy/grafana/qserve.json")
	p.must(err)
	var board struct {
		Title         string
		SchemaVersion int
		Panels        []struct {
			ID             int
			Type, Title    string
			Description    string
			Targets        []struct{ Expr string }
			GridPos        struct{ H, W, X, Y int }
			FieldConfig    any
			DatasourceName string
		}
		Templating struct{ List []struct{ Name, Type string } }
	}
	p.must(json.Unmarshal(text, &board))
	queries := map[string]string{"the alert rules": string(rules)}
	seen := map[int]bool{}
	for _, panel := range board.Panels {
		if seen[panel.ID] || panel.Title == "" || panel.GridPos.X+panel.GridPos.W > 24 {
			p.t.Errorf("panel %d %q is there twice, has no title or is too wide", panel.ID, panel.Title)
		}
		seen[panel.ID] = true
		if panel.Type == "row" {
			if !strings.HasSuffix(panel.Title, "?") {
				p.t.Errorf("the row %q asks nothing", panel.Title)
			}
			continue
		}
		if len(panel.Targets) == 0 || panel.Description == "" {
			p.t.Errorf("the panel %q shows nothing or does not say what", panel.Title)
		}
		for _, target := range panel.Targets {
			queries["the panel "+panel.Title] += target.Expr + "\n"
		}
	}
	if len(queries) < 15 || board.SchemaVersion < 36 {
		p.t.Errorf("the dashboard has %d panels in version %d", len(queries)-1, board.SchemaVersion)
	}
	return queries
}

func TestScrape_HasEveryMetricThatWasPromisedAndThatAlertsAndTheDashboardUse(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{})
	p.must(p.Pay(p.ctx, stage.Receipt(), "NO-SUCH-3", planPrice))
	p.confirmed(p.pays(p.expired("SCRAPE", p.Routers[0])))
	cut := p.expired("DARK", p.Routers[1])
	p.confirmed(p.pays(cut))
	p.does(cut, console.NoteOrder{Text: "ring first"})
	// Refused by the rules when it is applied, which the console cannot know yet.
	_, err := p.Pool.Exec(p.ctx, `insert into actions (kind, subscriber_id, actor, arguments, state, accepted_at)
		select 'reconnect', id, 'staff', '{"grace_hours":1}', 'accepted', now() from subscribers where account = $1`, cut.Account)
	p.must(err)
	p.untilNumber("the second reconnection is refused", 1, `select count(*) from actions where kind = 'reconnect' and state = 'refused'`)
	p.must(cut.Router.SetFault(mikrosim.Fault{Kind: mikrosim.FaultDown}))
	_, err = p.Staff.Give(p.ctx, staff, cut.Account, console.SuspendOrder{Category: "other"})
	p.must(err)
	p.untilNumber("the router is left alone", 1, `select count(*) from routers where next_try_at > now() + interval '2 seconds'`)
	// An action that nobody can apply for as long as somebody holds the account.
	holding, err := p.Pool.Begin(p.ctx)
	p.must(err)
	_, err = holding.Exec(p.ctx, `select 1 from subscribers where account = $1 for no key update`, cut.Account)
	p.must(err)
	_, err = p.Staff.Give(p.ctx, staff, cut.Account, console.ExtendOrder{Days: 1})
	p.must(err)
	metrics := "\n" + p.ops(http.MethodGet, "/metrics").Text
	p.must(holding.Rollback(p.ctx))
	for _, name := range promised {
		if !strings.Contains(metrics, "\n"+name) {
			t.Errorf("the scrape does not have %s", name)
		}
	}
	for where, text := range p.expressions() {
		names := usedNames.FindAllString(text, -1)
		if len(names) == 0 {
			t.Errorf("%s uses no metric: %s", where, text)
		}
		for _, name := range names {
			if !strings.Contains(metrics, "\n"+name+" ") && !strings.Contains(metrics, "\n"+name+"{") {
				t.Errorf("%s uses %s, which the scrape does not have", where, name)
			}
		}
	}
	page, err := os.ReadFile("../../../docs/operations.md")
	p.must(err)
	for _, found := range families.FindAllStringSubmatch(metrics, -1) {
		if !strings.Contains(string(page), "`"+found[1]) {
			t.Errorf("the operators' page does not say what %s is", found[1])
		}
	}
	for what, secret := range p.secrets() {
		if strings.Contains(metrics, secret) {
			t.Errorf("the scrape shows the %s", what)
		}
	}
	for _, who := range []string{cut.Account, cut.Username, "254"} {
		if strings.Contains(metrics, `"`+who) {
			t.Errorf("the scrape names a customer: %s", who)
		}
	}
}

var idInLine = regexp.MustCompile(` (delivery|action)=([0-9]+)`)

// trail are the messages of the lines with an id, in their order.
func trail(log *lines, id string) (said []string) {
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line+" ", " "+id+" ") || strings.HasSuffix(strings.TrimSpace(line), " "+id) {
			_, message, _ := strings.Cut(line, `msg="`)
			message, _, _ = strings.Cut(message, `"`)
			said = append(said, message)
		}
	}
	return said
}

func TestLog_TellsTheStoryOfAPaymentByItsIdAndNamesNobody(t *testing.T) {
	t.Parallel()
	log := &lines{most: 10_000}
	p := setup(t, stage.Options{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	who := p.expired("TRAIL", p.Routers[0])
	p.confirmed(p.pays(who))
	given, err := p.Staff.Give(p.ctx, staff, who.Account, console.SuspendOrder{Category: "equipment"})
	p.must(err)
	_, err = p.Staff.Follow(p.ctx, given.ID)
	p.must(err)
	ids := map[string]string{}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `msg="payment credited"`) {
			for _, found := range idInLine.FindAllStringSubmatch(line, -1) {
				ids[found[1]] = found[0]
			}
		}
	}
	for id, want := range map[string][]string{
		strings.TrimSpace(ids["delivery"]):          {"delivery taken in", "payment credited"},
		strings.TrimSpace(ids["action"]):            {"payment credited", "router confirms"},
		"action=" + strconv.FormatInt(given.ID, 10): {"action applied", "router confirms"},
		"router=" + p.Routers[0].Name():             {"router confirms", "router confirms", "router confirms"}, // the account itself, the payment and the suspension
	} {
		if got := trail(log, id); !slices.Equal(got, want) {
			t.Errorf("%s tells %q, want %q:\n%s", id, got, want, log)
		}
	}
	for what, secret := range p.secrets() {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log shows the %s", what)
		}
	}
	for _, name := range []string{who.Account, who.Username, who.Password, "SAMPLE"} {
		if strings.Contains(log.String(), name) {
			t.Errorf("the log names a customer: %s\n%s", name, log)
		}
	}
}
