package mikrosim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qserve/router/mikrosim"
)

// call asks the back door and returns status and body.
func call(t *testing.T, door *httptest.Server, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, door.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := door.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(got)
}

func TestBackdoor_ShowsBreaksAndPlugsIn(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{Name: "tower", Identity: "tower-1", Host: "127.0.0.33"})
	door := httptest.NewServer(mikrosim.Backdoor(func() []*mikrosim.Router { return []*mikrosim.Router{r} }))
	t.Cleanup(door.Close)
	t.Cleanup(door.Client().CloseIdleConnections)
	run(t, dial(t, r), "/ppp/secret/add", "=name=joe", "=password=pw")

	status, body := call(t, door, http.MethodGet, "/routers", "")
	want := `{"items":[{"name":"tower","identity":"tower-1","version":"7.16","api":"` + r.APIAddr() + `","api_tls":"` + r.APITLSAddr() +
		`","coa":"` + r.CoAAddr() + `"}]}` + "\n"
	if status != http.StatusOK || body != want {
		t.Errorf("routers: %d %s", status, cmp.Diff(want, body))
	}
	if status, body := call(t, door, http.MethodPost, "/routers/tower/customers/joe", `{"password":"pw","dial":true}`); status != http.StatusOK {
		t.Errorf("customer: %d %s", status, body)
	}
	first := online(t, r, "joe", "")
	if status, body := call(t, door, http.MethodPost, "/routers/tower/reboot", ""); status != http.StatusOK {
		t.Errorf("reboot: %d %s", status, body)
	}
	second := online(t, r, "joe", first.SessionID)
	call(t, door, http.MethodPost, "/routers/tower/customers/joe", `{"dial":false}`)
	call(t, door, http.MethodPost, "/routers/tower/customers/joe", `{}`) // keeps the password, dials
	online(t, r, "joe", second.SessionID)
	if status, body := call(t, door, http.MethodPost, "/routers/tower/fault", `{"kind":"slow","ms":5}`); status != http.StatusOK {
		t.Errorf("fault: %d %s", status, body)
	}

	var st mikrosim.State
	_, body = call(t, door, http.MethodGet, "/routers/tower", "")
	must(t, json.Unmarshal([]byte(body), &st))
	if st.Fault != (mikrosim.Fault{Kind: mikrosim.FaultSlow, Ms: 5}) || st.Secrets[0].Password != "pw" || st.Boot != 2 || len(st.Active) != 1 {
		t.Errorf("state %s", body)
	}
	for path, body := range map[string]string{
		"/routers/tower/fault": `{"kind":"tired"}`, "/routers/tower/customers/joe": `{"pasword":"x"}`,
	} {
		if status, answer := call(t, door, http.MethodPost, path, body); status != http.StatusBadRequest || !strings.HasPrefix(answer, `{"error":`) {
			t.Errorf("%s: %d %s, want 400 and why", path, status, answer)
		}
	}
	if status, _ := call(t, door, http.MethodGet, "/routers/none", ""); status != http.StatusNotFound {
		t.Errorf("unknown router: %d", status)
	}
}
