package api_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"qserve/console"
	"qserve/console/api"
	"qserve/internal/clock"
)

// schema is a JSON Schema, as far as these tests look.
type schema struct {
	Ref         string             `json:"$ref"`
	Type        any                `json:"type"`
	Description string             `json:"description"`
	Examples    []any              `json:"examples"`
	Enum        []any              `json:"enum"`
	Properties  map[string]*schema `json:"properties"`
	Items       *schema            `json:"items"`
	AnyOf       []*schema          `json:"anyOf"`
}

type described struct {
	Description string
	Content     map[string]struct{ Schema schema }
	Headers     map[string]struct{ Description string }
}

type operation struct {
	OperationID, Summary, Description string
	Tags                              []string
	Security                          []map[string][]string
	Parameters                        []struct {
		Name, In, Description string
		Example               any
		Schema                schema
	}
	Responses map[string]described
}

type document struct {
	OpenAPI    string
	Servers    []struct{ URL string }
	Tags       []struct{ Name string }
	Paths      map[string]map[string]operation
	Components struct {
		Schemas         map[string]*schema
		SecuritySchemes map[string]struct{ Type, Scheme string }
	}
}

// openapi returns the document, which needs no database.
func openapi(t *testing.T) document {
	t.Helper()
	handler, err := api.New(api.Config{
		Service: console.New(console.Config{Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)}), Stop: make(chan struct{}), Version: "test",
		Address: func(*http.Request) string { return "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", nil))
	var d document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
	}
	return d
}

func TestDocument_ListsEveryOperationOfTheDesign(t *testing.T) {
	t.Parallel()
	d := openapi(t)
	var got []string
	for path, item := range d.Paths {
		for method := range item {
			got = append(got, strings.ToUpper(method)+" "+path)
		}
	}
	for want := range strings.Lines(`GET /subscribers
POST /subscribers
GET /subscribers/{id}
PATCH /subscribers/{id}
DELETE /subscribers/{id}
POST /subscribers/{id}/change-package
DELETE /subscribers/{id}/change-package
POST /subscribers/{id}/suspend
POST /subscribers/{id}/reconnect
POST /subscribers/{id}/extend
POST /subscribers/{id}/undo
POST /subscribers/{id}/notes
GET /subscribers/{id}/activity
GET /subscribers/{id}/payments
GET /subscribers/{id}/invoices
GET /subscribers/{id}/ledger
GET /subscribers/{id}/timeline
GET /actions/{id}
GET /actions/{id}/events
GET /payments
POST /payments
GET /payments/{id}
GET /payments/{id}/receipt
POST /payments/{id}/allocate
POST /payments/{id}/unallocate
POST /payments/{id}/reverse
POST /payments/{id}/split
GET /payments/{id}/suggestions
GET /plans
POST /plans
GET /plans/{name}
PATCH /plans/{name}
DELETE /plans/{name}
GET /routers
POST /routers
GET /routers/{name}
PATCH /routers/{name}
DELETE /routers/{name}
POST /routers/{name}/check
POST /routers/{name}/retry
GET /sources
POST /sources
GET /sources/{name}
PATCH /sources/{name}
DELETE /sources/{name}
POST /sources/{name}/rotate
GET /audit
GET /tokens
POST /tokens
DELETE /tokens/{name}
GET /staff
POST /staff
GET /staff/{login}
PATCH /staff/{login}
DELETE /staff/{login}`) {
		if !slices.Contains(got, strings.TrimSpace(want)) {
			t.Errorf("there is no %s", want)
		}
	}
	if d.OpenAPI != "3.1.0" || len(d.Servers) != 1 || d.Servers[0].URL != "/api/v1" || d.Components.SecuritySchemes["bearer"].Scheme != "bearer" {
		t.Errorf("OpenAPI %s, servers %v, security %v", d.OpenAPI, d.Servers, d.Components.SecuritySchemes)
	}
}

func TestEveryOperation_SaysWhatItDoesWhatItNeedsAndHowItFails(t *testing.T) {
	t.Parallel()
	d := openapi(t)
	for path, item := range d.Paths {
		for method, op := range item {
			at := strings.ToUpper(method) + " " + path
			if op.OperationID == "" || op.Summary == "" || op.Description == "" || len(op.Tags) != 1 {
				t.Errorf("%s: id %q, summary %q, description %q, tags %v", at, op.OperationID, op.Summary, op.Description, op.Tags)
			}
			if len(op.Security) == 0 || len(op.Security[0]["bearer"]) != 1 {
				t.Errorf("%s: security %v", at, op.Security)
			}
			keyed := false
			for _, p := range op.Parameters {
				if keyed = keyed || p.Name == "Idempotency-Key"; p.Example == nil && len(p.Schema.Examples) == 0 && len(p.Schema.Enum) == 0 {
					t.Errorf("%s: parameter %s has no example", at, p.Name)
				}
			}
			if keyed == (method == "get") {
				t.Errorf("%s: an Idempotency-Key is possible: %v", at, keyed)
			}
			fails(t, at, method, op)
		}
	}
}

func fails(t *testing.T, at, method string, op operation) {
	t.Helper()
	expected := []string{"401", "403", "422", "429", "500", "503"}
	if method != "get" {
		expected = append(expected, "400", "409", "413", "415")
	}
	for _, status := range expected {
		if _, ok := op.Responses[status]; !ok {
			t.Errorf("%s: %s is not described", at, status)
		}
	}
	for status, response := range op.Responses {
		if response.Description == "" {
			t.Errorf("%s: the answer %s has no description", at, status)
		}
		if _, ok := response.Content["application/problem+json"]; !ok && status >= "400" {
			t.Errorf("%s: the answer %s is no problem: %v", at, status, response.Content)
		}
	}
}

func TestEveryField_HasAnExampleOrSaysWhatItIs(t *testing.T) {
	t.Parallel()
	d := openapi(t)
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		for field, of := range d.Components.Schemas[name].Properties {
			if of.Ref == "" && of.Description == "" && len(of.Examples) == 0 && len(of.Enum) == 0 && of.AnyOf == nil && of.Items == nil {
				t.Errorf("%s.%s has neither", name, field)
			}
			if list, nullable := of.Type.([]any); nullable && slices.Contains(list, "array") {
				t.Errorf("%s.%s may be null; an empty list is []", name, field)
			}
		}
	}
}
