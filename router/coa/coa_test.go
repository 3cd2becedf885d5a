package coa_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
	"layeh.com/radius/rfc5176"

	"qserve/internal/clock"
	"qserve/router/coa"
)

func TestLostFirstPacket_IsRepeatedWithTheSameBytesFromTheSamePort(t *testing.T) {
	t.Parallel()
	peer, manual := newPeer(t), clock.NewManual(noon)
	client := coa.New(coa.Config{Clock: manual})
	nas := peer.nas()
	nas.EventTimestamp, nas.MessageAuthenticator = true, true
	done := begin(t.Context(), client, nas)
	first := peer.next()
	if err := manual.AwaitWaiters(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	manual.Advance(600 * time.Millisecond)
	second := peer.next()
	if diff := cmp.Diff(first.wire, second.wire); diff != "" || first.from != second.from {
		t.Errorf("repeated from %v instead of %v with a difference of %s", second.from, first.from, diff)
	}
	if !radius.IsAuthenticRequest(second.wire, []byte(secret)) {
		t.Error("the request's authenticator is wrong")
	}
	peer.send(second, second.reply(t, radius.CodeDisconnectACK, 0))
	if got := <-done; got.err != nil || !got.answer.ACK || got.answer.RoundTrip != 600*time.Millisecond {
		t.Errorf("got %+v, want an ACK after 600 ms", got)
	}
}

func TestRepetitions_BecomeRarerAndEndAtTheDeadline(t *testing.T) {
	t.Parallel()
	peer, leaper := newPeer(t), newLeaper()
	answer, err := coa.New(coa.Config{Clock: leaper, Deadline: 13 * time.Second}).Disconnect(t.Context(), peer.nas(), joe)
	if !errors.Is(err, coa.ErrSilent) {
		t.Fatalf("got %+v, %v, want ErrSilent", answer, err)
	}
	if strings.Contains(err.Error(), secret) {
		t.Error("the error shows the secret")
	}
	want := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second}
	if len(leaper.waits) != len(want)+1 || leaper.waits[len(want)] != 13*time.Second {
		t.Fatalf("waited until %v, want %v (a tenth more or less) between, and 13s at the end", leaper.waits, want)
	}
	last := time.Duration(0)
	for i, wait := range want {
		peer.next()
		if got := leaper.waits[i] - last; got < wait*9/10 || got > wait*11/10 {
			t.Errorf("repetition %d came after %v, want %v, a tenth more or less", i+1, got, wait)
		}
		last = leaper.waits[i]
	}
	peer.next()
	peer.expectNothing("a repetition after the deadline")
}

func TestNAK_IsAnAnswerWithOrWithoutACause(t *testing.T) {
	t.Parallel()
	peer := newPeer(t)
	for _, cause := range []coa.Cause{0, coa.SessionNotFound, coa.UnsupportedAttribute, 999} {
		done := begin(t.Context(), coa.New(coa.Config{}), peer.nas())
		request := peer.next()
		peer.send(request, request.reply(t, radius.CodeDisconnectNAK, rfc3576.ErrorCause(cause)))
		if got := <-done; got.err != nil || got.answer.ACK || got.answer.Cause != cause {
			t.Errorf("got %+v, want a NAK with %v", got, cause)
		}
	}
}

// TestForgeries_AreIgnoredAndTheAnswerAfterThemCounts sends what is no answer, then the answer: the first must be ignored, and the second must count.
func TestForgeries_AreIgnoredAndTheAnswerAfterThemCounts(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(*testing.T, request) []byte{
		"an ACK to a CoA":       reshaped(radius.CodeCoAACK, func(wire []byte) []byte { return wire }),
		"an Access-Accept":      reshaped(radius.CodeAccessAccept, func(wire []byte) []byte { return wire }),
		"nothing":               reshaped(radius.CodeDisconnectACK, func([]byte) []byte { return nil }),
		"a header cut short":    reshaped(radius.CodeDisconnectACK, func(wire []byte) []byte { return wire[:19] }),
		"an answer cut short":   reshaped(radius.CodeDisconnectACK, func(wire []byte) []byte { return wire[:25] }),
		"a changed answer":      reshaped(radius.CodeDisconnectACK, func(wire []byte) []byte { wire[25] ^= 1; return wire }),
		"a changed answer code": reshaped(radius.CodeDisconnectNAK, func(wire []byte) []byte { wire[0]--; return wire }),
		"the request itself":    func(_ *testing.T, r request) []byte { return r.wire },
		"another identifier":    forged(func(p *radius.Packet) { p.Identifier++ }),
		"another request's":     forged(func(p *radius.Packet) { p.Authenticator[0]++ }),
		"another secret":        forged(func(p *radius.Packet) { p.Secret = []byte("other") }),
		"a wrong signature":     forged(func(p *radius.Packet) { p.Add(rfc2869.MessageAuthenticator_Type, make([]byte, 16)) }),
		"a short signature":     forged(func(p *radius.Packet) { p.Add(rfc2869.MessageAuthenticator_Type, make([]byte, 5)) }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := newPeer(t)
			done := begin(t.Context(), coa.New(coa.Config{}), peer.nas())
			request := peer.next()
			peer.send(request, forge(t, request))
			peer.send(request, request.reply(t, radius.CodeDisconnectNAK, 503))
			if got := <-done; got.err != nil || got.answer.ACK || got.answer.Cause != coa.SessionNotFound {
				t.Errorf("got %+v, want the NAK that came second", got)
			}
		})
	}
}

