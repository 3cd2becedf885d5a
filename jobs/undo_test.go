package jobs

import (
	"fmt"
	"testing"
	"time"
)

// An order and its undo that waited together are applied in one transaction, by a clock that is more exact than a row.
func TestOrderThatIsUndoneWhileBothWait_IsAsIfItHadNotBeen(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{`suspend {"category":"other","stop_clock":true}`, `suspend {"category":"other","until":"2026-12-12T00:00:00Z"}`, `extend {"days":3}`} {
		o := setup(t)
		o.clock.Set(noon.Add(123456789 * time.Nanosecond))
		o.active(noon.Add(time.Hour))
		if kind[0] == 'e' {
			o.exec("update subscribers set expires_at = $1, due_at = null", noon.Add(-time.Hour)) // what is given begins now
		}
		before := o.rows("select to_jsonb(s)::text from subscribers s")
		var name, arguments string
		if _, err := fmt.Sscan(kind, &name, &arguments); err != nil {
			t.Fatal(err)
		}
		first := o.action(name, arguments, o.clock.Now())
		undo := o.action("undo", fmt.Sprintf(`{"action":%d}`, first), o.clock.Now())
		if err := o.applyActions(t.Context(), undo); err != nil {
			t.Fatal(err)
		}
		if got := o.rows("select kind || ' ' || state || ' ' || refusal from actions where state = 'refused'"); len(got) != 0 {
			t.Errorf("%s: %v", kind, got)
		}
		if after := o.rows("select to_jsonb(s)::text from subscribers s"); after[0] != before[0] {
			t.Errorf("%s: it was %s and is %s", kind, before[0], after[0])
		}
	}
}

func TestPlannedEndOfASuspension_IsAReconnectionByTheClock(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.active(noon.Add(time.Hour))
	until := noon.Add(30 * time.Minute)
	o.give("suspend", `{"category":"other","stop_clock":true,"until":"`+until.Format(time.RFC3339)+`"}`)
	o.clock.Set(until)
	if err := o.applyDue(t.Context(), o.jane); err != nil {
		t.Fatal(err)
	}
	if got := o.lastAction(); got != "reconnect applied " {
		t.Errorf("the last action is %q", got)
	}
	if got := o.rows("select state from provisions"); got[0] != "enabled" {
		t.Errorf("wanted of the router: %v", got)
	}
	if got := o.rows("select (expires_at at time zone 'UTC')::text || ' ' || (due_at = expires_at) from subscribers"); got[0] != "2026-03-10 10:30:00 true" {
		t.Errorf("paid until %v", got)
	}
}
