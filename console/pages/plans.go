package pages

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"qserve/account"
	"qserve/console"
)

func (s *server) planRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeRead))
		r.Get("/plans", s.plansPage)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeSettings))
		r.Get("/plans/new", s.askNewPlan)
		r.Post("/plans/new", s.addPlan)
		r.Get("/plans/{name}/change", s.askPlan)
		r.Post("/plans/{name}/change", s.changePlan)
		r.Get("/plans/{name}/archive", s.askPlanArchival)
		r.Post("/plans/{name}/archive", s.archivePlan)
	})
}

// planList is the page of the plans: those that are sold, or those that are not any more.
type planList struct {
	Archived bool
	Plans    []console.PlanView
	Other    int // how many are in the other list
}

func (s *server) plansPage(w http.ResponseWriter, r *http.Request) {
	all, err := s.Service.Plans(r.Context(), true)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list := planList{Archived: r.URL.Query().Get("show") == "archived"}
	for _, v := range all {
		if (v.ArchivedAt != nil) == list.Archived {
			list.Plans = append(list.Plans, v)
		} else {
			list.Other++
		}
	}
	s.show(w, r, http.StatusOK, "plans", page{Title: "Plans", Nav: "plans", Data: list})
}

var planFields = []string{"name", "rate", "duration", "price", "on_expiry", "garden_rate", "pool"}

// planForm is the form of a plan.
type planForm struct {
	entry
	Currency    string
	Subscribers int64
}

// Units are what a duration may be counted in.
func (planForm) Units() []account.Unit {
	return []account.Unit{account.Hours, account.Days, account.Months}
}

// DurationIs reports whether the duration is counted in a unit.
func (f planForm) DurationIs(unit account.Unit) bool { return f.Is("unit", string(unit)) }

func planPath(name, verb string) string { return "/plans/" + url.PathEscape(name) + "/" + verb }

func (s *server) showPlanForm(w http.ResponseWriter, r *http.Request, status int, f planForm) {
	f.Currency = s.Service.Currency
	title := "New plan"
	if f.Name != "" {
		title = "Change " + f.Name
	}
	s.show(w, r, status, "plan-form", page{Title: title, Nav: "plans", Data: f})
}

func (s *server) askNewPlan(w http.ResponseWriter, r *http.Request) {
	values := url.Values{"count": {"1"}, "unit": {string(account.Months)}, "on_expiry": {string(account.Cut)}}
	s.showPlanForm(w, r, http.StatusOK, planForm{entry: newEntry("", "/plans/new", values)})
}

func (s *server) addPlan(w http.ResponseWriter, r *http.Request) {
	e, err := sentEntry(r, "", "/plans/new")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	length, err := planDuration(e)
	var v console.PlanView
	if err == nil {
		v, err = s.Service.AddPlan(r.Context(), s.by(r), console.NewPlan{
			Name: e.Value("name"), Rate: e.Value("rate"), Duration: length, Price: s.price(e), OnExpiry: e.Value("on_expiry"),
			GardenRate: gardenRate(e), Pool: e.Value("pool"),
		})
	}
	if e.blame(err, planFields) {
		s.showPlanForm(w, r, http.StatusUnprocessableEntity, planForm{entry: e})
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.done(w, r, "/plans", "Plan "+v.Name+" is added.")
}

func (s *server) price(e entry) console.Money {
	return console.Money{Amount: e.Value("price"), Currency: s.Service.Currency}
}

// gardenRate is the rate in the garden; a plan without one has none, whatever stands in the hidden field.
func gardenRate(e entry) string {
	if !e.Is("on_expiry", string(account.Garden)) {
		return ""
	}
	return e.Value("garden_rate")
}

func planDuration(e entry) (console.Duration, error) {
	count, err := e.wholeNumber("count")
	if err != nil {
		return console.Duration{}, &console.FieldError{Field: "duration", Problem: "must be a whole number with its unit"}
	}
	return console.Duration{Count: count, Unit: account.Unit(e.Value("unit"))}, nil
}

func planValues(v console.PlanView) url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"name": v.Name, "rate": v.Rate, "count": strconv.Itoa(v.Duration.Count), "unit": string(v.Duration.Unit), "price": v.Price.Amount,
		"on_expiry": v.OnExpiry, "garden_rate": v.GardenRate, "pool": v.Pool,
	} {
		values.Set(name, value)
	}
	return values
}

func (s *server) askPlan(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.Plan(r.Context(), named(r, "name"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	e := newEntry(v.Name, planPath(v.Name, "change"), planValues(v))
	s.showPlanForm(w, r, http.StatusOK, planForm{entry: e, Subscribers: v.Subscribers})
}

func (s *server) changePlan(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.Plan(r.Context(), named(r, "name"))
	var e entry
	if err == nil {
		e, err = sentEntry(r, v.Name, planPath(v.Name, "change"))
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	change, err := s.planChange(e)
	changed := v
	if err == nil {
		changed, err = s.Service.ChangePlan(r.Context(), s.by(r), v.Name, change)
	}
	if e.blame(err, planFields) {
		s.showPlanForm(w, r, http.StatusUnprocessableEntity, planForm{entry: e, Subscribers: v.Subscribers})
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.done(w, r, planList{Archived: v.ArchivedAt != nil}.Address(), "Plan "+changed.Name+" is changed.")
}

// Address is that of the list.
func (l planList) Address() string {
	if l.Archived {
		return "/plans?show=archived"
	}
	return "/plans"
}

// planChange asks for what the person changed.
func (s *server) planChange(e entry) (console.PlanChange, error) {
	c := console.PlanChange{
		Name: e.changed("name"), Rate: e.changed("rate"), OnExpiry: e.changed("on_expiry"), Pool: e.changed("pool"),
	}
	if e.Is("on_expiry", string(account.Garden)) {
		c.GardenRate = e.changed("garden_rate")
	}
	if e.changed("price") != nil {
		price := s.price(e)
		c.Price = &price
	}
	if e.changed("count") == nil && e.changed("unit") == nil {
		return c, nil
	}
	length, err := planDuration(e)
	c.Duration = &length
	return c, err
}

// planArchival is the question whether a plan is to be sold no more.
type planArchival struct {
	entry
	Plan console.PlanView
}

func (s *server) askPlanArchival(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.Plan(r.Context(), named(r, "name"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	q := planArchival{newEntry(v.Name, planPath(v.Name, "archive"), nil), v}
	s.show(w, r, http.StatusOK, "plan-archive", page{Title: "Archive " + v.Name, Nav: "plans", Data: q})
}

func (s *server) archivePlan(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.ArchivePlan(r.Context(), s.by(r), named(r, "name"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.done(w, r, "/plans", "Plan "+v.Name+" is archived.")
}
