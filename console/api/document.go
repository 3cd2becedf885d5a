package api

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

const introduction = `Runs the subscriber accounts of an internet provider whose customers dial PPPoE into MikroTik routers.

**Commands.** A command on an account is answered 202 with an action: it is stored, and will be carried out. Follow it at the
address in Location until its state is confirmed (every router concerned was seen to hold the result) or refused (with the reason).

**Repeating a request.** Send an Idempotency-Key with every POST, PATCH and DELETE. When no answer came, send the same
request with the same key: it is carried out once, and answered as the first time (Idempotency-Replayed: true). An answer is
kept for two days. A key belongs to one request for ever; a UUID makes a good one. Answers 401, 403, 429 and 5xx are not kept:
the same key may be used to try again.

**Editing.** The ETag of a subscriber is made of its revision, which grows with every edit. Send it back as If-Match with a PATCH, and
the edit is refused with 412 when somebody else was faster. The tag is weak: balance, connection and status change without an
edit. If-Match compares it all the same, because the edit is what must not be lost.

**Tokens.** Every request carries a bearer token with a scope that the operation needs; each operation names it. A token may send
so many requests a second, and twice as many in a burst.

**Words.** Money is decimal text with its ISO 4217 currency; times are RFC 3339, in UTC. Lists come in pages: pass next as page to go on.
Errors are problem details (RFC 9457), and errors[].location names the field that has to change.`

// description is the OpenAPI document before its operations, with what the API needs of huma. Nothing of it fetches
// anything from elsewhere: huma's own page for people would, and is left out.
func description(version string) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Qserve staff API", Version: version, Description: introduction},
			Servers: []*huma.Server{{URL: Prefix, Description: "This Qserve"}},
			Tags: []*huma.Tag{
				{Name: tagSubscribers, Description: "Find customers, add, edit and delete them."},
				{Name: tagCommands, Description: "What staff do with an account. Every command becomes an action."},
				{Name: tagHistory, Description: "What happened to an account, and its money line by line."},
				{Name: tagActions, Description: "How far a command has come."},
				{Name: tagPayments, Description: "Money from providers and from the till."},
				{Name: tagPlans, Description: "What is sold."},
				{Name: tagRouters, Description: "The MikroTik routers."},
				{Name: tagSources, Description: "Where payments come from: the webhook addresses that are given to payment providers."},
				{Name: tagAdmin, Description: "The audit log, who may sign in to the console, and who may use this API."},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					scheme: {
						Type: "http", Scheme: "bearer",
						Description: "A token from `qserve token make`. Its scopes: read (look at everything but the audit log), subscribers (add " +
							"subscribers and give commands), payments (enter, allocate, split and reverse payments), delete (delete a subscriber for " +
							"good), settings (plans, routers), admin (payment sources, staff, tokens), audit, ops (queues, retry now).",
					},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		// A misspelt ?preview=true must not become a command.
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{conceal},
	}
}

// The tags.
const (
	tagSubscribers = "Subscribers"
	tagCommands    = "Commands"
	tagHistory     = "History"
	tagActions     = "Actions"
	tagPayments    = "Payments"
	tagPlans       = "Plans"
	tagRouters     = "Routers"
	tagSources     = "Payment sources"
	tagAdmin       = "Administration"
)

// schemaName names a type in the document: without the endings that tell Go's types apart, and a page after its items.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	if name == "ErrorModel" {
		return "Problem"
	}
	if items, ok := strings.CutPrefix(name, "Page"); ok && items != "" {
		name = items + "Page"
	}
	for _, ending := range []string{"View", "Body"} {
		name = strings.ReplaceAll(name, ending, "")
	}
	return name
}

