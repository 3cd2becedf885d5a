package aaa_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"

	"qserve/router/aaa"
)

var errDown = errors.New("the database is down")

func TestEveryAnswerToADial_BeginsWithItsSignature(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	r := s.dial(t, s.auth)
	for username, want := range map[string]radius.Code{
		"joe": radius.CodeAccessAccept, "expired": radius.CodeAccessReject, "nobody": radius.CodeAccessReject,
	} {
		password := "pw"
		if username == "joe" {
			password = "s3cret päss"
		}
		wire := encode(t, dialOf(t, username, password))
		r.send(wire)
		answer := r.receive()
		if got := radius.Code(answer[0]); got != want {
			t.Errorf("%s: got %v, want %v", username, got, want)
		}
		checkSigned(t, answer, wire)
	}
}

func TestRepeatedRequest_GetsTheSameBytesAndOneLookup(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	r := s.dial(t, s.auth)
	p := mschap2Of(t, "User")
	wire := encode(t, p)
	r.send(wire)
	first := r.receive()
	r.send(wire)
	if second := r.receive(); !bytes.Equal(first, second) {
		t.Errorf("got %x, then %x", first, second)
	}
	if lookups, _ := s.directory.seen(); lookups != 1 {
		t.Errorf("%d lookups, want 1", lookups)
	}
	// Another identifier, another authenticator or another port makes another request.
	p.Identifier++
	r.send(encode(t, p))
	r.receive()
	p.Authenticator[0]++
	r.send(encode(t, p))
	r.receive()
	r = s.dial(t, s.auth)
	r.send(wire)
	r.receive()
	if lookups, _ := s.directory.seen(); lookups != 4 {
		t.Errorf("%d lookups, want 4", lookups)
	}
	// And what is long past is forgotten: after one more generation each.
	for range 2 {
		s.clock.Advance(30 * time.Second)
		r.expectNoAnswer("nothing was sent")
	}
	r.send(wire)
	r.receive()
	if lookups, _ := s.directory.seen(); lookups != 5 {
		t.Errorf("%d lookups, want 5", lookups)
	}
}

func TestRequestRepeatedWhileItIsWorkedOn_IsLookedUpOnce(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{gate: make(chan struct{}), arrived: make(chan struct{})})
	r := s.dial(t, s.auth)
	wire := encode(t, dialOf(t, "pool", "pw"))
	r.send(wire)
	<-s.directory.arrived
	r.send(wire)
	if got := <-s.outcomes; got != "access repeated" {
		t.Errorf("the second is %q, want repeated", got)
	}
	s.directory.gate <- struct{}{}
	if answer := r.receive(); !radius.IsAuthenticResponse(answer, wire, []byte(secret)) {
		t.Errorf("got %x", answer)
	}
	r.expectNoAnswer("one answer was enough")
	if lookups, _ := s.directory.seen(); lookups != 1 {
		t.Errorf("%d lookups, want 1", lookups)
	}
}

func TestDialWhileTheFactsCannotBeRead_IsAnsweredWhenTheyCan(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{err: errDown})
	r := s.dial(t, s.auth)
	wire := encode(t, dialOf(t, "pool", "pw"))
	r.send(wire)
	r.expectNoAnswer("the facts are unknown")
	s.directory.fail(nil)
	r.send(wire)
	if answer := r.receive(); radius.Code(answer[0]) != radius.CodeAccessAccept {
		t.Errorf("got %v, want an Access-Accept", radius.Code(answer[0]))
	}
	if log := s.log.String(); strings.Count(log, errDown.Error()) != 1 {
		t.Errorf("want the fault in the log once:\n%s", log)
	}
}

func accountingOf(t testing.TB, kind rfc2866.AcctStatusType, session string) *radius.Packet {
	t.Helper()
	p := request(radius.CodeAccountingRequest)
	set(t, rfc2866.AcctStatusType_Set(p, kind), rfc2866.AcctSessionID_SetString(p, session),
		rfc2865.UserName_SetString(p, "joe"))
	return p
}

