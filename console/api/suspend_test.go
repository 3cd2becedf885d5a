package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"qserve/console"
)

func TestSuspensionUntilAnInstant_OverTheAPI(t *testing.T) {
	t.Parallel()
	o := setup(t)
	until := noon.AddDate(0, 0, 5)
	body := `{"category":"customer-request","until":"` + until.In(time.FixedZone("", 3*3600)).Format(time.RFC3339) + `"}`
	r := o.want(http.StatusOK, o.call("POST", "/subscribers/ACC-0042/suspend?preview=true", body))
	if got := read[console.PreviewView](t, r); got.After.SuspendedUntil == nil || !got.After.SuspendedUntil.Equal(until) || !strings.Contains(got.Then, "Comes back by itself on") {
		t.Errorf("preview %s", r.body)
	}
	for text, blamed := range map[string]string{noon.Format(time.RFC3339): "body.until", "soon": "body.until", "2099-01-01T00:00:00Z": "body.until"} {
		r := o.want(http.StatusUnprocessableEntity, o.call("POST", "/subscribers/ACC-0042/suspend", `{"category":"other","until":"`+text+`"}`))
		if got := o.blamed(r); got != blamed {
			t.Errorf("until %s blames %q: %s", text, got, r.body)
		}
	}
	given := read[console.ActionView](t, o.want(http.StatusAccepted, o.call("POST", "/subscribers/ACC-0042/suspend", body)))
	if n := o.count("select count(*) from actions where id = $1 and (arguments ->> 'until')::timestamptz = $2", given.ID, until); n != 1 {
		t.Errorf("the action does not carry until: %+v", given)
	}
	o.exec("update subscribers set suspended_at = $1, suspension_category = 'other', suspended_until = $2", noon, until)
	if got := read[console.SubscriberView](t, o.want(http.StatusOK, o.call("GET", "/subscribers/ACC-0042", ""))); got.Suspension == nil ||
		got.Suspension.Until == nil || !got.Suspension.Until.Equal(until) {
		t.Errorf("shown %+v", got.Suspension)
	}
	o.want(http.StatusAccepted, o.call("POST", "/subscribers/ACC-0042/undo", `{"action":`+id(given.ID)+`}`))
}
