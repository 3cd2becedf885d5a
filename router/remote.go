package router

import (
	"cmp"
	"context"
	"fmt"

	"qserve/account"
	"qserve/router/coa"
)

// remote drives a router of mode radius that has no API. Its sessions are those that accounting knows of, and the look
// afterwards is what the router itself says: a Disconnect-Request that it answers with 503, no such session.
//
// A session that a local secret let in is out of its reach, and is not seen; and of a changed rate or address list there is
// nothing to look at but the router's authentic CoA-ACK.
type remote struct {
	device
	incoming incoming
	list     SessionList
}

// Sessions implements Driver.
func (r *remote) Sessions(ctx context.Context, username string) ([]Session, error) {
	sessions, err := r.list.OpenSessions(ctx, r.target.ID, username)
	return sessions, r.target.fail(username, "list the sessions by accounting", err)
}

// Converge implements Driver.
func (r *remote) Converge(ctx context.Context, w Want) error {
	w, err := w.checked()
	if err != nil {
		return r.target.fail(w.Username, "look at the wanted line", err)
	}
	sessions, err := r.Sessions(ctx, w.Username)
	if err != nil {
		return err
	}
	if w.Line.State == account.LineEnabled {
		return r.target.fail(w.Username, "change the session", r.refit(ctx, w, sessions))
	}
	return r.target.fail(w.Username, "end the session", r.hangUp(ctx, w.Username, sessions))
}

func (r *remote) refit(ctx context.Context, w Want, sessions []Session) error {
	for _, s := range sessions {
		changed, err := s.addressFits(w.Line), error(nil)
		if changed && !s.rateFits(w.Line) {
			changed, err = r.change(ctx, w, s, func(session coa.Session) (coa.Answer, error) {
				return r.incoming.changeRate(ctx, session, w.Line.Rate)
			})
		}
		if changed && err == nil && !r.listFits(w, s) {
			changed, err = r.change(ctx, w, s, func(session coa.Session) (coa.Answer, error) {
				return r.incoming.changeAddressList(ctx, session, cmp.Or(w.Line.AddressList, ActiveList))
			})
		}
		if err == nil && !changed {
			err = r.redial(ctx, w.Username, s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// listFits compares the address list that the session was given. Of a session whose rate is not known nothing is, so its
// list is set again as well, unless there is no garden that it could be in.
func (r *remote) listFits(w Want, s Session) bool {
	if s.Rate == "" {
		return !r.target.Garden && s.AddressList == "" && w.Line.AddressList == ""
	}
	return s.AddressList == w.Line.AddressList
}

// change returns false when the router would not change the session. One that has ended is as good as changed: the next
// dial is given what the line has now.
//
// What the session list says is put in doubt first. If no answer comes, or nobody is left to record it, the router may
// have made the change all the same; and a next generation that wants what was before must not find that it fits.
func (r *remote) change(
	ctx context.Context, w Want, s Session, send func(coa.Session) (coa.Answer, error),
) (bool, error) {
	if err := r.list.Doubt(ctx, r.target.ID, w.Username, w.Line.AddressList); err != nil {
		return false, fmt.Errorf("note that the session is being changed: %w", err)
	}
	answer, err := send(s.identity(w.Username))
	if err == nil && answer.Cause == coa.SessionNotFound {
		answer, err = send(coa.Session{Username: w.Username})
	}
	return answer.ACK || answer.Cause == coa.SessionNotFound, err
}

// redial ends one session and looks until the router does not know it any more. Where it never did, the session may
// have another id there, and the user name alone has to do.
func (r *remote) redial(ctx context.Context, username string, s Session) error {
	answer, err := r.incoming.disconnect(ctx, s.identity(username))
	if err == nil && answer.Cause == coa.SessionNotFound {
		answer, err = r.incoming.disconnect(ctx, coa.Session{Username: username})
	}
	switch {
	case err != nil:
		return err
	case !answer.ACK && answer.Cause != coa.SessionNotFound:
		return rejected(answer)
	}
	return r.untilUnknown(ctx, s.identity(username))
}

// hangUp ends all sessions of a user name: first those that are known, one by one because not every router ends several
// for one request (RFC 5176 §3.5, 508), then any other one, whose answer is the verdict.
func (r *remote) hangUp(ctx context.Context, username string, sessions []Session) error {
	for _, s := range sessions {
		if _, err := r.incoming.disconnect(ctx, s.identity(username)); err != nil {
			return err
		}
	}
	return r.untilUnknown(ctx, coa.Session{Username: username})
}

// untilUnknown repeats the Disconnect until the router says that it has no such session.
func (r *remote) untilUnknown(ctx context.Context, s coa.Session) error {
	unknown, err := r.look(ctx, func() (bool, error) {
		answer, err := r.incoming.disconnect(ctx, s)
		if err == nil && !answer.ACK && answer.Cause != coa.SessionNotFound {
			err = rejected(answer)
		}
		return answer.Cause == coa.SessionNotFound, err
	})
	if err == nil && !unknown {
		err = fmt.Errorf("%w: it accepts every Disconnect-Request for %v and never says that the session is gone",
			ErrNotConfirmed, r.patience)
	}
	return err
}

func rejected(answer coa.Answer) error {
	return fmt.Errorf("%w: %v", ErrRejected, answer.Cause)
}
