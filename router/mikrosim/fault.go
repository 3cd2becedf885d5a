package mikrosim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FaultKind names a way in which a router fails.
type FaultKind string

// The faults. Those without another word about CoA leave it working.
const (
	// FaultNone clears the fault.
	FaultNone FaultKind = "none"
	// FaultRefuse closes the API ports and every API connection; CoA is silent.
	FaultRefuse FaultKind = "refuse"
	// FaultSilent accepts API connections and never answers; CoA is silent.
	FaultSilent FaultKind = "silent"
	// FaultDown is a router that cannot be reached: refuse, no RADIUS packets and no dialling.
	FaultDown FaultKind = "down"
	// FaultSlow waits Ms before every answer, CoA too.
	FaultSlow FaultKind = "slow"
	// FaultFull closes API connections without a word: the session limit is reached.
	FaultFull FaultKind = "full"
	// FaultDenyLogin refuses every API login.
	FaultDenyLogin FaultKind = "deny-login"
	// FaultDenyWrite refuses API commands that change something.
	FaultDenyWrite FaultKind = "deny-write"
	// FaultDrop executes the command, then closes the connection instead of answering. Without a Command it strikes only
	// commands that change something.
	FaultDrop FaultKind = "drop"
	// FaultReset executes the command and resets the connection in the middle of the answer.
	FaultReset FaultKind = "reset"
	// FaultFatal executes the command and ends the connection with !fatal and a bare word.
	FaultFatal FaultKind = "fatal"
	// FaultGarbage answers with a reserved length byte and closes the connection.
	FaultGarbage FaultKind = "garbage"
	// FaultHuge answers with the length of a word of 2 GiB, and nothing after it.
	FaultHuge FaultKind = "huge"
	// FaultFragment sends every byte of an answer by itself.
	FaultFragment FaultKind = "fragment"
	// FaultLoss loses every other UDP packet of each direction, beginning with the first.
	FaultLoss FaultKind = "loss"
	// FaultWrongSecret gives the router another secret for CoA and RADIUS.
	FaultWrongSecret FaultKind = "wrong-secret"
	// FaultAckOnly acknowledges CoA and Disconnect and does nothing.
	FaultAckOnly FaultKind = "ack-only"
	// FaultNAK refuses CoA and Disconnect with the Error-Cause of the fault, or with none if that is 0.
	FaultNAK FaultKind = "nak"
	// FaultBadAnswer answers CoA and Disconnect with a wrong authenticator.
	FaultBadAnswer FaultKind = "bad-answer"
)

var faultKinds = []FaultKind{
	FaultNone, FaultRefuse, FaultSilent, FaultDown, FaultSlow, FaultFull, FaultDenyLogin, FaultDenyWrite, FaultDrop, FaultReset,
	FaultFatal, FaultGarbage, FaultHuge, FaultFragment, FaultLoss, FaultWrongSecret, FaultAckOnly, FaultNAK, FaultBadAnswer,
}

// spoiling faults strike the answer of a command that was executed.
var spoiling = []FaultKind{FaultDrop, FaultReset, FaultFatal, FaultGarbage, FaultHuge, FaultFragment}

// Fault is what is wrong with a router. One fault is set at a time.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Ms is the delay of slow, in milliseconds.
	Ms int `json:"ms,omitempty"`
	// Command limits a fault of API answers to one command, as "add" or "/ppp/secret/add".
	Command string `json:"command,omitempty"`
	// Skip lets that many commands pass before the fault strikes for the first time; Times is how often it strikes before it
	// clears itself, 0 meaning until it is cleared.
	Skip  int `json:"skip,omitempty"`
	Times int `json:"times,omitempty"`
	// Cause is the Error-Cause of nak (RFC 5176 §3.5).
	Cause uint32 `json:"cause,omitempty"`
}

func (f Fault) closesPorts() bool { return f.Kind == FaultRefuse || f.Kind == FaultDown }

func (f Fault) mutesCoA() bool { return f.closesPorts() || f.Kind == FaultSilent }

func (f Fault) delay() time.Duration {
	if f.Kind != FaultSlow {
		return 0
	}
	return time.Duration(f.Ms) * time.Millisecond
}

// strikes reports whether the fault is for this command.
func (f Fault) strikes(req request) bool {
	switch f.Command {
	case "":
		return f.Kind != FaultDrop || writing[req.verb]
	default:
		return f.Command == req.verb || f.Command == req.path+"/"+req.verb
	}
}

// spoils returns the fault that strikes the answer of req, or none, and counts it. The router's lock is held.
func (r *Router) spoils(req request) FaultKind {
	f := &r.fault
	if !slices.Contains(spoiling, f.Kind) || !f.strikes(req) {
		return ""
	}
	if f.Skip > 0 {
		f.Skip--
		return ""
	}
	kind := f.Kind
	r.spend()
	return kind
}

// spend counts one strike of the current fault and clears it after the last. The router's lock is held.
func (r *Router) spend() {
	if r.fault.Times > 0 {
		if r.fault.Times--; r.fault.Times == 0 {
			r.fault = Fault{Kind: FaultNone}
		}
	}
}

// SetFault replaces the router's fault. When it returns, ports are closed or open as the fault says. An unknown kind is an
// error, and so is a port that another process took while it was closed.
func (r *Router) SetFault(f Fault) error {
	if f.Kind == "" {
		f.Kind = FaultNone
	}
	if !slices.Contains(faultKinds, f.Kind) {
		names := make([]string, len(faultKinds))
		for i, k := range faultKinds {
			names[i] = string(k)
		}
		return fmt.Errorf("unknown fault %q: use one of %s", f.Kind, strings.Join(names, ", "))
	}
	r.mu.Lock()
	wasDown := r.fault.Kind == FaultDown
	r.fault = f
	r.lossTurn = [paths]int{}
	if f.closesPorts() {
		r.plain.close()
		r.secure.close()
		r.closeConns()
	}
	if f.Kind == FaultFull {
		r.closeConns()
	}
	if wasDown && f.Kind != FaultDown {
		r.dialAll()
	}
	r.notify()
	r.mu.Unlock()
	if f.closesPorts() {
		return nil
	}
	if err := r.plain.open(context.Background(), 0); err != nil {
		return fmt.Errorf("router %s: %w", r.cfg.Name, err)
	}
	if err := r.secure.open(context.Background(), 0); err != nil {
		return fmt.Errorf("router %s: %w", r.cfg.Name, err)
	}
	return nil
}

// path is a way that UDP packets take.
type path int

const (
	radiusOut path = iota
	radiusIn
	coaIn
	coaOut
	paths
)

// loses reports whether the next UDP packet on its way is lost. The router's lock is held.
func (r *Router) loses(on path) bool {
	switch r.fault.Kind {
	case FaultDown:
		return true
	case FaultLoss:
		r.lossTurn[on]++
		return r.lossTurn[on]%2 == 1
	}
	return false
}
