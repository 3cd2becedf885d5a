package pages_test

import (
	"net/http"
	"testing"

	"qserve/console"
)

func (o *office) plan(name string) console.PlanView {
	o.t.Helper()
	v, err := o.Plan(o.t.Context(), name)
	o.must(err)
	return v
}

func TestPlans_SayWhatIsSoldAndWhoHasIt(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleViewer)
	list := b.get("/plans").is(t, http.StatusOK)
	list.tells(t, "Home 10 10 Mbit/s down, 5 Mbit/s up 30 days KES 1,500 cut off 1 subscriber")
	list.has(t, `<a href="/customers?plan=Home%2010">`)
	list.lacks(t, "New plan", "/plans/Home%2010/change", "/plans/Home%2010/archive")
	b.get("/customers?plan=Home%2010").tells(t, "Jane Doe")
	b.get("/plans?show=archived").tells(t, "No plan is archived.")
	b.get("/plans/new").is(t, http.StatusForbidden)
	b.post("/plans/new", "name", "Home 20").is(t, http.StatusForbidden)
	b.post("/plans/Home%2010/archive").is(t, http.StatusForbidden)
}

func TestNewPlan_IsStoredOrSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleManager)
	fields := []string{
		"name", "<i>Night</i> 10/20", "rate", "10M", "count", "2", "unit", "days", "price", "12.345", "on_expiry", "cut", "garden_rate", "64k/64k", "pool", "",
	}
	wrong := b.post("/plans/new", fields...).is(t, http.StatusUnprocessableEntity)
	wrong.has(t, `value="12.345"`, `id="p-price"`)
	wrong.lacks(t, "<i>Night")
	fields[9] = "300"
	b.post("/plans/new", fields...).is(t, http.StatusSeeOther)
	list := b.get("/plans")
	list.tells(t, "Plan <i>Night</i> 10/20 is added.", "2 days KES 300 cut off nobody has it yet")
	list.lacks(t, "<i>Night")
	b.get("/plans/%3Ci%3ENight%3C%2Fi%3E%2010%2F20/change").is(t, http.StatusOK).tells(t, "Change <i>Night</i> 10/20")
	b.post("/plans/new", fields...).is(t, http.StatusUnprocessableEntity).tells(t, "archived ones keep their names too")
	b.post("/plans/new", "name", "Weekly", "rate", "1M", "count", "x", "unit", "days", "price", "1").
		is(t, http.StatusUnprocessableEntity).tells(t, "Duration: must be a whole number")
	b.post("/plans/new", "name", "Weekly", "rate", "1M", "count", "0", "unit", "days", "price", "1").
		is(t, http.StatusUnprocessableEntity).tells(t, "Duration: a duration of 0 days")
}

func TestChangePlan_ChangesOnlyWhatThePersonChanged(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleManager)
	form := b.get("/plans/Home%2010/change").is(t, http.StatusOK)
	form.tells(t, "1 subscriber has it", "price and duration count from each one’s next renewal")
	_, err := o.ChangePlan(t.Context(), boss, "Home 10", console.PlanChange{Price: &console.Money{Amount: "1700", Currency: "KES"}})
	o.must(err)
	b.post("/plans/Home%2010/change", "was", form.was(), "name", "Home 10", "rate", "6M/12M", "count", "1", "unit", "months",
		"price", "1500.00", "on_expiry", "garden", "garden_rate", "128k/128k", "pool", "").is(t, http.StatusSeeOther)
	v := o.plan("Home 10")
	if v.Rate != "6M/12M" || v.Duration != (console.Duration{Count: 1, Unit: "months"}) || v.Price.Amount != "1700.00" || v.GardenRate != "128k/128k" {
		t.Errorf("the plan is %+v", v)
	}
	form = b.get("/plans/Home%2010/change")
	b.post("/plans/Home%2010/change", "was", form.was(), "on_expiry", "cut", "garden_rate", "128k/128k").is(t, http.StatusSeeOther)
	if v := o.plan("Home 10"); v.OnExpiry != "cut" || v.GardenRate != "" {
		t.Errorf("the plan is %+v", v)
	}
	b.post("/plans/Home%2010/change", "was", form.was(), "rate", "fast").is(t, http.StatusUnprocessableEntity).has(t, `value="fast"`, `id="p-rate"`)
	b.get("/plans/Office/change").is(t, http.StatusNotFound)
}

func TestArchivePlan_SaysWhatHappensToThoseWhoHaveIt(t *testing.T) {
	t.Parallel()
	o := open(t)
	b := o.as(console.RoleManager)
	b.get("/plans/Home%2010/archive").is(t, http.StatusOK).tells(t, "1 subscriber has it and keeps it: they go on renewing at KES 1,500")
	if a := b.postPart("/plans/Home%2010/archive").is(t, http.StatusOK); a.header.Get("Hx-Redirect") != "/plans" {
		t.Errorf("led to %v", a.header)
	}
	b.get("/plans").tells(t, "Plan Home 10 is archived.", "No plan is sold at the moment; all of them are archived.")
	archived := b.get("/plans?show=archived")
	archived.tells(t, "Home 10 archived 10 Mar", "1 subscriber")
	archived.lacks(t, "/plans/Home%2010/archive")
	b.post("/plans/Home%2010/archive").is(t, http.StatusConflict).tells(t, "is archived already")
	b.get("/customers/new").tells(t, "There is no plan that is sold.")
}