// operation describes one operation; the errors that every operation has are added here.
func operation(tag, method, path, id, summary, text string, scopes ...console.Scope) huma.Operation {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: text, Tags: []string{tag},
		Security: needs(scopes...), Metadata: map[string]any{}, MaxBodyBytes: maxBody,
		// receive has read the body by then; a deadline of huma's would end the request's context while it is carried out.
		BodyReadTimeout: -1,
		Errors: []int{
			http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
			http.StatusInternalServerError, http.StatusServiceUnavailable,
		},
	}
	if strings.Contains(path, "{") {
		op.Errors = append(op.Errors, http.StatusNotFound)
	}
	if method != http.MethodGet {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	slices.Sort(op.Errors)
	return op
}

// The parameters that several operations have are types with exported names, because huma looks at no others.

// Keyed is the header that makes a request repeatable; once acts on it.
type Keyed struct {
	Key string `header:"Idempotency-Key" minLength:"1" maxLength:"200" example:"0f9d1f52-6c1e-4a52-9a44-5d6c1f0f3f5b" doc:"Names this request, so that it can be repeated without being carried out twice. A UUID, for example."`
}

// Paged are the query parameters of every long list.
type Paged struct {
	Page  string `query:"page" maxLength:"500" example:"eyJpZCI6NDJ9" doc:"Where to go on: next of the page before. Without it the list begins."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" example:"50" doc:"How many items at most."`
}

// page is the answer to a list.
type page[T any] struct{ Body console.Page[T] }

// listed makes an answer of a page. A list without items is an empty list and not null.
func listed[T any](p console.Page[T]) *page[T] {
	if p.Items == nil {
		p.Items = []T{}
	}
	return &page[T]{p}
}

// whole is the page of a list that comes in one.
func whole[T any](items []T) *page[T] { return listed(console.Page[T]{Items: items}) }

// finish completes the document with what Go's types do not say.
func finish(document *huma.OpenAPI) *huma.OpenAPI {
	for name, schema := range document.Components.Schemas.Map() {
		for property, of := range schema.Properties {
			schema.Properties[property] = refine(name, property, of)
		}
	}
	for _, item := range document.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch, item.Delete} {
			if op != nil {
				headers(op)
			}
		}
	}
	return document
}

// nullable are the properties that hold an object or null; huma has no tag for it.
var nullable = map[string][]string{"Subscriber": {"suspension"}, "EnteredPayment": {"action"}}

func refine(of, property string, schema *huma.Schema) *huma.Schema {
	if slices.Contains(nullable[of], property) {
		return &huma.Schema{Description: cmp.Or(schema.Description, "Null when there is none."), AnyOf: []*huma.Schema{schema, {Type: "null"}}}
	}
	if schema.Type == huma.TypeArray {
		schema.Nullable = false
	}
	if schema.Format == "date-time" && len(schema.Examples) == 0 {
		schema.Examples = []any{"2026-12-04T15:00:00Z"}
	}
	return schema
}

// headers describes the headers of the answers that every operation has.
func headers(op *huma.Operation) {
	for status, header := range map[int]struct{ name, text, example string }{
		http.StatusUnauthorized:       {"WWW-Authenticate", "What is wrong with the token (RFC 6750).", `Bearer realm="qserve", error="invalid_token"`},
		http.StatusForbidden:          {"WWW-Authenticate", "The scope that is missing (RFC 6750).", `Bearer realm="qserve", error="insufficient_scope", scope="payments"`},
		http.StatusTooManyRequests:    {"Retry-After", "Seconds to wait.", "1"},
		http.StatusServiceUnavailable: {"Retry-After", "Seconds to wait.", "5"},
	} {
		if response := op.Responses[strconv.Itoa(status)]; response != nil {
			response.Headers = map[string]*huma.Param{
				header.name: {Description: header.text, Schema: &huma.Schema{Type: huma.TypeString, Examples: []any{header.example}}},
			}
		}
	}
}

// response describes an answer that is not the only one of its operation.
func response[T any](s *server, text string) *huma.Response {
	return &huma.Response{Description: text, Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf[T](s)}}}
}

func schemaOf[T any](s *server) *huma.Schema {
	return s.document.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}
