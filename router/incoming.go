package router

import (
	"context"
	"time"

	"qserve/account"
	"qserve/internal/clock"
	"qserve/router/coa"
)

// incoming is a router's /radius/incoming port, watched.
type incoming struct {
	client  *coa.Client
	nas     coa.NAS
	clock   clock.Clock
	observe func(operation, outcome string, took time.Duration)
}

func (i incoming) usable() bool { return i.client != nil && i.nas.Address != "" }

func (i incoming) disconnect(ctx context.Context, s coa.Session) (coa.Answer, error) {
	start := i.clock.Now()
	answer, err := i.client.Disconnect(ctx, i.nas, s)
	i.observe("disconnect", answered(answer, err), i.clock.Now().Sub(start))
	return answer, err
}

func (i incoming) changeRate(ctx context.Context, s coa.Session, rate account.Rate) (coa.Answer, error) {
	start := i.clock.Now()
	answer, err := i.client.ChangeRate(ctx, i.nas, s, rate)
	i.observe("coa", answered(answer, err), i.clock.Now().Sub(start))
	return answer, err
}

func (i incoming) changeAddressList(ctx context.Context, s coa.Session, list string) (coa.Answer, error) {
	start := i.clock.Now()
	answer, err := i.client.ChangeAddressList(ctx, i.nas, s, list)
	i.observe("coa", answered(answer, err), i.clock.Now().Sub(start))
	return answer, err
}

// answered names an answer for a metric: few values, none of them from outside.
func answered(answer coa.Answer, err error) string {
	switch {
	case unheard(err):
		return "silent"
	case err != nil:
		return "failed"
	case answer.ACK:
		return "ack"
	case answer.Cause == coa.SessionNotFound:
		return "nak-503"
	default:
		return "nak"
	}
}

// identity names one session as RADIUS does. Everything in it has to match the same session on the router.
func (s Session) identity(username string) coa.Session {
	return coa.Session{Username: username, AcctSessionID: s.AcctSessionID, FramedIP: s.Address}
}
