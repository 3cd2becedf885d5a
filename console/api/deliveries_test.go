package api_test

import (
	"net/http"
	"strings"
	"testing"

	"qserve/console"
)

// webhook stores a delivery that came to an end in a state.
func (o *office) webhook(state string) int64 {
	o.t.Helper()
	o.exec(`insert into payment_sources (name, kind, token_hash, token_sealed, merchant, currency)
		values ('M-Pesa', 'mpesa', sha256('token'), '\x00', '600000', 'KES') on conflict do nothing`)
	return int64(o.count(`insert into deliveries (source_id, delivery_key, digest, body, received_at, state, processed_at, last_error)
		select id, gen_random_uuid()::text, sha256('x'), '{"FirstName":"JANE"}', $1, $2, $1, 'no TransID' from payment_sources returning id`, noon, state))
}

func TestDeliveries_ShowTheirBodiesOnlyToWhoKeepsTheSources(t *testing.T) {
	t.Parallel()
	o := setup(t)
	failed, booked := o.webhook("failed"), o.webhook("processed")
	ops, admin := "Bearer "+o.tokenWith(console.ScopeOps), "Bearer "+o.tokenWith(console.ScopeAdmin)
	for token, shown := range map[string]bool{ops: false, admin: true} {
		list := o.want(http.StatusOK, o.call("GET", "/deliveries?state=failed&source=M-Pesa", "", "Authorization", token))
		page := read[console.Page[console.DeliveryView]](t, list)
		if len(page.Items) != 1 || page.Items[0].ID != failed || page.Items[0].Problem != "no TransID" || strings.Contains(list.body, "JANE") {
			t.Errorf("listed %s", list.body)
		}
		one := o.want(http.StatusOK, o.call("GET", "/deliveries/"+id(booked), "", "Authorization", token))
		if strings.Contains(one.body, "JANE") != shown {
			t.Errorf("shows the body: %s", one.body)
		}
	}
	for _, scope := range []console.Scope{console.ScopeRead, console.ScopeSettings} {
		o.want(http.StatusForbidden, o.call("GET", "/deliveries/"+id(booked), "", "Authorization", "Bearer "+o.tokenWith(scope)))
	}
	o.want(http.StatusNotFound, o.call("GET", "/deliveries/"+id(booked+100), ""))
	if at := o.blamed(o.want(http.StatusUnprocessableEntity, o.call("GET", "/deliveries?source=PayPal", ""))); at != "query.source" {
		t.Errorf("an unknown source is blamed on %s", at)
	}
	o.want(http.StatusUnprocessableEntity, o.call("GET", "/deliveries?state=lost", ""))
}

func TestDelivery_IsProcessedAgainByOpsAndRepeatingTheRequestDoesNothing(t *testing.T) {
	t.Parallel()
	o := setup(t)
	failed, booked := o.webhook("failed"), o.webhook("processed")
	ops := "Bearer " + o.tokenWith(console.ScopeOps)
	retry := func(delivery int64, key string) reply {
		return o.call("POST", "/deliveries/"+id(delivery)+"/retry", "", "Authorization", ops, "Idempotency-Key", key)
	}
	r := o.want(http.StatusOK, retry(failed, "again"))
	if got := read[console.DeliveryView](t, r); got.State != "received" || got.Body != "" {
		t.Errorf("set back: %s", r.body)
	}
	if same := o.want(http.StatusOK, retry(failed, "again")); same.body != r.body || same.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated: %s", same.body)
	}
	if n := o.count("select count(*) from audit where kind = 'delivery-retry' and actor = 'token ops'"); n != 1 {
		t.Errorf("%d lines of the audit log", n)
	}
	o.blamed(o.want(http.StatusConflict, retry(failed, "once more")))
	o.blamed(o.want(http.StatusConflict, retry(booked, "booked")))
	o.want(http.StatusForbidden, o.call("POST", "/deliveries/"+id(failed)+"/retry", "", "Authorization", "Bearer "+o.tokenWith(console.ScopePayments)))
}

func TestRouter_IsTriedAtOnceByOps(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.exec("update routers set failures = 3, next_try_at = $1", noon.AddDate(0, 0, 1))
	ops := "Bearer " + o.tokenWith(console.ScopeOps)
	r := o.want(http.StatusOK, o.call("POST", "/routers/Kilimani/retry", "", "Authorization", ops))
	if got := read[console.RouterView](t, r); got.NextTryAt != nil {
		t.Errorf("it is left alone: %s", r.body)
	}
	o.want(http.StatusForbidden, o.call("PATCH", "/routers/Kilimani", `{"pool":"homes"}`, "Authorization", ops))
}
