package mikrosim

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // Message-Authenticator, RFC 3579 §3.2
	"encoding/binary"
	"errors"
	"slices"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
)

// attributesAt is where the attributes of a RADIUS packet begin; the 16 bytes before are the authenticator.
const attributesAt = 20

var errNotRadius = errors.New("not a RADIUS packet")

// trimPacket cuts off what lies beyond the packet's length, which RFC 2865 §3 says to ignore.
func trimPacket(b []byte) ([]byte, error) {
	if len(b) < attributesAt {
		return nil, errNotRadius
	}
	n := int(binary.BigEndian.Uint16(b[2:4]))
	if n < attributesAt || n > len(b) {
		return nil, errNotRadius
	}
	return b[:n], nil
}

// withSignature puts an empty Message-Authenticator in front of the other attributes; sign fills it.
func withSignature(p *radius.Packet) {
	empty := &radius.AVP{Type: rfc2869.MessageAuthenticator_Type, Attribute: make([]byte, md5.Size)}
	p.Attributes = append(radius.Attributes{empty}, p.Attributes...)
}

// signature computes the Message-Authenticator of a packet: over its bytes with the given authenticator and with the
// attribute itself zero. at is where the attribute's value is, 0 if there is none.
func signature(packet, authenticator, secret []byte) (sum []byte, at int) {
	for i := attributesAt; i+2 <= len(packet); i += int(packet[i+1]) {
		if packet[i+1] < 2 {
			return nil, 0
		}
		if packet[i] == byte(rfc2869.MessageAuthenticator_Type) && packet[i+1] == 2+md5.Size && i+2+md5.Size <= len(packet) {
			at = i + 2
			break
		}
	}
	if at == 0 {
		return nil, 0
	}
	plain := slices.Clone(packet)
	copy(plain[4:attributesAt], authenticator)
	clear(plain[at : at+md5.Size])
	mac := hmac.New(md5.New, secret)
	mac.Write(plain)
	return mac.Sum(nil), at
}

// signed reports whether a packet carries a Message-Authenticator and whether it is right.
func signed(packet, authenticator, secret []byte) (present, valid bool) {
	sum, at := signature(packet, authenticator, secret)
	if at == 0 {
		return false, false
	}
	return true, hmac.Equal(sum, packet[at:at+md5.Size])
}

// encode returns the bytes of a packet. A Message-Authenticator that withSignature put in is computed over the authenticator
// that the RFCs name for the kind of packet: the packet's own in an Access-Request (RFC 3579 §3.2), zeros in other requests
// (RFC 5176 §3.4), and the request's in an answer, which is in p since radius.Packet.Response copied it.
func encode(p *radius.Packet) ([]byte, error) {
	plain, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	over := p.Authenticator[:]
	switch p.Code {
	case radius.CodeAccountingRequest, radius.CodeCoARequest, radius.CodeDisconnectRequest:
		over = make([]byte, md5.Size)
	}
	if sum, at := signature(plain, over, p.Secret); at > 0 {
		p.Set(rfc2869.MessageAuthenticator_Type, sum)
	}
	return p.Encode()
}
