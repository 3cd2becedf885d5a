package router

import (
	"cmp"
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
	if err := r.unshadow(ctx, w); err != nil {
		return r.target.fail(w.Username, "clear the way to RADIUS", err)
	}
	sessions, err := r.wanted(ctx, w)
	if err != nil {
		return r.target.fail(w.Username, "list the sessions", err)
	}
	if w.Line.State == account.LineEnabled {
		return r.target.fail(w.Username, "change the session", r.refit(ctx, w, sessions))
	}
	if len(sessions) > 0 {
		if err := r.hangUp(ctx, w.Username, sessions, all); err != nil {
			return r.target.fail(w.Username, "end the session", err)
		}
	}
	if w.Line.State == account.LineAbsent {
		err = r.release(ctx, w)
	}
	return r.target.fail(w.Username, "remove simple queue", err)
}

// wanted lists the sessions, with their rates where those matter.
func (r *radius) wanted(ctx context.Context, w Want) ([]listed, error) {
	if w.Line.State == account.LineEnabled {
		return r.rated(ctx, w.Username, true)
	}
	return r.running(ctx, w.Username)
}

// unshadow removes a secret that Qserve left on the router when it was in mode local, and first the queue that came with
// it. RouterOS asks RADIUS only for names that have none (RouterOS manual, "PPP AAA").
func (r *radius) unshadow(ctx context.Context, w Want) error {
	secret, err := r.ownSecret(ctx, w.Username)
	if errors.Is(err, ErrForeign) {
		return fmt.Errorf("the router does not ask RADIUS for this user: %w", err)
	}
	if err != nil || secret == nil {
		return err
	}
	if err := r.release(ctx, w); err != nil {
		return err
	}
	err = r.conn.Remove(ctx, secretMenu, secret.ID())
	if errors.Is(err, routeros.ErrNoSuchItem) {
		return nil
	}
	return err
}

// refit makes the running sessions of an enabled line fit: rate and address list by one CoA each, so that a NAK says
// which of them the router does not take; anything else by dialling again.
func (r *radius) refit(ctx context.Context, w Want, sessions []listed) error {
	var redial []listed
	// Only the first of several sessions shows its rate, so all are told.
	several := len(sessions) > 1
	for _, s := range sessions {
		fits, err := s.Radius && s.addressFits(w.Line), error(nil)
		if fits && (several || !s.rateFits(w.Line)) {
			fits, err = r.changeRate(ctx, w, s)
		}
		if fits && err == nil {
			fits, err = r.changeList(ctx, w, s)
		}
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
	return r.hangUp(ctx, w.Username, redial, these(redial))
}

// changeRate sends the CoA and looks at the session's queue. False means that the session still has another rate.
func (r *radius) changeRate(ctx context.Context, w Want, s listed) (bool, error) {
	return r.change(ctx, w.Username, s, func(session coa.Session) (coa.Answer, error) {
		return r.incoming.changeRate(ctx, session, w.Line.Rate)
	}, func() (bool, error) {
		rate, err := r.queueRate(ctx, w.Username)
		return Session{Rate: rate}.rateFits(w.Line), err
	})
}

// changeList makes the session's address be in account.GardenList or not. A session that is right is told nothing; it
// costs one look. False means that it still is as it was.
func (r *radius) changeList(ctx context.Context, w Want, s listed) (bool, error) {
	look := func() (bool, error) {
		g, err := r.garden(ctx, s.Address)
		if err == nil && len(g.own) > 0 {
			// It was left when the router was in mode local.
			err = r.dropEntries(ctx, g.own)
			g.own = nil
		}
		if err == nil && g.foreign && w.Line.AddressList == "" {
			err = foreignEntry(s.Address)
		}
		return g.effective() == (w.Line.AddressList != ""), err
	}
	if right, err := look(); err != nil || right {
		return right, err
	}
	list := cmp.Or(w.Line.AddressList, ActiveList)
	return r.change(ctx, w.Username, s, func(session coa.Session) (coa.Answer, error) {
		return r.incoming.changeAddressList(ctx, session, list)
	}, look)
}

// change sends a CoA and looks until the session is as it was asked to be, or has ended. False means that neither is so.
func (r *radius) change(
	ctx context.Context, username string, s listed, send func(coa.Session) (coa.Answer, error), done func() (bool, error),
) (bool, error) {
	gone := func() (bool, error) {
		sessions, err := r.running(ctx, username)
		return !slices.ContainsFunc(sessions, these([]listed{s})), err
	}
	answer, err := r.ask(ctx, func() (coa.Answer, error) { return send(s.identity(username)) })
	if err == nil && answer.Cause == coa.SessionNotFound {
		// The session may have ended, or the router writes its id in another way than its list shows it.
		if ended, err := gone(); err != nil || ended {
			return ended, err
		}
		answer, err = r.ask(ctx, func() (coa.Answer, error) { return send(coa.Session{Username: username}) })
	}
	if unheard(err) || err == nil && !answer.ACK {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return r.look(ctx, func() (bool, error) {
		if ended, err := gone(); err != nil || ended {
			return ended, err
		}
		return done()
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
