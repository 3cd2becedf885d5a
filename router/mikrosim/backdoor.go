package mikrosim

import (
	"encoding/json"
	"net/http"
	"slices"
)

// maxBody bounds what the back door reads, in bytes.
const maxBody = 64 << 10

// Backdoor serves the simulators over HTTP, for tests and demonstrations of the product as a whole:
//
//	GET  /routers                          {"items": [{name, identity, version, api, api_tls, coa}]}
//	GET  /routers/{name}                   State
//	POST /routers/{name}/fault             Fault, {"kind": "none"} clears
//	POST /routers/{name}/reboot
//	POST /routers/{name}/customers/{user}  {"password": "…", "dial": true}
//
// Without a password a customer keeps the one it has, without dial it dials. Answers are JSON, errors {"error": "…"}. There
// is no authentication and passwords are shown: serve it on loopback only.
func Backdoor(routers func() []*Router) http.Handler {
	mux := http.NewServeMux()
	one := func(handle func(w http.ResponseWriter, req *http.Request, r *Router)) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			all := routers()
			i := slices.IndexFunc(all, func(r *Router) bool { return r.cfg.Name == req.PathValue("name") })
			if i < 0 {
				refuse(w, http.StatusNotFound, "no router of that name")
				return
			}
			handle(w, req, all[i])
		}
	}
	mux.HandleFunc("GET /routers", func(w http.ResponseWriter, _ *http.Request) {
		items := []Info{}
		for _, r := range routers() {
			items = append(items, r.info())
		}
		respond(w, http.StatusOK, map[string][]Info{"items": items})
	})
	mux.HandleFunc("GET /routers/{name}", one(func(w http.ResponseWriter, _ *http.Request, r *Router) {
		respond(w, http.StatusOK, r.State())
	}))
	mux.HandleFunc("POST /routers/{name}/fault", one(func(w http.ResponseWriter, req *http.Request, r *Router) {
		var f Fault
		if !read(w, req, &f) {
			return
		}
		if err := r.SetFault(f); err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		respond(w, http.StatusOK, f)
	}))
	mux.HandleFunc("POST /routers/{name}/reboot", one(func(w http.ResponseWriter, _ *http.Request, r *Router) {
		r.Reboot()
		respond(w, http.StatusOK, r.info())
	}))
	mux.HandleFunc("POST /routers/{name}/customers/{user}", one(func(w http.ResponseWriter, req *http.Request, r *Router) {
		box := struct {
			Password *string `json:"password"`
			Dial     *bool   `json:"dial"`
		}{}
		if !read(w, req, &box) {
			return
		}
		user := req.PathValue("user")
		if box.Password == nil {
			box.Password = new(r.customerPassword(user))
		}
		dial := box.Dial == nil || *box.Dial
		r.SetCustomer(user, *box.Password, dial)
		respond(w, http.StatusOK, Customer{Name: user, Dial: dial})
	}))
	return mux
}

func (r *Router) customerPassword(user string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.customers[user]; c != nil {
		return c.password
	}
	return ""
}

// read takes the JSON body of a request, or answers what is wrong with it.
func read(w http.ResponseWriter, req *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, req.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, "body: "+err.Error())
		return false
	}
	return true
}

func refuse(w http.ResponseWriter, status int, why string) {
	respond(w, status, map[string]string{"error": why})
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}
