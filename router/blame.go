package router

import (
	"errors"
	"fmt"
	"strings"

	"qserve/router/routeros"
)

// The contradictions that a person may have to resolve; errors.Is finds them in an [*Error].
var (
	// ErrForeign: an item of the needed name exists that Qserve did not make, and therefore does not touch.
	ErrForeign = errors.New("without Qserve's marker exists on the router")
	// ErrNotConfirmed: the router accepted the change, and then did not show it.
	ErrNotConfirmed = errors.New("the router accepted it and does not show it")
	// ErrRejected: the router answered a CoA or Disconnect with a NAK that leaves no other way.
	ErrRejected = errors.New("the router rejected it")
	// ErrBadWant: what is wanted makes no sense on any router, for example an enabled line without a password.
	ErrBadWant = errors.New("cannot be put on a router")
	// ErrNoList: the router has no API, so what it runs is known by accounting only.
	ErrNoList = errors.New("the router has no API to list its sessions; accounting is the list")
	// ErrSetup: the router's settings in Qserve do not fit together.
	ErrSetup = errors.New("the router is not fully set up")
)

// fail says whether err is about the router or about the one user: a refusal of one change is about the user, unless
// it shows that the router will refuse every other one as well. No error stays no error.
func (t Target) fail(username, doing string, err error) error {
	var (
		already *Error
		trap    *routeros.Trap
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &already):
		return err
	case errors.Is(err, routeros.ErrDenied):
		err = fmt.Errorf("%w; give the group of the API user the policies: /user/group/set [find name=GROUP] "+
			"policy=read,write,api", err)
	case errors.Is(err, routeros.ErrLogin), errors.Is(err, routeros.ErrUnsupported):
	case errors.As(err, &trap), errors.Is(err, routeros.ErrUnsafe),
		errors.Is(err, ErrForeign), errors.Is(err, ErrNotConfirmed), errors.Is(err, ErrRejected), errors.Is(err, ErrBadWant):
		return &Error{Router: t.Name, Username: username, Scope: OneUser, Doing: doing, Err: err}
	}
	return &Error{Router: t.Name, Scope: WholeRouter, Doing: doing, Err: err}
}

// quoted is a name as one types it into RouterOS' terminal.
func quoted(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(name) + `"`
}

// isWhole reports whether err says that the router as a whole is of no use now.
func isWhole(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Scope == WholeRouter
}
