package routeros

import (
	"errors"
	"net"
)

// The bounds of what a router may answer. The largest honest answer, some tens of thousands of secrets, stays well
// below.
const (
	maxWord  = 1 << 20
	maxReply = 16 << 20
)

// errFrame is an answer that no router sends, so something else answers or the stream is out of step.
var errFrame = errors.New("the answer is not of the RouterOS API, or is too large")

// frameGuard checks the lengths of the words that come in before go-routeros sees them: the library allocates whatever
// length it reads, up to 4 GiB for five bytes received.
type frameGuard struct {
	net.Conn
	header uint32 // value so far of a length that is being read
	need   int    // bytes of that length still to come
	skip   uint32 // bytes of the current word still to come
	total  int    // bytes of the current answer
}

// reset begins a new answer.
func (g *frameGuard) reset() { g.total = 0 }

// Read implements [net.Conn]; a chunk with a length out of bounds is withheld as a whole.
func (g *frameGuard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if g.total += n; g.total > maxReply || !g.follow(p[:n]) {
		return 0, errFrame
	}
	return n, err
}

// follow moves through the stream and reports whether every length in chunk is within bounds (RouterOS manual, "API",
// section "API words").
func (g *frameGuard) follow(chunk []byte) bool {
	for len(chunk) > 0 {
		if g.skip > 0 {
			n := min(int(g.skip), len(chunk))
			chunk, g.skip = chunk[n:], g.skip-uint32(n)
			continue
		}
		b := chunk[0]
		chunk = chunk[1:]
		if g.need > 0 {
			g.header, g.need = g.header<<8|uint32(b), g.need-1
		} else {
			switch {
			case b < 0x80:
				g.header, g.need = uint32(b), 0
			case b < 0xC0:
				g.header, g.need = uint32(b&0x3F), 1
			case b < 0xE0:
				g.header, g.need = uint32(b&0x1F), 2
			case b < 0xF0:
				g.header, g.need = uint32(b&0x0F), 3
			case b == 0xF0:
				g.header, g.need = 0, 4
			default:
				return false
			}
		}
		if g.need == 0 {
			if g.header > maxWord {
				return false
			}
			g.skip = g.header
		}
	}
	return true
}
