package aaa_test

import (
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/vendors/microsoft"
	"layeh.com/radius/vendors/mikrotik"

	"qserve/account"
	"qserve/router/aaa"
)

// ask sends a request to a server and returns the answer, checked.
func ask(t *testing.T, s *stand, p *radius.Packet) *radius.Packet {
	t.Helper()
	r := s.dial(t, s.auth)
	wire := encode(t, p)
	r.send(wire)
	answer := r.receive()
	checkSigned(t, answer, wire)
	return decode(t, answer, p)
}

func TestAccept_NamesTheAddressOrElseThePoolOfTheLineOrElseOfTheRouter(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	for username, want := range map[string][2]string{"pool": {"slow", "1M/2M"}, "nopool": {"pppoe", ""}} {
		answer := ask(t, s, dialOf(t, username, "pw"))
		got := [2]string{rfc2869.FramedPool_GetString(answer), mikrotik.MikrotikRateLimit_GetString(answer)}
		if got != want || rfc2865.FramedIPAddress_Get(answer) != nil {
			t.Errorf("%s: got %v and %v, want %v", username, got, rfc2865.FramedIPAddress_Get(answer), want)
		}
	}
	answer := ask(t, s, dialOf(t, "joe", "s3cret päss"))
	if rfc2865.FramedIPAddress_Get(answer).String() != "100.64.0.7" || rfc2869.FramedPool_GetString(answer) != "" {
		t.Errorf("joe: got %v and %q", rfc2865.FramedIPAddress_Get(answer), rfc2869.FramedPool_GetString(answer))
	}
}

func TestAccept_PutsACustomerOfTheGardenIntoItsListAndNobodyElse(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	for username, want := range map[string]string{"garden": account.GardenList, "pool": ""} {
		answer := ask(t, s, dialOf(t, username, "pw"))
		if got := mikrotik.MikrotikAddressList_GetString(answer); answer.Code != radius.CodeAccessAccept || got != want {
			t.Errorf("%s: got %v with the list %q, want %q", username, answer.Code, got, want)
		}
	}
	s = start(t, &directory{dials: map[string]aaa.Dial{"long": {Password: "pw", Line: account.Line{
		State: account.LineEnabled, AddressList: strings.Repeat("x", 248),
	}}}})
	if answer := ask(t, s, dialOf(t, "long", "pw")); answer.Code != radius.CodeAccessReject || !strings.Contains(s.log.String(), "the address list") {
		t.Errorf("a list that fits into no attribute: got %v:\n%s", answer.Code, s.log)
	}
}

func TestRefusals_SayWhyInTheLogAndNotToTheCustomer(t *testing.T) {
	t.Parallel()
	enabled := account.Line{State: account.LineEnabled}
	s := start(t, &directory{dials: map[string]aaa.Dial{
		"joe":     {Password: "pw", Line: enabled},
		"expired": {Password: "pw", Line: account.Line{State: account.LineDisabled}, Refusal: "expired since May"},
		"gone":    {Password: "pw", Line: account.Line{State: account.LineAbsent}},
		"bare":    {Line: enabled},
		"six":     {Password: "pw", Line: account.Line{State: account.LineEnabled, Address: "2001:db8::1"}},
	}})
	for _, tt := range []struct {
		p    *radius.Packet
		want string
	}{
		{dialOf(t, "expired", "pw"), `user=expired reason="expired since May"`},
		{dialOf(t, "expired", "no"), `user=expired reason="wrong password"`},
		{dialOf(t, "gone", "pw"), `user=gone reason="the line is absent"`},
		{dialOf(t, "bare", ""), `user=bare reason="wrong password"`},
		{dialOf(t, "nobody", "pw"), `user=nobody reason="nobody has this user name on this router"`},
		{dialOf(t, "six", "pw"), `user=six reason="the fixed address`},
		{dialOf(t, "", "pw"), `user="" reason="the user name is not text"`},
		{dialOf(t, "joe", "\xff\xfe"), `reason="wrong password, or the router has another RADIUS secret"`},
		{with(request(radius.CodeAccessRequest), rfc2865.UserName_Type, "joe"), `user=joe reason="the request has no password in any form"`},
		{with(request(radius.CodeAccessRequest), rfc2865.UserPassword_Type, "short"), `reason="the User-Password is malformed`},
		{with(request(radius.CodeAccessRequest), rfc2865.CHAPPassword_Type, "short"), `reason="the CHAP-Password is malformed"`},
	} {
		answer := ask(t, s, tt.p)
		if answer.Code != radius.CodeAccessReject || len(answer.Attributes) != 1 {
			t.Errorf("want %s: got %v with %d attributes", tt.want, answer.Code, len(answer.Attributes))
		}
		if log := s.log.String(); !strings.Contains(log, tt.want) {
			t.Errorf("the log lacks %s:\n%s", tt.want, log)
		}
	}
	p := with(request(radius.CodeAccessRequest), rfc2869.EAPMessage_Type, "\x02\x00\x00\x04")
	r := s.dial(t, s.auth)
	r.send(sign(t, p))
	if answer := r.receive(); radius.Code(answer[0]) != radius.CodeAccessReject || !strings.Contains(s.log.String(), "EAP") {
		t.Errorf("EAP: got %v:\n%s", radius.Code(answer[0]), s.log)
	}
}

