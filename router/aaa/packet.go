package aaa

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RADIUS is made of it
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

const (
	headerSize    = 20 // code, identifier, length, authenticator (RFC 2865 §3)
	signatureSize = md5.Size
)

// parse reads a datagram as a request; wire is the request without what may follow it as padding.
func parse(datagram []byte) (request *radius.Packet, wire []byte, err error) {
	if request, err = radius.Parse(datagram, nil); err != nil {
		return nil, nil, err
	}
	return request, datagram[:binary.BigEndian.Uint16(datagram[2:4])], nil
}

// verify reports why a request cannot be believed to come from who shares the secret. An Access-Request proves nothing
// by its authenticator: it is believed with a right Message-Authenticator, or with none when it could not serve a
// forger.
func verify(request *radius.Packet, wire []byte) error {
	if request.Code == radius.CodeAccountingRequest {
		if !radius.IsAuthenticRequest(wire, request.Secret) {
			return errors.New("its authenticator is wrong, as with another secret")
		}
		return nil
	}
	at, err := signatureAt(wire)
	if err != nil {
		return err
	}
	if at == 0 {
		_, eap := request.Lookup(rfc2869.EAPMessage_Type)
		// Proxy-State is where the forger of CVE-2024-3596 puts his collision; no router sends it.
		_, proxied := request.Lookup(rfc2865.ProxyState_Type)
		if eap || proxied || request.Code == radius.CodeStatusServer { // RFC 3579 §3.2, RFC 5997 §3
			return errors.New("it lacks the Message-Authenticator that this request needs")
		}
		return nil
	}
	if !hmac.Equal(wire[at:at+signatureSize], signature(wire, at, request.Secret)) {
		return errors.New("its Message-Authenticator is wrong, as with another secret")
	}
	return nil
}

// signatureAt returns where the value of the Message-Authenticator of a well-formed packet begins, 0 when it has none.
func signatureAt(wire []byte) (int, error) {
	found := 0
	for at := headerSize; at < len(wire); at += int(wire[at+1]) {
		if radius.Type(wire[at]) != rfc2869.MessageAuthenticator_Type {
			continue
		}
		if found != 0 || wire[at+1] != 2+signatureSize {
			return 0, errors.New("its Message-Authenticator is malformed")
		}
		found = at + 2
	}
	return found, nil
}

// signature computes the Message-Authenticator (RFC 3579 §3.2), whose value begins at the given offset, of a packet
// that has the request's authenticator.
func signature(wire []byte, at int, secret []byte) []byte {
	mac := hmac.New(md5.New, secret)
	mac.Write(wire[:at])
	mac.Write(make([]byte, signatureSize))
	mac.Write(wire[at+signatureSize:])
	return mac.Sum(nil)
}

// newAnswer begins an answer: with Message-Authenticator before everything else, where CVE-2024-3596 cannot reach it,
// except in the answer to an Accounting-Request, which has none (RFC 2869 §5.19); and with the Proxy-States, which go
// back unchanged and in order (RFC 2865 §5.33).
func newAnswer(request *radius.Packet, code radius.Code) *radius.Packet {
	answer := request.Response(code)
	if request.Code != radius.CodeAccountingRequest {
		answer.Add(rfc2869.MessageAuthenticator_Type, make(radius.Attribute, signatureSize))
	}
	for _, avp := range request.Attributes {
		if avp.Type == rfc2865.ProxyState_Type {
			answer.Add(avp.Type, avp.Attribute)
		}
	}
	return answer
}

// seal encodes an answer and signs it.
func seal(answer *radius.Packet) ([]byte, error) {
	wire, err := answer.MarshalBinary() // with the request's authenticator
	if err != nil {
		return nil, fmt.Errorf("encode %v: %w", answer.Code, err)
	}
	if len(answer.Attributes) > 0 && answer.Attributes[0].Type == rfc2869.MessageAuthenticator_Type {
		copy(wire[headerSize+2:], signature(wire, headerSize+2, answer.Secret))
	}
	hash := md5.New() //nolint:gosec // RFC 2865 §3
	hash.Write(wire)
	hash.Write(answer.Secret)
	hash.Sum(wire[4:4:headerSize])
	return wire, nil
}

// text makes valid text without NUL of what a router sent, so that it can be stored.
func text(sent string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(sent, "\uFFFD"), "\x00", "\uFFFD")
}
