package router

import (
	"context"
	"errors"
	"fmt"

	"qserve/account"
	"qserve/router/routeros"
)

// local drives a router whose credentials are its own PPP secrets.
//
// What a PPP profile says of rate and address list holds from the next dial on, so a change of either ends the session,
// and the customer's box dials again. A customer with a fixed address needs no such cut: Qserve keeps the rate in a
// simple queue for the address, and the garden in an address-list entry, and both change while the session runs.
type local struct {
	device
	profiles map[string]bool // those that were seen to be right on this connection
}

// Sessions implements Driver.
func (l *local) Sessions(ctx context.Context, username string) ([]Session, error) {
	return l.sessions(ctx, username)
}

// Converge implements Driver. The usual change, of a secret that exists and a user who is not online, takes four
// commands: read, set, read back, look for sessions.
func (l *local) Converge(ctx context.Context, w Want) error {
	w, err := w.checked()
	if err == nil && w.Line.State == account.LineEnabled && w.Password == "" {
		err = fmt.Errorf("%w: an enabled secret needs a password", ErrBadWant)
	}
	if err != nil {
		return l.target.fail(w.Username, "look at the wanted line", err)
	}
	secret, err := l.ownSecret(ctx, w.Username)
	if err != nil {
		return l.target.fail(w.Username, "read PPP secret", err)
	}
	switch w.Line.State {
	case account.LineEnabled:
		return l.enable(ctx, w, secret)
	case account.LineDisabled:
		return l.disable(ctx, w, secret)
	default:
		return l.remove(ctx, w, secret)
	}
}

func (l *local) enable(ctx context.Context, w Want, secret routeros.Row) error {
	fixed := w.Line.Address != ""
	// No session may run on the profile without a rate while its queue is not there, and no queue may limit an address
	// that has become somebody else's.
	if fixed {
		if err := l.announceQueue(ctx, w, secret); err != nil {
			return l.target.fail(w.Username, "write PPP secret", err)
		}
		if err := l.putQueue(ctx, w); err != nil {
			return l.target.fail(w.Username, "write simple queue", err)
		}
	} else if mayHaveQueue(secret) {
		if err := l.release(ctx, w); err != nil {
			return l.target.fail(w.Username, "remove simple queue", err)
		}
	}
	if err := l.store(ctx, w, secret); err != nil {
		return l.target.fail(w.Username, "write PPP secret", err)
	}
	// A session that was dialled with a fixed address never gets a dynamic queue to wait for.
	queued := !fixed && (secret == nil || !mayHaveQueue(secret))
	if err := l.refit(ctx, w, queued); err != nil {
		return l.target.fail(w.Username, "change the session", err)
	}
	if !fixed {
		return nil
	}
	return l.target.fail(w.Username, "write address list", l.enlist(ctx, w))
}

// announceQueue gives a secret its fixed address before there is a queue for it: it is by the address that a queue is
// looked for later, also after an attempt that ended in between.
func (l *local) announceQueue(ctx context.Context, w Want, secret routeros.Row) error {
	if mayHaveQueue(secret) {
		return nil
	}
	secret["remote-address"] = w.Line.Address
	return l.conn.Set(ctx, secretMenu, secret.ID(), map[string]string{"remote-address": w.Line.Address})
}

// mayHaveQueue reports whether a secret is, or may have been, that of a customer with a fixed address.
func mayHaveQueue(secret routeros.Row) bool {
	return secret == nil || secret["remote-address"] != "" || secret["profile"] == fixedProfile
}

// refit ends the sessions that do not fit: RouterOS does not change a running session for its secret, so those have to
// dial again.
func (l *local) refit(ctx context.Context, w Want, queued bool) error {
	sessions, err := l.rated(ctx, w.Username, queued)
	if err != nil {
		return err
	}
	var redial []listed
	for _, s := range sessions {
		fits, err := l.fits(ctx, w, s)
		if err != nil {
			return err
		}
		if !fits {
			redial = append(redial, s)
		}
	}
	if len(redial) == 0 {
		return nil
	}
	return l.end(ctx, w.Username, these(redial))
}

// fits reports whether a session may go on as it is.
func (l *local) fits(ctx context.Context, w Want, s listed) (bool, error) {
	switch fixed := w.Line.Address != ""; {
	case s.Radius, !s.addressFits(w.Line):
		return false, nil
	case fixed:
		// One with a dynamic queue was dialled with another profile, whose rate and list it has as well.
		return s.Rate == "", nil
	case !s.rateFits(w.Line):
		return false, nil
	}
	g, err := l.garden(ctx, s.Address)
	switch {
	case err != nil:
		return false, err
	case w.Line.AddressList != "":
		return g.effective(), nil
	case g.foreign:
		return false, foreignEntry(s.Address)
	}
	return !g.dynamic, nil
}