func TestRefusal_IsLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	for range 10 {
		ask(t, s, dialOf(t, "expired", "pw"))
	}
	if n := strings.Count(s.log.String(), "dial refused"); n != 1 {
		t.Errorf("%d lines, want 1", n)
	}
}

// The example of RFC 2759 §9.2, whose keys RFC 3079 §3.5.3 computes.
const (
	challenge    = "5B5D7C7D7B3F2F3E3C2C602132262628"
	peersOwn     = "21402324255E262A28295F2B3A337C7E"
	ntResponse   = "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF"
	proof        = "S=407A5589115FD0D6209F510FE9C04566932CDA56"
	masterSend   = "8B7CDC149B993A1BA118CB153F56DCCB"
	masterLength = 16
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// mschap2Of is that example as an Access-Request.
func mschap2Of(t testing.TB, username string) *radius.Packet {
	t.Helper()
	p := request(radius.CodeAccessRequest)
	response := append([]byte{9, 0}, unhex(t, peersOwn+strings.Repeat("00", 8)+ntResponse)...)
	set(t, rfc2865.UserName_SetString(p, username), microsoft.MSCHAPChallenge_Add(p, unhex(t, challenge)),
		microsoft.MSCHAP2Response_Add(p, response))
	return p
}

func TestMSCHAPv2_ProvesBothSidesAndGivesTheKeys(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	for _, username := range []string{"User", `BIG\User`} {
		p := mschap2Of(t, username)
		answer := ask(t, s, p)
		if answer.Code != radius.CodeAccessAccept || microsoft.MSCHAP2Success_GetString(answer) != "\x09"+proof {
			t.Errorf("%s: got %v with %q", username, answer.Code, microsoft.MSCHAP2Success_GetString(answer))
		}
		send, receive := microsoft.MSMPPESendKey_Get(answer, p), microsoft.MSMPPERecvKey_Get(answer, p)
		if !strings.EqualFold(hex.EncodeToString(send), masterSend) || len(receive) != masterLength {
			t.Errorf("%s: got the keys %x and %x", username, send, receive)
		}
		if microsoft.MSMPPEEncryptionPolicy_Get(answer) != 1 || microsoft.MSMPPEEncryptionTypes_Get(answer) != 6 {
			t.Errorf("%s: got encryption %v of %v", username, microsoft.MSMPPEEncryptionPolicy_Get(answer),
				microsoft.MSMPPEEncryptionTypes_Get(answer))
		}
	}
}

func TestMSCHAPv2_SaysInItsOwnWayThatItWasRefused(t *testing.T) {
	t.Parallel()
	line := account.Line{State: account.LineDisabled}
	s := start(t, &directory{dials: map[string]aaa.Dial{
		"User": {Password: "clientPass", Line: line}, `A\User`: {Password: "clientpass", Line: line},
	}})
	for username, code := range map[string]string{"User": "647", `A\User`: "691", `B\User`: "691"} {
		answer := ask(t, s, mschap2Of(t, username))
		want := regexp.MustCompile(`^\x09E=` + code + ` R=0 C=[0-9A-F]{32} V=3 M=\w`)
		if got := microsoft.MSCHAPError_GetString(answer); answer.Code != radius.CodeAccessReject || !want.MatchString(got) {
			t.Errorf("%s: got %v with %q, want %s", username, answer.Code, got, want)
		}
	}
}

func TestMSCHAPOfAWrongForm_IsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	short := mschap2Of(t, "User")
	short.Attributes = short.Attributes[:1]
	set(t, microsoft.MSCHAPChallenge_Add(short, []byte("8 octets")), microsoft.MSCHAP2Response_Add(short, make([]byte, 50)))
	lanManager := request(radius.CodeAccessRequest)
	set(t, rfc2865.UserName_SetString(lanManager, "User"), microsoft.MSCHAPChallenge_Add(lanManager, []byte("8 octets")),
		microsoft.MSCHAPResponse_Add(lanManager, make([]byte, 50)))
	for why, p := range map[string]*radius.Packet{"the MS-CHAP-Challenge is malformed": short, "LAN Manager": lanManager} {
		if answer := ask(t, s, p); answer.Code != radius.CodeAccessReject || !strings.Contains(s.log.String(), why) {
			t.Errorf("got %v, want a reject for %q:\n%s", answer.Code, why, s.log)
		}
	}
}
