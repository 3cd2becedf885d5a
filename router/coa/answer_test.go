package coa

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RFC 2869 §5.14 computes Message-Authenticator with it
	"encoding/binary"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
)

var key = []byte("secret")

// testRequest returns a CoA-Request's bytes, and the packet that answers to it are made from.
func testRequest(t testing.TB) ([]byte, *radius.Packet) {
	t.Helper()
	request := radius.New(radius.CodeCoARequest, key)
	wire, err := request.Encode()
	if err != nil {
		t.Fatal(err)
	}
	copy(request.Authenticator[:], wire[4:headerSize])
	return wire, request
}

// signedAnswer returns an answer with a Message-Authenticator that hmac and md5 compute here by themselves.
func signedAnswer(t testing.TB, request *radius.Packet, code radius.Code) []byte {
	t.Helper()
	answer := request.Response(code)
	if err := rfc3576.ErrorCause_Set(answer, 503); err != nil {
		t.Fatal(err)
	}
	answer.Add(rfc2869.MessageAuthenticator_Type, make([]byte, signatureSize))
	unsigned, err := answer.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(md5.New, key)
	mac.Write(unsigned)
	answer.Set(rfc2869.MessageAuthenticator_Type, mac.Sum(nil))
	wire, err := answer.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func TestSignedAnswer_CountsUnlessItsSignatureIsWrong(t *testing.T) {
	t.Parallel()
	wire, request := testRequest(t)
	answer, err := parseAnswer(signedAnswer(t, request, radius.CodeCoANAK), wire, key)
	if err != nil || answer.ACK || answer.Cause != SessionNotFound {
		t.Errorf("got %+v, %v, want a NAK with its cause", answer, err)
	}
	request.Authenticator[0]++ // signed for another request, but the authenticator repaired
	resigned, err := resign(signedAnswer(t, request, radius.CodeCoANAK), wire)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := parseAnswer(resigned, wire, key); err == nil {
		t.Errorf("got %+v for a wrong signature, want an error", answer)
	}
}

// FuzzParseAnswer holds that no datagram makes the parser panic, and that none counts as an answer which layeh, with
// padding removed, does not take for an authentic one.
func FuzzParseAnswer(f *testing.F) {
	wire, request := testRequest(f)
	request.Identifier, request.Authenticator = 7, [16]byte{}
	wire[1] = 7
	copy(wire[4:headerSize], request.Authenticator[:])
	for _, code := range []radius.Code{radius.CodeCoAACK, radius.CodeCoANAK, radius.CodeDisconnectACK} {
		signed := signedAnswer(f, request, code)
		f.Add(signed)
		f.Add(append(signed, 0, 0))
		f.Add(signed[:len(signed)-1])
		f.Add(signed[:headerSize])
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		answer, err := parseAnswer(datagram, wire, key)
		// Once more with the authenticator repaired, so that fuzzing reaches what lies behind its check.
		if repaired, err := resign(datagram, wire); err == nil {
			_, _ = parseAnswer(repaired, wire, key) // must not panic
		}
		if err != nil {
			return
		}
		length := int(binary.BigEndian.Uint16(datagram[2:4]))
		if !radius.IsAuthenticResponse(datagram[:length], wire, key) {
			t.Error("an answer that is not authentic counts")
		}
		if code := radius.Code(datagram[0]); answer.ACK != (code == radius.CodeCoAACK) ||
			(!answer.ACK && code != radius.CodeCoANAK) {
			t.Errorf("%v counts as %+v", code, answer)
		}
	})
}

// resign returns datagram with the code, identifier, length and authenticator of a NAK to request.
func resign(datagram, request []byte) ([]byte, error) {
	p := &radius.Packet{Code: radius.CodeCoANAK, Identifier: request[1], Secret: key}
	copy(p.Authenticator[:], request[4:headerSize])
	var err error
	if p.Attributes, err = radius.ParseAttributes(datagram[min(headerSize, len(datagram)):]); err != nil {
		return nil, err
	}
	return p.Encode()
}