// disable first makes the next dial fail, then ends the session, and only then writes what else has changed, so that
// nothing else can keep a customer online: in any other order the customer's box dials again in between.
func (l *local) disable(ctx context.Context, w Want, secret routeros.Row) error {
	if secret != nil && !secret.True("disabled") {
		err := l.conn.Set(ctx, secretMenu, secret.ID(), map[string]string{"disabled": "yes"})
		if err != nil {
			return l.target.fail(w.Username, "disable PPP secret", err)
		}
	}
	if err := l.end(ctx, w.Username, all); err != nil {
		return l.target.fail(w.Username, "end the session", err)
	}
	if w.Line.Address != "" || mayHaveQueue(secret) {
		if err := l.release(ctx, w); err != nil {
			return l.target.fail(w.Username, "remove simple queue", err)
		}
	}
	return l.target.fail(w.Username, "write PPP secret", l.store(ctx, w, secret))
}

func (l *local) remove(ctx context.Context, w Want, secret routeros.Row) error {
	if secret != nil {
		err := l.conn.Remove(ctx, secretMenu, secret.ID())
		if err != nil && !errors.Is(err, routeros.ErrNoSuchItem) {
			return l.target.fail(w.Username, "remove PPP secret", err)
		}
		if secret, err = l.ownSecret(ctx, w.Username); err == nil && secret != nil {
			err = fmt.Errorf("%w: the secret is still there", ErrNotConfirmed)
		}
		if err != nil {
			return l.target.fail(w.Username, "remove PPP secret", err)
		}
	}
	if err := l.end(ctx, w.Username, all); err != nil {
		return l.target.fail(w.Username, "end the session", err)
	}
	return l.target.fail(w.Username, "remove simple queue", l.release(ctx, w))
}

// store makes the router's secret what w says and reads it back.
func (l *local) store(ctx context.Context, w Want, secret routeros.Row) error {
	profile, err := l.ensureProfile(ctx, w.Line)
	if err != nil {
		return err
	}
	if secret == nil {
		_, err = l.conn.Add(ctx, secretMenu, w.secret(profile))
		if errors.Is(err, routeros.ErrAlreadyExists) {
			// An earlier attempt whose answer was lost, or somebody else, was there first.
			if secret, err = l.ownSecret(ctx, w.Username); err == nil && secret == nil {
				err = fmt.Errorf("%w: it cannot be added because it exists, and is not listed", ErrNotConfirmed)
			}
		}
	}
	if err == nil && secret != nil {
		if w.difference(secret, profile) == "" {
			return nil
		}
		err = l.update(ctx, w, secret, profile)
	}
	if err != nil {
		// The profile may have been removed since it was looked at.
		delete(l.profiles, profile)
		return err
	}
	if secret, err = l.ownSecret(ctx, w.Username); err != nil {
		return err
	}
	if off := w.difference(secret, profile); off != "" {
		return fmt.Errorf("%w: %s of the secret is %q", ErrNotConfirmed, off, secret[off])
	}
	return nil
}

// update changes what differs. Everything that the marker's generation vouches for is written before it or with it.
func (l *local) update(ctx context.Context, w Want, secret routeros.Row, profile string) error {
	want := w.secret(profile)
	mark, _ := parseMarker(secret["comment"])
	if mark.same(w.ProvisionID, w.Gen) {
		delete(want, "comment")
		delete(want, "password")
	} else {
		want["comment"] = marker{provision: w.ProvisionID, gen: w.Gen, note: mark.note}.String()
	}
	for _, property := range []string{"name", "service", "profile", "remote-address"} {
		if want[property] == secret[property] {
			delete(want, property)
		}
	}
	if secret.True("disabled") == (w.Line.State != account.LineEnabled) {
		delete(want, "disabled")
	}
	if w.Line.Address == "" && secret["remote-address"] != "" {
		if err := l.conn.Unset(ctx, secretMenu, secret.ID(), "remote-address"); err != nil {
			return err
		}
	}
	if len(want) == 0 {
		return nil
	}
	return l.conn.Set(ctx, secretMenu, secret.ID(), want)
}
