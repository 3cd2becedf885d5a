package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"qserve/account"
	"qserve/router/coa"
	"qserve/router/routeros"
)

// radius drives a router that asks Qserve at every dial and has an API. What the next dial is answered is none of its
// business; it makes the running sessions fit, by CoA and Disconnect where the router answers those, else through the
// API, and looks at the router's own list afterwards.
type radius struct {
	device
	incoming incoming
	// mute is until when the router is not asked over CoA again, because it did not answer at all: its silence costs
	// the whole deadline, for every user anew.
	mute time.Time
}

// muteFor is short, since a router that does answer changes a rate without ending the session.
const muteFor = time.Minute

// Sessions implements Driver.
func (r *radius) Sessions(ctx context.Context, username string) ([]Session, error) {
	return r.sessions(ctx, username)
}

// Converge implements Driver.
func (r *radius) Converge(ctx context.Context, w Want) error {
	w, err := w.checked()
	if err != nil {
		return r.target.fail(w.Username, "look at the wanted line", err)
	}
	if err := r.unshadow(ctx, w.Username); err != nil {
		return r.target.fail(w.Username, "clear the way to RADIUS", err)
	}
	sessions, err := r.wanted(ctx, w)
	if err != nil || len(sessions) == 0 {
		return r.target.fail(w.Username, "list the sessions", err)
	}
	if w.Line.State == account.LineEnabled {
		return r.target.fail(w.Username, "change the session", r.refit(ctx, w, sessions))
	}
	return r.target.fail(w.Username, "end the session", r.hangUp(ctx, w.Username, sessions, all))
}

// wanted lists the sessions, with their rates where those matter.
func (r *radius) wanted(ctx context.Context, w Want) ([]listed, error) {
	if w.Line.State == account.LineEnabled {
		return r.rated(ctx, w.Username)
	}
	return r.running(ctx, w.Username)
}

// unshadow removes a secret that Qserve left on the router when it was in mode local. RouterOS asks RADIUS only for
// names that have none (RouterOS manual, "PPP AAA").
func (r *radius) unshadow(ctx context.Context, username string) error {
	secret, err := r.ownSecret(ctx, username)
	if errors.Is(err, ErrForeign) {
		return fmt.Errorf("the router does not ask RADIUS for this user: %w", err)
	}
	if err != nil || secret == nil {
		return err
	}
	err = r.conn.Remove(ctx, secretMenu, secret.ID())
	if errors.Is(err, routeros.ErrNoSuchItem) {
		return nil
	}
	return err
}

// refit makes the running sessions of an enabled line fit: the rate by CoA, anything else by dialling again.
func (r *radius) refit(ctx context.Context, w Want, sessions []listed) error {
	var redial []listed
	// Only the first of several sessions shows its rate, so all are told.
	several := len(sessions) > 1
	for _, s := range sessions {
		switch {
		case !s.Radius, !s.addressFits(w.Line):
			redial = append(redial, s)
		case !several && s.fits(w.Line):
		default:
			changed, err := r.changeRate(ctx, w, s)
			if err != nil {
				return err
			}
			if !changed {
				redial = append(redial, s)
			}
		}
	}
	if len(redial) == 0 {
		return nil
	}
	return r.hangUp(ctx, w.Username, redial, these(redial))
}

// changeRate sends the CoA and looks at the session's queue. False means that the session still has another rate.
func (r *radius) changeRate(ctx context.Context, w Want, s listed) (bool, error) {
	session := s.identity(w.Username)
	answer, err := r.ask(ctx, func() (coa.Answer, error) { return r.incoming.changeRate(ctx, session, w.Line.Rate) })
	if err == nil && answer.Cause == coa.SessionNotFound {
		// The session may have ended, or the router writes its id in another way than its list shows it.
		var sessions []listed
		if sessions, err = r.running(ctx, w.Username); err != nil {
			return false, err
		}
		if !slices.ContainsFunc(sessions, these([]listed{s})) {
			return true, nil
		}
		session = coa.Session{Username: w.Username}
		answer, err = r.ask(ctx, func() (coa.Answer, error) { return r.incoming.changeRate(ctx, session, w.Line.Rate) })
	}
	if unheard(err) || err == nil && !answer.ACK {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return r.look(ctx, func() (bool, error) {
		sessions, err := r.running(ctx, w.Username)
		if err != nil || !slices.ContainsFunc(sessions, these([]listed{s})) {
			return true, err
		}
		rate, err := r.queueRate(ctx, w.Username)
		return Session{Rate: rate}.fits(w.Line), err
	})
}

// hangUp ends the given sessions and looks until none that which picks is listed. What the router does not do for a
// Disconnect, it is told through its API.
func (r *radius) hangUp(ctx context.Context, username string, sessions []listed, which func(listed) bool) error {
	accepted := false
	for _, s := range sessions {
		if !s.Radius {
			continue // RFC 5176 reaches only what RADIUS let in
		}
		answer, err := r.ask(ctx, func() (coa.Answer, error) { return r.incoming.disconnect(ctx, s.identity(username)) })
		if err != nil && !unheard(err) {
			return err
		}
		accepted = accepted || answer.ACK
	}
	if accepted {
		gone, err := r.look(ctx, func() (bool, error) {
			now, err := r.running(ctx, username)
			return !slices.ContainsFunc(now, which), err
		})
		if err != nil || gone {
			return err
		}
	}
	return r.end(ctx, username, which)
}

// ask sends a request unless the router has just been found not to answer any.
func (r *radius) ask(ctx context.Context, send func() (coa.Answer, error)) (coa.Answer, error) {
	if !r.incoming.usable() || r.clock.Now().Before(r.mute) {
		return coa.Answer{}, coa.ErrSilent
	}
	answer, err := send()
	if unheard(err) && ctx.Err() == nil {
		r.mute = r.clock.Now().Add(muteFor)
	}
	return answer, err
}

// unheard reports whether the router gave no answer, which says nothing about its API.
func unheard(err error) bool { return errors.Is(err, coa.ErrSilent) || errors.Is(err, coa.ErrClosed) }