func forged(change func(*radius.Packet)) func(*testing.T, request) []byte {
	return func(t *testing.T, r request) []byte {
		t.Helper()
		return r.reply(t, radius.CodeDisconnectACK, 0, change)
	}
}

// reshaped is an answer with an Error-Cause that was changed after it was signed.
func reshaped(code radius.Code, change func([]byte) []byte) func(*testing.T, request) []byte {
	return func(t *testing.T, r request) []byte {
		t.Helper()
		return change(r.reply(t, code, 503))
	}
}

func TestAnswerFromAnotherPort_IsNotTheRouters(t *testing.T) {
	t.Parallel()
	peer, other := newPeer(t), newPeer(t)
	done := begin(t.Context(), coa.New(coa.Config{}), peer.nas())
	request := peer.next()
	other.send(request, request.reply(t, radius.CodeDisconnectACK, 0))
	peer.send(request, request.reply(t, radius.CodeDisconnectNAK, 503))
	if got := <-done; got.err != nil || got.answer.ACK {
		t.Errorf("got %+v, want the NAK of the router's own port", got)
	}
}

func TestPaddingAfterTheAnswer_IsIgnored(t *testing.T) {
	t.Parallel()
	peer := newPeer(t)
	done := begin(t.Context(), coa.New(coa.Config{}), peer.nas())
	request := peer.next()
	peer.send(request, append(request.reply(t, radius.CodeDisconnectACK, 201), 0, 0, 7, 7))
	if got := <-done; got.err != nil || !got.answer.ACK || got.answer.Cause != coa.ResidualContextRemoved {
		t.Errorf("got %+v, want the ACK", got)
	}
}

func TestAnswersThatComeTwiceOrLate_DoNotReachTheNextExchange(t *testing.T) {
	t.Parallel()
	peer, manual := newPeer(t), clock.NewManual(noon)
	client := coa.New(coa.Config{Clock: manual})
	ctx, cancel := context.WithCancel(t.Context())
	done := begin(ctx, client, peer.nas())
	late := peer.next()
	cancel()
	if got := <-done; !errors.Is(got.err, context.Canceled) {
		t.Fatalf("got %+v, want context.Canceled", got)
	}

	done = begin(t.Context(), client, peer.nas())
	request := peer.next()
	// As an unlucky port would have it: the answers to the canceled exchange arrive in this one.
	peer.send(request, late.reply(t, radius.CodeDisconnectACK, 0))
	peer.send(request, late.reply(t, radius.CodeDisconnectACK, 0))
	peer.send(request, request.reply(t, radius.CodeDisconnectNAK, 503))
	peer.send(request, request.reply(t, radius.CodeDisconnectNAK, 503))
	if got := <-done; got.err != nil || got.answer.ACK || got.answer.Cause != coa.SessionNotFound {
		t.Errorf("got %+v, want the NAK", got)
	}
}

// closedPort returns an address that refuses every datagram, and is nobody else's: the socket that holds it is
// connected to another peer. The function opens it to all.
func closedPort(t *testing.T) (address *net.UDPAddr, open func() *peer) {
	t.Helper()
	local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0))
	holder, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 9)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = holder.Close() }) // it may be open to all by now
	address = holder.LocalAddr().(*net.UDPAddr)
	return address, func() *peer {
		_ = holder.Close()
		return listen(t, address)
	}
}

