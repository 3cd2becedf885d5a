// Package routerostest is the other end of the RouterOS API for tests: it records what it is asked and answers what the
// test says, well-formed or not.
//
// A router that behaves like one is package mikrosim; this one has no behaviour of its own.
package routerostest

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// Answer answers one sentence and reports whether the connection stays.
type Answer func(w io.Writer, words []string) (stay bool)

// Peer is a scripted router.
type Peer struct {
	Address string // host:port
	answer  Answer

	mu    sync.Mutex
	asked [][]string
}

// Listen serves answer on a loopback port until the test ends.
func Listen(t *testing.T, answer Answer) *Peer {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return Serve(t, l, answer)
}

// Serve serves answer on l until the test ends.
func Serve(t *testing.T, l net.Listener, answer Answer) *Peer {
	t.Helper()
	p := &Peer{Address: l.Addr().String(), answer: answer}
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wait.Go(func() { p.talk(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close() //nolint:errcheck // it is a test's end
		mu.Lock()
		for _, c := range conns {
			c.Close() //nolint:errcheck // it is a test's end
		}
		mu.Unlock()
		wait.Wait()
	})
	return p
}

func (p *Peer) talk(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // it is a test's end
	in := bufio.NewReader(conn)
	for {
		words, err := readSentence(in)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.asked = append(p.asked, words)
		p.mu.Unlock()
		if !p.answer(conn, words) {
			return
		}
	}
}

// Sentences returns what was asked so far, log-ins included.
func (p *Peer) Sentences() [][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

func readSentence(in *bufio.Reader) ([]string, error) {
	var words []string
	for {
		first, err := in.ReadByte()
		if err != nil {
			return nil, err
		}
		length := int(first)
		if first >= 0x80 {
			second, err := in.ReadByte()
			if err != nil {
				return nil, err
			}
			length = int(first&0x3f)<<8 | int(second)
		}
		if length == 0 {
			return words, nil
		}
		word := make([]byte, length)
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, err
		}
		words = append(words, string(word))
	}
}

// Sentence encodes words of less than 256 MiB.
func Sentence(words ...string) []byte {
	var out []byte
	for _, word := range words {
		switch n := len(word); {
		case n < 0x80:
			out = append(out, byte(n))
		case n < 0x4000:
			out = binary.BigEndian.AppendUint16(out, uint16(n)|0x8000)
		default:
			out = binary.BigEndian.AppendUint32(out, uint32(n)|0xE0000000)
		}
		out = append(out, word...)
	}
	return append(out, 0)
}

// Say writes sentences and reports whether that worked.
func Say(w io.Writer, sentences ...[]byte) bool {
	_, err := w.Write(slices.Concat(sentences...))
	return err == nil
}

// LoggedIn accepts the log-in and leaves the rest to answer.
func LoggedIn(answer Answer) Answer {
	return func(w io.Writer, words []string) bool {
		if words[0] == "/login" {
			return Say(w, Sentence("!done"))
		}
		return answer(w, words)
	}
}
