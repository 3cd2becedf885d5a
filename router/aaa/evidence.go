package aaa

import (
	"bytes"
	"crypto/md5" //nolint:gosec // CHAP is made of it
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"unicode/utf8"

	"layeh.com/radius"
	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3079"
	"layeh.com/radius/vendors/microsoft"
)

// The codes of MS-CHAP-Error (RFC 2759 §6).
const (
	accountDisabled = 647
	failedLogin     = 691
)

// evidence is what a dial offers to prove that it knows the password.
type evidence interface {
	// proves reports whether it does, in a time that does not depend on how nearly it does.
	proves(password string) bool
	// hint says what else may be behind evidence that proves nothing; it goes into the log.
	hint() string
	// accept and reject add what the method owes its peer.
	accept(answer *radius.Packet, password string) error
	reject(answer *radius.Packet, code int) error
}

// evidenceOf finds the evidence in a request.
func evidenceOf(request *radius.Packet) (evidence, error) {
	if hidden, ok := request.Lookup(rfc2865.UserPassword_Type); ok {
		password, err := radius.UserPassword(hidden, request.Secret, request.Authenticator[:])
		if err != nil {
			return nil, fmt.Errorf("the User-Password is malformed: %w", err)
		}
		return pap{password: password}, nil
	}
	if response, ok := request.Lookup(rfc2865.CHAPPassword_Type); ok {
		if len(response) != 1+md5.Size {
			return nil, errors.New("the CHAP-Password is malformed")
		}
		challenge, ok := request.Lookup(rfc2865.CHAPChallenge_Type)
		if !ok {
			challenge = request.Authenticator[:]
		}
		return chap{response: response, challenge: challenge}, nil
	}
	challenge := microsoft.MSCHAPChallenge_Get(request)
	if response := microsoft.MSCHAP2Response_Get(request); response != nil {
		if len(challenge) != 16 {
			return nil, errors.New("the MS-CHAP-Challenge is malformed")
		}
		return mschap2{response: response, challenge: challenge, name: nameOf(rfc2865.UserName_Get(request))}, nil
	}
	if response := microsoft.MSCHAPResponse_Get(request); response != nil {
		if len(challenge) != 8 || response[1]&1 == 0 {
			return nil, errors.New("the MS-CHAP response is malformed, or of the LAN Manager kind, which nobody needs")
		}
		return mschap1{response: response, challenge: challenge}, nil
	}
	if _, ok := request.Lookup(rfc2869.EAPMessage_Type); ok {
		return nil, errors.New("EAP is not supported; let the router's PPPoE server offer mschap2 and chap")
	}
	return nil, errors.New("the request has no password in any form")
}

// oneWay is a method that owes its peer nothing but the yes or no.
type oneWay struct{}

func (oneWay) accept(*radius.Packet, string) error { return nil }

func (oneWay) reject(*radius.Packet, int) error { return nil }

// hashed is a method whose evidence nobody can read.
type hashed struct{}

func (hashed) hint() string { return "" }

// pap is a password in the clear (RFC 2865 §5.2).
type pap struct {
	oneWay
	password []byte
}

func (p pap) proves(password string) bool {
	return subtle.ConstantTimeCompare(p.password, []byte(password)) == 1
}

func (p pap) hint() string {
	if !utf8.Valid(p.password) {
		return ", or the router has another RADIUS secret"
	}
	return ""
}

// chap is a hash over a challenge (RFC 2865 §2.2, RFC 1994).
type chap struct {
	oneWay
	hashed
	response, challenge []byte
}

func (c chap) proves(password string) bool {
	hash := md5.New() //nolint:gosec // RFC 1994 §4.1
	hash.Write(c.response[:1])
	hash.Write([]byte(password))
	hash.Write(c.challenge)
	return subtle.ConstantTimeCompare(c.response[1:], hash.Sum(nil)) == 1
}

// mschap1 is MS-CHAP (RFC 2433): ident, flags, LAN Manager response, NT response (RFC 2548 §2.1.3). It brings no MPPE
// keys: a link that must be encrypted has MS-CHAPv2 to ask for.
type mschap1 struct {
	hashed
	response, challenge []byte
}

func (m mschap1) proves(password string) bool {
	unicode, err := rfc2759.ToUTF16([]byte(password))
	if err != nil {
		return false
	}
	want := rfc2759.ChallengeResponse(m.challenge, rfc2759.NTPasswordHash(unicode))
	return subtle.ConstantTimeCompare(m.response[26:], want) == 1
}

func (mschap1) accept(*radius.Packet, string) error { return nil }

func (m mschap1) reject(answer *radius.Packet, code int) error {
	return microsoft.MSCHAPError_Add(answer, fmt.Appendf(m.response[:1:1], "E=%d R=0", code))
}

// mschap2 is MS-CHAPv2 (RFC 2759): ident, flags, peer challenge, eight zeros, NT response (RFC 2548 §2.3.2).
type mschap2 struct {
	hashed
	response, challenge, name []byte
}

// nameOf returns the user name as MS-CHAPv2 hashes it, without a Windows domain (RFC 2759 §4).
func nameOf(username []byte) []byte {
	return username[bytes.LastIndexByte(username, '\\')+1:]
}

func (m mschap2) peerChallenge() []byte { return m.response[2:18] }

func (m mschap2) ntResponse() []byte { return m.response[26:] }

func (m mschap2) proves(password string) bool {
	want, err := rfc2759.GenerateNTResponse(m.challenge, m.peerChallenge(), m.name, []byte(password))
	return err == nil && subtle.ConstantTimeCompare(m.ntResponse(), want) == 1
}

// accept proves to the peer that this side knows the password too, and gives the router the keys of an encrypted link
// (RFC 2548 §2.3.3 and §2.4).
func (m mschap2) accept(answer *radius.Packet, password string) error {
	proof, err := rfc2759.GenerateAuthenticatorResponse(
		m.challenge, m.peerChallenge(), m.ntResponse(), m.name, []byte(password))
	if err != nil {
		return err
	}
	receive, err := rfc3079.MakeKey(m.ntResponse(), []byte(password), false)
	if err != nil {
		return err
	}
	send, err := rfc3079.MakeKey(m.ntResponse(), []byte(password), true)
	if err != nil {
		return err
	}
	return errors.Join(
		microsoft.MSCHAP2Success_Add(answer, append(m.response[:1:1], proof...)),
		microsoft.MSMPPERecvKey_Add(answer, receive),
		microsoft.MSMPPESendKey_Add(answer, send),
		microsoft.MSMPPEEncryptionPolicy_Add(answer, microsoft.MSMPPEEncryptionPolicy_Value_EncryptionAllowed),
		microsoft.MSMPPEEncryptionTypes_Add(answer, microsoft.MSMPPEEncryptionTypes_Value_RC440or128BitAllowed),
	)
}

func (m mschap2) reject(answer *radius.Packet, code int) error {
	challenge := make([]byte, 16)
	rand.Read(challenge)
	return microsoft.MSCHAPError_Add(answer,
		fmt.Appendf(m.response[:1:1], "E=%d R=0 C=%X V=3 M=Access denied", code, challenge))
}
