package aaa_test

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RADIUS is made of it
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

// request begins a request as a router would.
func request(code radius.Code) *radius.Packet { return radius.New(code, []byte(secret)) }

// dialOf is an Access-Request by PAP.
func dialOf(t testing.TB, username, password string) *radius.Packet {
	t.Helper()
	p := request(radius.CodeAccessRequest)
	set(t, rfc2865.UserName_SetString(p, username), rfc2865.UserPassword_SetString(p, password))
	return p
}

func set(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func encode(t testing.TB, p *radius.Packet) []byte {
	t.Helper()
	wire, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// sign encodes a request with a Message-Authenticator at its end.
func sign(t testing.TB, p *radius.Packet) []byte {
	t.Helper()
	p.Add(rfc2869.MessageAuthenticator_Type, make([]byte, md5.Size))
	wire := encode(t, p)
	mac := hmac.New(md5.New, p.Secret)
	mac.Write(wire)
	mac.Sum(wire[:len(wire)-md5.Size])
	return wire
}

// checkSigned fails unless an answer is authentic and begins with a right Message-Authenticator.
func checkSigned(t testing.TB, answer, wire []byte) {
	t.Helper()
	if !radius.IsAuthenticResponse(answer, wire, []byte(secret)) {
		t.Error("the answer's authenticator is wrong")
	}
	if len(answer) < 38 || answer[20] != 80 || answer[21] != 18 {
		t.Fatalf("the answer does not begin with a Message-Authenticator: %x", answer)
	}
	blank := append([]byte(nil), answer...)
	copy(blank[4:20], wire[4:20])
	clear(blank[22:38])
	mac := hmac.New(md5.New, []byte(secret))
	mac.Write(blank)
	if !hmac.Equal(mac.Sum(nil), answer[22:38]) {
		t.Error("the answer's Message-Authenticator is wrong")
	}
}

func decode(t testing.TB, answer []byte, of *radius.Packet) *radius.Packet {
	t.Helper()
	p, err := radius.Parse(answer, of.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
