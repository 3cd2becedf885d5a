package routeros

import (
	"errors"
	"strings"
)

// The refusals that a caller can act on; errors.Is finds them in a [*Trap].
var (
	ErrNoSuchItem    = errors.New("no such item")
	ErrAlreadyExists = errors.New("an item of that name already exists")
	// ErrDenied: the API user's group lacks a policy; its group needs read, write and api.
	ErrDenied = errors.New("the router user may not do that")
	// ErrLogin: the router refused the log-in, which a person has to put right.
	ErrLogin = errors.New("the router refused the log-in")
	// ErrUnsupported: this version, or this licence, has no such menu, command or property.
	ErrUnsupported = errors.New("the router does not know that command")
	// ErrValue: the router refuses a value, for example a profile or a pool that it does not have.
	ErrValue = errors.New("the router refuses the value")
	// ErrDynamic: the item belongs to the router itself and cannot be changed.
	ErrDynamic = errors.New("the item is dynamic")
)

// Trap is the router's refusal of one command. The connection stays usable.
type Trap struct {
	Command string // for example /ppp/secret/add
	Message string // the router's own words
	// Category is the router's number for the kind of refusal (RouterOS manual, "API", 0…7), often empty.
	Category string
}

func (t *Trap) Error() string { return t.Message }

// Is reports whether target is what this refusal amounts to.
func (t *Trap) Is(target error) bool {
	kind := classify(t.Message)
	return kind != nil && target == kind
}

// classify goes by the beginning of the message, because versions differ in the code that follows it ("no such item
// (4)") and many traps carry no category.
func classify(message string) error {
	text := strings.ToLower(message)
	for _, known := range []struct {
		prefix string
		kind   error
	}{
		{"no such item", ErrNoSuchItem},
		{"not enough permissions", ErrDenied},
		{"failure: already have", ErrAlreadyExists},
		{"invalid user name or password", ErrLogin},
		{"cannot log in", ErrLogin},
		{"could not authenticate", ErrLogin},
		{"not logged in", ErrLogin},
		{"no such command", ErrUnsupported},
		{"unknown parameter", ErrUnsupported},
		{"expected end of command", ErrUnsupported},
		{"invalid value", ErrValue},
		{"input does not match", ErrValue},
		{"ambiguous value", ErrValue},
		{"value of", ErrValue},
		{"failure: can not change dynamic", ErrDynamic},
		{"failure: cannot change dynamic", ErrDynamic},
	} {
		if strings.HasPrefix(text, known.prefix) {
			return known.kind
		}
	}
	if strings.HasPrefix(text, "failure: ") && strings.Contains(text, "with the same name already exists") {
		return ErrAlreadyExists
	}
	return nil
}