func TestClosedPort_IsTriedUntilTheDeadlineAndThenSaidSo(t *testing.T) {
	t.Parallel()
	address, _ := closedPort(t)
	client := coa.New(coa.Config{Retransmit: time.Millisecond, Deadline: 100 * time.Millisecond})
	answer, err := client.Disconnect(t.Context(), coa.NAS{Address: address.String(), Secret: secret}, joe)
	if !errors.Is(err, coa.ErrClosed) {
		t.Errorf("got %+v, %v, want ErrClosed", answer, err)
	}
}

func TestPortThatOpensDuringTheExchange_GetsTheRequest(t *testing.T) {
	t.Parallel()
	manual := clock.NewManual(noon)
	address, open := closedPort(t)
	nas := coa.NAS{Address: address.String(), Secret: secret}
	done := begin(t.Context(), coa.New(coa.Config{Clock: manual}), nas)
	if err := manual.AwaitWaiters(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	router := open()
	manual.Advance(time.Second)
	request := router.next()
	router.send(request, request.reply(t, radius.CodeDisconnectACK, 0))
	if got := <-done; got.err != nil || !got.answer.ACK {
		t.Errorf("got %+v, want an ACK", got)
	}
}

func TestEndOfTheContext_EndsTheExchange(t *testing.T) {
	t.Parallel()
	peer := newPeer(t)
	why := errors.New("the program ends")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := begin(ctx, coa.New(coa.Config{}), peer.nas())
	peer.next()
	cancel(why)
	if got := <-done; !errors.Is(got.err, why) {
		t.Errorf("got %+v, want %v", got, why)
	}
}

func TestWhatCannotBeARequest_IsRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	peer := newPeer(t)
	client := coa.New(coa.Config{})
	nas := peer.nas()
	for name, call := range map[string]func() (coa.Answer, error){
		"no identification": func() (coa.Answer, error) { return client.Disconnect(t.Context(), nas, coa.Session{FramedIP: framed}) },
		"no secret":         func() (coa.Answer, error) { return client.Disconnect(t.Context(), coa.NAS{Address: nas.Address}, joe) },
		"no rate":           func() (coa.Answer, error) { return client.ChangeRate(t.Context(), nas, joe, "") },
		"a bad rate":        func() (coa.Answer, error) { return client.ChangeRate(t.Context(), nas, joe, "fast") },
		"no list":           func() (coa.Answer, error) { return client.ChangeAddressList(t.Context(), nas, joe, "") },
		"a long list": func() (coa.Answer, error) {
			return client.ChangeAddressList(t.Context(), nas, joe, strings.Repeat("x", 248))
		},
		"a long name": func() (coa.Answer, error) {
			return client.Disconnect(t.Context(), nas, coa.Session{Username: strings.Repeat("x", 254)})
		},
		"an IPv6 address": func() (coa.Answer, error) {
			return client.Disconnect(t.Context(), nas, coa.Session{Username: "joe", FramedIP: netip.IPv6Loopback()})
		},
		"no port": func() (coa.Answer, error) {
			return client.Disconnect(t.Context(), coa.NAS{Address: "127.0.0.1", Secret: secret}, joe)
		},
	} {
		if answer, err := call(); err == nil || errors.Is(err, coa.ErrSilent) {
			t.Errorf("%s: got %+v, %v, want a refusal", name, answer, err)
		}
	}
	peer.expectNothing("a request")
}

func TestNAS_NeverShowsItsSecret(t *testing.T) {
	t.Parallel()
	nas := coa.NAS{Address: "192.0.2.1:3799", Secret: secret}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("ask", "router", nas)
	for _, text := range []string{fmt.Sprintf("%v %+v %s", nas, nas, nas), log.String()} {
		if strings.Contains(text, secret) || !strings.Contains(text, nas.Address) {
			t.Errorf("got %s, want the address only", text)
		}
	}
}

func TestCauses_HaveTheNamesOfTheRFC(t *testing.T) {
	t.Parallel()
	for number := range rfc3576.ErrorCause(600) {
		name, known := rfc3576.ErrorCause_Strings[number]
		want := fmt.Sprintf("%d %s", number, name)
		switch {
		case number == 0:
			want = "no Error-Cause"
		// The dictionary that layeh generates from has other names for these two.
		case number == 502:
			want = "502 Request-Not-Routable"
		case number == 505:
			want = "505 Other-Proxy-Processing-Error"
		case !known:
			want = fmt.Sprintf("%d unknown Error-Cause", number)
		}
		if got := coa.Cause(number).String(); got != want {
			t.Errorf("cause %d is called %q, want %q", number, got, want)
		}
	}
	if coa.InvalidAttributeValue != coa.Cause(rfc5176.ErrorCause_Value_InvalidAttributeValue) {
		t.Error("the numbers differ from RFC 5176")
	}
}
