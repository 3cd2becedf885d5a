package api_test

import (
	"net/http"
	"strings"
	"testing"

	"qserve/console"
)

func TestExtensionAndNote_AreUndoneOverTheAPI(t *testing.T) {
	t.Parallel()
	o := setup(t)
	extended := read[console.ActionView](t, o.want(http.StatusAccepted, o.call("POST", "/subscribers/ACC-0042/extend", `{"days":3}`)))
	body := `{"action":` + id(extended.ID) + `}`
	r := o.want(http.StatusOK, o.call("POST", "/subscribers/ACC-0042/undo?preview=true", body))
	if got := read[console.PreviewView](t, r); got.Kind != "undo" || !got.After.ExpiresAt.Equal(noon.AddDate(0, 0, 10)) {
		t.Errorf("preview %s", r.body)
	}
	r = o.want(http.StatusAccepted, o.call("POST", "/subscribers/ACC-0042/undo", body))
	if got := read[console.ActionView](t, r); got.Kind != "undo" || r.header.Get("Location") != "/api/v1/actions/"+id(got.ID) {
		t.Errorf("given %s at %s", r.body, r.header.Get("Location"))
	}
	if r := o.want(http.StatusConflict, o.call("POST", "/subscribers/ACC-0042/undo", body)); o.blamed(r) != "body.action" || !strings.Contains(r.body, "undone already") {
		t.Errorf("once more: %s", r.body)
	}
	if r := o.want(http.StatusUnprocessableEntity, o.call("POST", "/subscribers/ACC-0042/undo", `{"action":99999}`)); o.blamed(r) != "body.action" {
		t.Errorf("of nothing: %s", r.body)
	}
	o.want(http.StatusAccepted, o.call("POST", "/subscribers/ACC-0042/notes", `{"text":"Dog","pin":true}`))
	o.want(http.StatusAccepted, o.call("PATCH", "/subscribers/ACC-0042", `{"pinned_note":""}`))
	if r := o.want(http.StatusOK, o.call("GET", "/subscribers/ACC-0042", "")); !strings.Contains(r.body, `"pinned_note":""`) {
		t.Errorf("shown %s", r.body)
	}
}

func TestPayment_IsSplitOverTheAPI(t *testing.T) {
	t.Parallel()
	o := setup(t)
	entered := read[console.EnteredPayment](t, o.want(http.StatusCreated, o.call("POST", "/payments", `{"amount":"700","method":"bank","reference":"ACC-0024"}`)))
	at := "/payments/" + id(entered.Payment.ID)
	for body, where := range map[string]string{
		`{"parts":[{"account":"ACC-0042","amount":"500"},{"amount":"100"}]}`:                       "body.parts",
		`{"parts":[{"account":"ACC-0042","amount":"500"},{"account":"ACC-1","amount":"200"}]}`:     "body.parts[1].account",
		`{"parts":[{"account":"ACC-0042","amount":"500"},{"amount":"200.001"}]}`:                   "body.parts[1].amount",
		`{"parts":[{"account":"ACC-0042","amount":"500"}]}`:                                        "body.parts",
		`{"parts":[{"account":"ACC-0042","amount":"500"},{"amount":"200","reference":"mistype"}]}`: "body.parts[1].reference",
	} {
		if r := o.want(http.StatusUnprocessableEntity, o.call("POST", at+"/split", body)); o.blamed(r) != where {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	list := read[console.Page[console.Suggestion]](t, o.want(http.StatusOK, o.call("GET", at+"/suggestions", "")))
	if len(list.Items) != 0 {
		t.Errorf("suggested for cash of nobody: %+v", list)
	}
	const body = `{"parts":[{"account":"ACC-0042","amount":"500"},{"amount":"200"}]}`
	r := o.want(http.StatusAccepted, o.call("POST", at+"/split", body, "Idempotency-Key", "split-1"))
	parts := read[console.Page[console.EnteredPayment]](t, r).Items
	if len(parts) != 2 || parts[0].Action == nil || parts[1].Action != nil || parts[1].Payment.Receipt != "ACC-0024/2" {
		t.Errorf("split into %s", r.body)
	}
	if again := o.want(http.StatusAccepted, o.call("POST", at+"/split", body, "Idempotency-Key", "split-1")); again.body != r.body {
		t.Errorf("repeated: %s", again.body)
	}
	// The answer may have been lost with the process that gave it.
	o.exec("delete from api_answers")
	again := read[console.Page[console.EnteredPayment]](t, o.want(http.StatusAccepted, o.call("POST", at+"/split", body, "Idempotency-Key", "split-1"))).Items
	if len(again) != 2 || again[0].Action == nil || again[0].Action.ID != parts[0].Action.ID || again[1].Payment.ID != parts[1].Payment.ID {
		t.Errorf("repeated without the answer: %+v", again)
	}
	o.want(http.StatusConflict, o.call("POST", at+"/split", body))
	o.want(http.StatusConflict, o.call("GET", at+"/suggestions", ""))
	o.want(http.StatusNotFound, o.call("POST", "/payments/99/split", body))
	if whole := read[console.PaymentView](t, o.want(http.StatusOK, o.call("GET", at, ""))); whole.Status != "split" || len(whole.Parts) != 2 {
		t.Errorf("the whole is %+v", whole)
	}
	if list := read[console.Page[console.PaymentView]](t, o.want(http.StatusOK, o.call("GET", "/payments?status=split", ""))); len(list.Items) != 1 {
		t.Errorf("split are %+v", list)
	}
	reader := "Bearer " + o.tokenWith(console.ScopeRead)
	o.want(http.StatusForbidden, o.call("POST", at+"/split", body, "Authorization", reader))
}

func TestSuggestions_AreHadOverTheAPI(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.exec(`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, reference, unallocated)
		values ('mpesa', '600000', 'SKL1', 150000, 'KES', now(), now(), 'ACC-0024', 'nobody')`)
	for _, scope := range []console.Scope{console.ScopeRead, console.ScopePayments} {
		r := o.want(http.StatusOK, o.call("GET", "/payments/1/suggestions", "", "Authorization", "Bearer "+o.tokenWith(scope)))
		list := read[console.Page[console.Suggestion]](t, r)
		if len(list.Items) != 1 || list.Items[0].Subscriber.Account != "ACC-0042" || !strings.Contains(list.Items[0].Why, "in each other's place") {
			t.Errorf("%s: %s", scope, r.body)
		}
	}
}
