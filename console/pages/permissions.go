package pages

import (
	"slices"
	"strings"

	"qserve/console"
)

// scopeWords says what each scope allows.
var scopeWords = map[console.Scope]string{
	console.ScopeRead:        "look at customers, payments, plans and routers",
	console.ScopeSubscribers: "add subscribers, and change, suspend, reconnect and extend their accounts",
	console.ScopePayments:    "enter, allocate, split and reverse payments",
	console.ScopeDelete:      "delete subscribers for good",
	console.ScopeSettings:    "keep plans and routers",
	console.ScopeAdmin:       "keep payment sources, staff and API tokens",
	console.ScopeAudit:       "read the audit log",
	console.ScopeOps:         "look at the queues and have waiting work tried now",
}

// roleWords says what a role may do, by its scopes, so that the words cannot promise anything else.
func roleWords(role console.Role) string {
	has := role.Scopes()
	lacks := slices.DeleteFunc(slices.Clone(console.Scopes), func(scope console.Scope) bool { return slices.Contains(has, scope) })
	switch {
	case len(has) == 0:
		return "Nothing."
	case len(lacks) == 0:
		return "Everything."
	case len(lacks) == 1:
		return "Everything, except to " + scopeWords[lacks[0]] + "."
	}
	var texts []string
	for _, scope := range has {
		texts = append(texts, scopeWords[scope])
	}
	text := strings.Join(texts, "; ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
