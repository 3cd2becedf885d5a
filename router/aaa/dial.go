package aaa

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/vendors/mikrotik"

	"qserve/account"
)

// dial answers an Access-Request. Its error means that there is no answer.
func (s *Server) dial(ctx context.Context, client Client, request *radius.Packet) (*radius.Packet, string, error) {
	username := rfc2865.UserName_GetString(request)
	evidence, err := evidenceOf(request)
	if err != nil {
		return s.reject(client, request, username, nil, failedLogin, err.Error())
	}
	if username == "" || !utf8.ValidString(username) || strings.ContainsRune(username, 0) {
		return s.reject(client, request, username, evidence, failedLogin, "the user name is not text")
	}
	dial, err := s.directory.Dial(ctx, client.RouterID, username)
	if errors.Is(err, ErrUnknownUser) {
		return s.reject(client, request, username, evidence, failedLogin, err.Error())
	}
	if err != nil {
		return nil, failed, fmt.Errorf("look up the dial: %w", err)
	}
	// A password that is not set opens nothing, also not to whoever sends none.
	if dial.Password == "" || !evidence.proves(dial.Password) {
		return s.reject(client, request, username, evidence, failedLogin, "wrong password"+evidence.hint())
	}
	if dial.Line.State != account.LineEnabled {
		reason := dial.Refusal
		if reason == "" {
			reason = "the line is " + string(dial.Line.State)
		}
		return s.reject(client, request, username, evidence, accountDisabled, reason)
	}
	answer := newAnswer(request, radius.CodeAccessAccept)
	if err := permit(answer, client, dial.Line); err != nil {
		return s.reject(client, request, username, evidence, failedLogin, err.Error())
	}
	if err := evidence.accept(answer, dial.Password); err != nil {
		return nil, failed, fmt.Errorf("accept %q: %w", username, err)
	}
	return answer, accepted, nil
}

// permit adds what the session is to be like. RouterOS takes what is missing from the default profile of its PPPoE
// server.
func permit(answer *radius.Packet, client Client, line account.Line) error {
	errs := []error{
		rfc2865.ServiceType_Add(answer, rfc2865.ServiceType_Value_FramedUser),
		rfc2865.FramedProtocol_Add(answer, rfc2865.FramedProtocol_Value_PPP),
	}
	if line.Rate != "" {
		if err := mikrotik.MikrotikRateLimit_AddString(answer, string(line.Rate)); err != nil {
			errs = append(errs, fmt.Errorf("the rate: %w", err))
		}
	}
	if line.AddressList != "" {
		if err := mikrotik.MikrotikAddressList_AddString(answer, line.AddressList); err != nil {
			errs = append(errs, fmt.Errorf("the address list: %w", err))
		}
	}
	pool := line.Pool
	if pool == "" {
		pool = client.Pool
	}
	switch {
	case line.Address != "":
		address, err := netip.ParseAddr(line.Address)
		if err == nil {
			err = rfc2865.FramedIPAddress_Add(answer, address.Unmap().AsSlice())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("the fixed address %q: %w", line.Address, err))
		}
	case pool != "":
		if err := rfc2869.FramedPool_AddString(answer, pool); err != nil {
			errs = append(errs, fmt.Errorf("the address pool: %w", err))
		}
	}
	if client.Interim > 0 {
		seconds := max(client.Interim, time.Minute) / time.Second
		errs = append(errs, rfc2869.AcctInterimInterval_Add(answer, rfc2869.AcctInterimInterval(seconds)))
	}
	return errors.Join(errs...)
}

// reject answers no, and says why in the log. The reason is for the provider's staff; the customer's box learns only
// that it was refused.
func (s *Server) reject(
	client Client, request *radius.Packet, username string, evidence evidence, code int, reason string,
) (*radius.Packet, string, error) {
	username = text(username)
	s.quiet.info("dial refused", client.Name+" "+username+" "+reason,
		slog.Any("router", client), slog.String("user", username), slog.String("reason", reason))
	answer := newAnswer(request, radius.CodeAccessReject)
	if evidence != nil {
		if err := evidence.reject(answer, code); err != nil {
			return nil, failed, fmt.Errorf("refuse %q: %w", username, err)
		}
	}
	return answer, rejected, nil
}