func TestAccounting_IsAnsweredOnlyOnceItIsRecorded(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{err: errDown})
	r := s.dial(t, s.acct)
	wire := encode(t, accountingOf(t, rfc2866.AcctStatusType_Value_Start, "81d00003"))
	r.send(wire)
	r.expectNoAnswer("the record was not kept")
	s.directory.fail(nil)
	for range 2 {
		r.send(wire)
		answer := r.receive()
		if !radius.IsAuthenticResponse(answer, wire, []byte(secret)) ||
			radius.Code(answer[0]) != radius.CodeAccountingResponse || len(answer) != 20 {
			t.Errorf("got %x, want an empty Accounting-Response", answer)
		}
		if _, records := s.directory.seen(); len(records) != 1 {
			t.Errorf("%d records, want 1", len(records))
		}
	}
}

func TestTextOfNoEncoding_IsMadeStorable(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	r := s.dial(t, s.acct)
	p := accountingOf(t, rfc2866.AcctStatusType_Value_Stop, "81\x00\xff")
	r.send(encode(t, p))
	r.receive()
	if _, records := s.directory.seen(); len(records) != 1 || records[0].SessionID != "81\uFFFD\uFFFD" {
		t.Errorf("got %+v", records)
	}
	r = s.dial(t, s.auth)
	r.send(encode(t, dialOf(t, "jo\x00e", "pw")))
	if answer := r.receive(); radius.Code(answer[0]) != radius.CodeAccessReject {
		t.Errorf("got %v, want an Access-Reject", radius.Code(answer[0]))
	}
	if lookups, _ := s.directory.seen(); lookups != 0 {
		t.Error("a name that nobody can have was looked up")
	}
}

func TestWhatIsNotARoutersRequest_GetsNoAnswer(t *testing.T) {
	t.Parallel()
	signed := sign(t, dialOf(t, "pool", "pw"))
	for name, tt := range map[string]struct {
		acct bool
		wire []byte
		want string
	}{
		"nothing":                       {wire: nil, want: "malformed"},
		"a header cut short":            {wire: signed[:19], want: "malformed"},
		"a request cut short":           {wire: signed[:len(signed)-1], want: "malformed"},
		"noise":                         {wire: bytes.Repeat([]byte{0xA5}, 100), want: "malformed"},
		"an attribute of length 0":      {wire: []byte("\x01\x01\x00\x160123456789abcdef\x01\x00"), want: "malformed"},
		"accounting on the dial port":   {wire: encode(t, accountingOf(t, 1, "81")), want: "malformed"},
		"a dial on the accounting port": {acct: true, wire: signed, want: "malformed"},
		"an answer":                     {wire: encode(t, request(radius.CodeAccessAccept)), want: "malformed"},
		"a changed dial":                {wire: flip(signed), want: "unauthentic"},
		"an unsigned Status-Server":     {wire: encode(t, request(radius.CodeStatusServer)), want: "unauthentic"},
		"an unsigned Proxy-State":       {wire: encode(t, with(dialOf(t, "pool", "pw"), rfc2865.ProxyState_Type, "x")), want: "unauthentic"},
		"an unsigned EAP message":       {wire: encode(t, with(dialOf(t, "pool", "pw"), rfc2869.EAPMessage_Type, "x")), want: "unauthentic"},
		"two signatures": {
			wire: sign(t, with(dialOf(t, "pool", "pw"), rfc2869.MessageAuthenticator_Type, strings.Repeat("\x00", 16))), want: "unauthentic",
		},
		"a short signature":         {wire: encode(t, with(dialOf(t, "pool", "pw"), rfc2869.MessageAuthenticator_Type, "short")), want: "unauthentic"},
		"changed accounting":        {acct: true, wire: flip(encode(t, accountingOf(t, 1, "81"))), want: "unauthentic"},
		"accounting of no kind":     {acct: true, wire: encode(t, request(radius.CodeAccountingRequest)), want: "malformed"},
		"accounting of no session":  {acct: true, wire: encode(t, accountingOf(t, 1, "")), want: "malformed"},
		"a signed Proxy-State":      {wire: sign(t, with(dialOf(t, "pool", "pw"), rfc2865.ProxyState_Type, "x")), want: "accept"},
		"a dial with padding":       {wire: append(append([]byte(nil), signed...), 1, 2, 3), want: "accept"},
		"accounting of a new sort":  {acct: true, wire: encode(t, accountingOf(t, 15, "81")), want: "ignored"},
		"accounting of router's up": {acct: true, wire: encode(t, accountingOf(t, 7, "")), want: "recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, &directory{})
			r, kind := s.dial(t, s.auth), "access "
			if tt.acct {
				r, kind = s.dial(t, s.acct), "accounting "
			}
			r.send(tt.wire)
			if got := <-s.outcomes; got != kind+tt.want {
				t.Errorf("got %q, want %q", got, kind+tt.want)
			}
			if tt.want == "malformed" || tt.want == "unauthentic" {
				r.expectNoAnswer(name)
			}
			lookups, records := s.directory.seen()
			if done := lookups + len(records); (done != 0) != (tt.want == "accept" || tt.want == "recorded") {
				t.Errorf("%d lookups and records", done)
			}
		})
	}
}

