package pages_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"qserve/console"
	"qserve/db"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// addresses is a registry whose sources have no addresses.
type addresses struct{ console.SourceRegistry }

func (addresses) Addresses(db.PaymentSource) ([]console.AddressView, error) { return nil, nil }

// source stores a payment source.
func (o *office) source(name string) {
	o.t.Helper()
	o.Registry = addresses{}
	o.exec(`insert into payment_sources (name, kind, token_hash, token_sealed, merchant, currency)
		values ($1, 'mpesa', sha256($1::text::bytea), 'sealed', '600100', 'KES')`, name)
}

// delivered stores a webhook as it is afterwards.
func (o *office) delivered(source, state, problem, body string) int64 {
	o.t.Helper()
	var id int64
	o.must(o.pool.QueryRow(o.t.Context(), `insert into deliveries (source_id, delivery_key, digest, call, body, received_at, state, attempts, last_error, processed_at)
		select id, gen_random_uuid()::text, sha256('x'), 'confirm', $4::bytea, $5::timestamptz, $2::text, 1, $3, case when $2 <> 'received' then $5 end
		from payment_sources where name = $1 returning id`, source, state, problem, []byte(body), noon).Scan(&id))
	return id
}

func TestDeliveries_SayWhatCameOfEachWebhook(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.source("Paybill <600100>")
	o.only("/deliveries", console.RoleOwner, console.RoleManager, console.RoleOps)
	b := o.as(console.RoleOps)
	if a := b.get("/deliveries").text(); !strings.Contains(a, "Nothing was delivered yet") {
		t.Errorf("without any: %s", a)
	}
	paid := o.delivered("Paybill <600100>", "processed", "", "{}")
	o.exec(`insert into payments (provider, merchant, transaction_id, delivery_id, amount_minor, currency, occurred_at, received_at, unallocated)
		values ('mpesa', '600100', 'QSV1TEST01', $1, 150000, 'KES', $2, $2, 'nobody has that account')`, paid, noon)
	o.delivered("Paybill <600100>", "failed", "TransAmount <none> is missing", "{}")
	o.delivered("Paybill <600100>", "ignored", "", "{}")
	o.delivered("Paybill <600100>", "received", "", "{}")
	o.delivered("Paybill <600100>", "received", "the database was busy", "{}")
	list := b.get("/deliveries")
	for _, want := range []string{
		"Processed payment", "Failed TransAmount <none> is missing", "Ignored it tells of no payment", "Waiting it is processed within moments",
		"Waiting tried 1 time: the database was busy; it is tried again by itself", "Paybill <600100>",
	} {
		if !strings.Contains(list.text(), want) {
			t.Errorf("the list lacks %q: %s", want, list.text())
		}
	}
	if strings.Contains(list.body, "<none>") || !strings.Contains(list.body, `href="/payments/`) {
		t.Errorf("the list: %s", list.body)
	}
	for path, rows := range map[string]int{
		"/deliveries?state=failed": 1, "/deliveries?source=Paybill+%3C600100%3E": 5, "/deliveries?source=Paybill+%3C600100%3E&state=processed": 1,
	} {
		if a := b.get(path); strings.Count(a.body, "<tr data-href=") != rows {
			t.Errorf("%s shows %s", path, a.text())
		}
	}
	for _, path := range []string{"/deliveries?state=lost", "/deliveries?source=nobody", "/deliveries?cursor=x"} {
		if a := b.get(path); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestDelivery_OnlyOwnersReadTheBody(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.source("Paybill")
	id := o.delivered("Paybill", "failed", "TransAmount is missing", `{"FirstName":"<b>Jane</b>","MSISDN":"254708374149"}`)
	path := "/deliveries/" + itoa(id)
	owner := o.as(console.RoleOwner).get(path)
	if text := owner.body; !strings.Contains(text, "{\n  &#34;FirstName&#34;: &#34;&lt;b&gt;Jane&lt;/b&gt;&#34;,\n  &#34;MSISDN&#34;") {
		t.Errorf("an owner reads: %s", text)
	}
	for _, role := range []console.Role{console.RoleOps, console.RoleManager} {
		a := o.as(role).get(path)
		if a.status != http.StatusOK || strings.Contains(a.body, "Jane") || strings.Contains(a.body, "254708374149") || !strings.Contains(a.text(), "only owners see it") {
			t.Errorf("%s reads: %d %s", role, a.status, a.text())
		}
	}
	plain := o.delivered("Paybill", "failed", "not JSON", "amount=<5>")
	if a := o.as(console.RoleOwner).get("/deliveries/" + itoa(plain)); !strings.Contains(a.text(), "amount=<5>") {
		t.Errorf("what is not JSON: %s", a.text())
	}
	// Whoever sends a webhook may nest it as deep as they like.
	deep := o.delivered("Paybill", "failed", "too deep", strings.Repeat("[", 9000)+strings.Repeat("]", 9000))
	if a := o.as(console.RoleOwner).get("/deliveries/" + itoa(deep)); a.status != http.StatusOK || len(a.body) > 100_000 {
		t.Errorf("a deep body makes a page of %d bytes: %d", len(a.body), a.status)
	}
	for _, none := range []string{"/deliveries/99999", "/deliveries/x"} {
		if a := o.as(console.RoleOwner).get(none); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", none, a.status)
		}
	}
}

func TestDelivery_IsProcessedAgainOnRequest(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.source("Paybill")
	failed := "/deliveries/" + itoa(o.delivered("Paybill", "failed", "TransAmount is missing", "{}"))
	done := "/deliveries/" + itoa(o.delivered("Paybill", "processed", "", "{}"))
	b := o.as(console.RoleOps)
	if a := b.get(failed).text(); !strings.Contains(a, "Process again") || !strings.Contains(a, "A payment is never credited twice") {
		t.Errorf("a failed one: %s", a)
	}
	if a := b.get(done).text(); strings.Contains(a, "Process again") {
		t.Errorf("one that is processed: %s", a)
	}
	if a := o.as(console.RoleViewer).post(failed + "/retry"); a.status != http.StatusForbidden {
		t.Errorf("a viewer gets %d", a.status)
	}
	if a := b.post(failed+"/retry", "to", "https://elsewhere.example/"); a.location() != "/" {
		t.Errorf("leads to %q", a.location())
	}
	if a := b.get(failed).text(); !strings.Contains(a, "Waiting") || !strings.Contains(a, "is being processed again") {
		t.Errorf("afterwards: %s", a)
	}
	for _, path := range []string{failed, done} {
		if a := b.post(path + "/retry"); a.status != http.StatusConflict {
			t.Errorf("%s again: %d %s", path, a.status, a.text())
		}
	}
}
