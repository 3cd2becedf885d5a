package console

import (
	"slices"
	"strings"
)

// Role is what a person is here for. What it may do is the same for pages and API: scopes.
type Role string

// The roles.
const (
	RoleOwner   Role = "owner"   // everything
	RoleManager Role = "manager" // everything but who may sign in, tokens and payment sources
	RoleSupport Role = "support" // customers and their payments
	RoleViewer  Role = "viewer"  // looks
	RoleOps     Role = "ops"     // looks, and keeps the queues going
)

// Roles lists all of them.
var Roles = []Role{RoleOwner, RoleManager, RoleSupport, RoleViewer, RoleOps}

// Scopes lists what a role may do; a role that is none may do nothing.
func (r Role) Scopes() []Scope {
	switch r {
	case RoleOwner:
		return slices.Clone(Scopes)
	case RoleManager:
		return slices.DeleteFunc(slices.Clone(Scopes), func(s Scope) bool { return s == ScopeAdmin })
	case RoleSupport:
		return []Scope{ScopeRead, ScopeSubscribers, ScopePayments}
	case RoleViewer:
		return []Scope{ScopeRead}
	case RoleOps:
		return []Scope{ScopeRead, ScopeOps}
	}
	return nil
}

func checkRole(text string) (Role, error) {
	if role := Role(text); slices.Contains(Roles, role) {
		return role, nil
	}
	return "", bad("role", "there is no role %q; the roles are %s", text, words(Roles))
}

// words lists names for a person.
func words[T ~string](names []T) string {
	var texts []string
	for _, name := range names {
		texts = append(texts, string(name))
	}
	return strings.Join(texts, ", ")
}