// flip changes the last byte of what the request says, before a signature of 18 bytes at its end.
func flip(wire []byte) []byte {
	changed := append([]byte(nil), wire...)
	changed[min(len(wire)-1, 25)] ^= 1
	return changed
}

func with(p *radius.Packet, attribute radius.Type, value string) *radius.Packet {
	p.Add(attribute, radius.Attribute(value))
	return p
}

func TestProxyStates_GoBackUnchangedAndInOrder(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	r := s.dial(t, s.auth)
	p := with(with(dialOf(t, "pool", "pw"), rfc2865.ProxyState_Type, "b"), rfc2865.ProxyState_Type, "a")
	wire := sign(t, p)
	r.send(wire)
	answer := r.receive()
	checkSigned(t, answer, wire)
	states, err := rfc2865.ProxyState_GetStrings(decode(t, answer, p))
	if err != nil || strings.Join(states, "") != "ba" {
		t.Errorf("got %q, %v", states, err)
	}
}

func TestStranger_IsIgnoredAndMentionedOnceAMinute(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	r := dialFrom(t, "127.0.0.2", s.auth)
	for range 5 {
		r.send(sign(t, dialOf(t, "pool", "pw")))
		if got := <-s.outcomes; got != "access unknown-client" {
			t.Errorf("got %q", got)
		}
	}
	s.clock.Advance(time.Minute)
	r.send(sign(t, dialOf(t, "pool", "pw")))
	<-s.outcomes
	log := s.log.String()
	if strings.Count(log, "address=127.0.0.2") != 2 || !strings.Contains(log, "held_back=4") {
		t.Errorf("want two lines, the second with held_back=4:\n%s", log)
	}
	if lookups, _ := s.directory.seen(); lookups != 0 {
		t.Error("a stranger's dial was looked up")
	}
}

func TestEndOfTheProgram_LetsWhatIsInFlightFinish(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{gate: make(chan struct{}), arrived: make(chan struct{})})
	r := s.dial(t, s.acct)
	wire := encode(t, accountingOf(t, rfc2866.AcctStatusType_Value_Stop, "81d00003"))
	r.send(wire)
	<-s.directory.arrived
	s.cancel()
	for range 1000 { // a chance to return too early
		runtime.Gosched()
		select {
		case err := <-s.done:
			t.Fatalf("serve returned before its work was done: %v", err)
		default:
		}
	}
	s.directory.gate <- struct{}{}
	if answer := r.receive(); !radius.IsAuthenticResponse(answer, wire, []byte(secret)) {
		t.Errorf("got %x", answer)
	}
	if err := <-s.done; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestSocketThatIsGone_EndsTheServerWithItsError(t *testing.T) {
	t.Parallel()
	server, err := aaa.New(aaa.Config{Directory: &directory{}})
	if err != nil {
		t.Fatal(err)
	}
	auth, acct := socket(t), socket(t)
	if err := acct.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(context.WithoutCancel(t.Context()), auth, acct); err == nil {
		t.Error("no error")
	}
}

func TestServerWithoutADirectory_IsRefused(t *testing.T) {
	t.Parallel()
	if _, err := aaa.New(aaa.Config{}); err == nil {
		t.Error("no error")
	}
}
