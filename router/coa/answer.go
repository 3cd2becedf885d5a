package coa

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RFC 2869 §5.14 computes Message-Authenticator with it
	"encoding/binary"
	"errors"
	"fmt"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3576"
)

const (
	headerSize    = 20 // code, identifier, length, authenticator (RFC 2865 §3)
	signatureSize = md5.Size
)

// parseAnswer reads a datagram as the answer to request, or says why it is none.
func parseAnswer(datagram, request, secret []byte) (Answer, error) {
	if len(datagram) < headerSize {
		return Answer{}, errors.New("it is shorter than a RADIUS header")
	}
	length := int(binary.BigEndian.Uint16(datagram[2:4]))
	if length < headerSize || length > radius.MaxPacketLength || length > len(datagram) {
		return Answer{}, errors.New("its length is wrong")
	}
	// What follows after Length is padding, to be ignored (RFC 2865 §3), by the authenticator's hash too.
	datagram = datagram[:length]
	if datagram[1] != request[1] {
		return Answer{}, errors.New("its identifier is not the request's")
	}
	var answer Answer
	switch code := radius.Code(datagram[0]); {
	case code == ackOf(request):
		answer.ACK = true
	case code != ackOf(request)+1:
		return Answer{}, fmt.Errorf("%v does not answer the request", code)
	}
	if !radius.IsAuthenticResponse(datagram, request, secret) {
		return Answer{}, errors.New("its authenticator is wrong, as with another secret")
	}
	if err := verifySignature(datagram, request, secret); err != nil {
		return Answer{}, err
	}
	p, err := radius.Parse(datagram, secret)
	if err != nil {
		return Answer{}, err
	}
	// A missing or malformed Error-Cause leaves 0: the ACK or NAK itself stands.
	if cause, err := rfc3576.ErrorCause_Lookup(p); err == nil {
		answer.Cause = Cause(cause)
	}
	return answer, nil
}

// ackOf returns the code of an ACK to request; that of a NAK is the next one, for both kinds of request.
func ackOf(request []byte) radius.Code { return radius.Code(request[0]) + 1 }

// verifySignature checks the Message-Authenticator of an answer that has one (RFC 5176 §3.4).
func verifySignature(answer, request, secret []byte) error {
	for at := headerSize; at+2 <= len(answer); {
		size := int(answer[at+1])
		if size < 2 || at+size > len(answer) {
			return errors.New("an attribute has a wrong length")
		}
		if radius.Type(answer[at]) == rfc2869.MessageAuthenticator_Type {
			if size != 2+signatureSize ||
				!hmac.Equal(answer[at+2:at+size], signature(answer, at+2, request[4:headerSize], secret)) {
				return errors.New("its Message-Authenticator is wrong")
			}
		}
		at += size
	}
	return nil
}

// signature computes the Message-Authenticator of packet, whose value begins at the given offset and counts as zeros,
// with authenticator in the place of the packet's own.
func signature(packet []byte, at int, authenticator, secret []byte) []byte {
	mac := hmac.New(md5.New, secret)
	mac.Write(packet[:4])
	mac.Write(authenticator)
	mac.Write(packet[headerSize:at])
	mac.Write(make([]byte, signatureSize))
	mac.Write(packet[at+signatureSize:])
	return mac.Sum(nil)
}
