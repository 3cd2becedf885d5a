package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

// scheme is the name of the security scheme in the OpenAPI document.
const scheme = "bearer"

// needs is the security of an operation: one of the scopes is enough. It is what authenticate goes by, so the document
// cannot say otherwise.
func needs(scopes ...console.Scope) []map[string][]string {
	var any []map[string][]string
	for _, scope := range scopes {
		any = append(any, map[string][]string{scheme: {string(scope)}})
	}
	return any
}

// authenticate lets a request through whose bearer token (RFC 6750) has a scope that its operation needs.
func (s *server) authenticate(ctx huma.Context, next func(huma.Context)) {
	caller, err := s.caller(ctx.Context(), ctx.Header("Authorization"))
	if err != nil {
		s.fail(ctx, err)
		return
	}
	callOf(ctx.Context()).caller = caller
	var wanted []console.Scope
	for _, alternative := range ctx.Operation().Security {
		for _, scope := range alternative[scheme] {
			wanted = append(wanted, console.Scope(scope))
		}
	}
	if !caller.May(wanted...) {
		s.fail(ctx, forbidden(wanted[0], fmt.Sprintf("token %s has no scope %s", caller.Name, list(wanted))))
		return
	}
	next(ctx)
}

// caller returns who presented the token of an Authorization header.
func (s *server) caller(ctx context.Context, header string) (console.Caller, error) {
	kind, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(kind, "Bearer") || token == "" {
		return console.Caller{}, unauthorized("send a token: Authorization: Bearer qs_…", "")
	}
	caller, err := s.Service.Authenticate(ctx, strings.TrimSpace(token))
	if refused, ok := errors.AsType[*console.TokenError](err); ok {
		return console.Caller{}, unauthorized(refused.Problem, `, error="invalid_token", error_description="`+refused.Problem+`"`)
	}
	if err != nil {
		return console.Caller{}, s.problem(ctx, err, "")
	}
	return caller, nil
}

func unauthorized(text, parameters string) error {
	return huma.ErrorWithHeaders(huma.Error401Unauthorized(text), http.Header{
		"Www-Authenticate": {`Bearer realm="qserve"` + parameters},
	})
}

// forbidden names the missing scope where a client can read it too (RFC 6750 §3.1).
func forbidden(scope console.Scope, text string) error {
	return huma.ErrorWithHeaders(huma.Error403Forbidden(text), http.Header{
		"Www-Authenticate": {fmt.Sprintf(`Bearer realm="qserve", error="insufficient_scope", scope="%s"`, scope)},
	})
}

// list writes scopes for a person: "read, subscribers or payments".
func list(scopes []console.Scope) string {
	var names []string
	for _, scope := range scopes {
		names = append(names, string(scope))
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(slices.Clone(names[:last]), ", ") + " or " + names[last]
}
