package pages

import (
	"net/http"
	"net/url"
	"strconv"

	"qserve/console"
)

// routerFields are those of the form of a router.
var routerFields = []string{
	"name", "mode", "api_address", "api_user", "api_password", "api_plain", "api_pin", "api_ca", "radius_secret", "nas_address",
	"coa_address", "coa_message_authenticator", "coa_event_timestamp", "local_address", "pool", "interim_seconds",
}

// routerForm is the form of a router. Its secrets are written and never shown.
type routerForm struct {
	entry
	APIPasswordSet, RadiusSecretSet bool
}

func (s *server) askNewRouter(w http.ResponseWriter, r *http.Request) {
	values := url.Values{"mode": {"radius"}, "interim_seconds": {"300"}}
	s.showRouterForm(w, r, http.StatusOK, routerForm{entry: newEntry("", "/routers/new", values)})
}

func (s *server) showRouterForm(w http.ResponseWriter, r *http.Request, status int, f routerForm) {
	title := "New router"
	if f.Name != "" {
		title = "Change " + f.Name
	}
	s.show(w, r, status, "router-form", page{Title: title, Nav: "routers", Data: f})
}

func (s *server) addRouter(w http.ResponseWriter, r *http.Request) {
	e, err := sentEntry(r, "", "/routers/new")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	interim, err := e.wholeNumber("interim_seconds")
	var v console.RouterView
	if err == nil {
		v, err = s.Service.AddRouter(r.Context(), s.by(r), console.NewRouter{
			Name: e.Value("name"), Mode: e.Value("mode"), APIAddress: e.Value("api_address"), APIUser: e.Value("api_user"),
			APIPassword: e.Value("api_password"), APIPlain: e.Is("api_plain", "on"), APIPin: e.Value("api_pin"), APICA: e.Value("api_ca"),
			RadiusSecret: e.Value("radius_secret"), NASAddress: e.Value("nas_address"), CoAAddress: e.Value("coa_address"),
			CoAMessageAuthenticator: e.Is("coa_message_authenticator", "on"), CoAEventTimestamp: e.Is("coa_event_timestamp", "on"),
			LocalAddress: e.Value("local_address"), Pool: e.Value("pool"), InterimSeconds: interim,
		})
	}
	if e.blame(err, routerFields) {
		s.showRouterForm(w, r, http.StatusUnprocessableEntity, routerForm{entry: e})
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.done(w, r, routerPath(v.Name), "Router "+v.Name+" is added. Set it up as the page below says, then check it.")
}

func (s *server) askRouter(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.Router(r.Context(), named(r, "name"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.showRouterForm(w, r, http.StatusOK, formOf(v, newEntry(v.Name, routerPath(v.Name)+"/change", routerValues(v))))
}

func formOf(v console.RouterView, e entry) routerForm {
	return routerForm{entry: e, APIPasswordSet: v.APIPasswordSet, RadiusSecretSet: v.RadiusSecretSet}
}

func routerValues(v console.RouterView) url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"name": v.Name, "mode": v.Mode, "api_address": v.APIAddress, "api_user": v.APIUser, "api_plain": box(v.APIPlain),
		"api_pin": v.APIPin, "api_ca": v.APICA, "nas_address": v.NASAddress, "coa_address": v.CoAAddress,
		"coa_message_authenticator": box(v.CoAMessageAuthenticator), "coa_event_timestamp": box(v.CoAEventTimestamp),
		"local_address": v.LocalAddress, "pool": v.Pool, "interim_seconds": strconv.Itoa(v.InterimSeconds),
	} {
		values.Set(name, value)
	}
	return values
}

func (s *server) changeRouter(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.Router(r.Context(), named(r, "name"))
	var e entry
	if err == nil {
		e, err = sentEntry(r, v.Name, routerPath(v.Name)+"/change")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	change, err := routerChange(e)
	changed := v
	if err == nil {
		changed, err = s.Service.ChangeRouter(r.Context(), s.by(r), v.Name, change)
	}
	if e.blame(err, routerFields) {
		s.showRouterForm(w, r, http.StatusUnprocessableEntity, formOf(v, e))
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.done(w, r, routerPath(changed.Name), "Router "+changed.Name+" is changed.")
}

// routerChange asks for what the person changed. An empty secret stays as it is.
func routerChange(e entry) (console.RouterChange, error) {
	c := console.RouterChange{
		Name: e.changed("name"), Mode: e.changed("mode"), APIAddress: e.changed("api_address"), APIUser: e.changed("api_user"),
		APIPlain: e.ticked("api_plain"), APIPin: e.changed("api_pin"), APICA: e.changed("api_ca"), NASAddress: e.changed("nas_address"),
		CoAAddress: e.changed("coa_address"), CoAMessageAuthenticator: e.ticked("coa_message_authenticator"),
		CoAEventTimestamp: e.ticked("coa_event_timestamp"), LocalAddress: e.changed("local_address"), Pool: e.changed("pool"),
	}
	for name, to := range map[string]**string{"api_password": &c.APIPassword, "radius_secret": &c.RadiusSecret} {
		if secret := e.Value(name); secret != "" {
			*to = &secret
		}
	}
	if e.changed("interim_seconds") == nil {
		return c, nil
	}
	seconds, err := e.wholeNumber("interim_seconds")
	c.InterimSeconds = &seconds
	return c, err
}
