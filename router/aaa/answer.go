package aaa

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"layeh.com/radius"
)

// service is what a port is for.
type service string

const (
	access     service = "access"
	accounting service = "accounting"
)

// The outcomes that Config.Observe is told.
const (
	accepted      = "accept"
	rejected      = "reject"
	recorded      = "recorded"
	ignored       = "ignored"
	status        = "status"
	repeated      = "repeated"
	malformed     = "malformed"
	unknownClient = "unknown-client"
	unauthentic   = "unauthentic"
	failed        = "failed"
)

// answer returns the answer to a datagram, nil for none, and the outcome.
func (s *Server) answer(ctx context.Context, kind service, from netip.AddrPort, datagram []byte) ([]byte, string) {
	address := from.Addr().String()
	request, wire, err := parse(datagram)
	if err != nil || !kind.serves(request.Code) {
		s.quiet.warn("not a RADIUS request for this port", address,
			slog.String("address", address), slog.String("port", string(kind)))
		return nil, malformed
	}
	client, err := s.directory.Client(ctx, from.Addr())
	if errors.Is(err, ErrUnknownClient) {
		s.quiet.warn("RADIUS request from an address that is no router's", address, slog.String("address", address))
		return nil, unknownClient
	}
	if err == nil && client.Secret == "" {
		err = errors.New("it has no RADIUS secret; set one on both sides")
	}
	if err != nil {
		s.quiet.warn("RADIUS request not answered: its router cannot be looked up", address,
			slog.Any("router", client), slog.String("address", address), slog.Any("error", err))
		return nil, failed
	}
	request.Secret = []byte(client.Secret)
	if err := verify(request, wire); err != nil {
		s.quiet.warn("RADIUS request not answered: it is not authentic", address,
			slog.Any("router", client), slog.String("address", address), slog.Any("error", err))
		return nil, unauthentic
	}
	var answer *radius.Packet
	outcome := status
	switch {
	case request.Code == radius.CodeAccessRequest:
		answer, outcome, err = s.dial(ctx, client, request)
	case request.Code == radius.CodeAccountingRequest:
		answer, outcome, err = s.account(ctx, client, request)
	case kind == access: // Status-Server, RFC 5997 §3
		answer = newAnswer(request, radius.CodeAccessAccept)
	default:
		answer = newAnswer(request, radius.CodeAccountingResponse)
	}
	if err != nil {
		s.quiet.warn("RADIUS request not answered", client.Name+outcome,
			slog.Any("router", client), slog.Any("error", err))
		return nil, outcome
	}
	sealed, err := seal(answer)
	if err != nil {
		s.quiet.warn("RADIUS answer cannot be encoded", address, slog.Any("router", client), slog.Any("error", err))
		return nil, failed
	}
	return sealed, outcome
}

func (k service) serves(code radius.Code) bool {
	switch code { //nolint:exhaustive // everything else is not a request to a server
	case radius.CodeStatusServer:
		return true
	case radius.CodeAccessRequest:
		return k == access
	case radius.CodeAccountingRequest:
		return k == accounting
	}
	return false
}
