package routeros_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"qserve/router/routeros"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "hunter2-hunter2"

// peer is a scripted router: it records what it is asked and answers what the script says.
type peer struct {
	address string
	answer  func(w io.Writer, words []string) (stay bool)

	mu    sync.Mutex
	asked [][]string
}

// listen serves answer on a loopback port until the test ends; log-ins are accepted unless answer sees to them.
func listen(t *testing.T, answer func(w io.Writer, words []string) bool) *peer {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l, answer)
}

func serve(t *testing.T, l net.Listener, answer func(w io.Writer, words []string) bool) *peer {
	t.Helper()
	p := &peer{address: l.Addr().String(), answer: answer}
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
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wait.Wait()
	})
	return p
}

func (p *peer) talk(conn net.Conn) {
	defer conn.Close()
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

func (p *peer) sentences() [][]string {
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

func sentence(words ...string) []byte {
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

func say(w io.Writer, sentences ...[]byte) bool {
	_, err := w.Write(slices.Concat(sentences...))
	return err == nil
}

// script accepts the log-in and leaves the rest to answer.
func script(answer func(w io.Writer, words []string) bool) func(io.Writer, []string) bool {
	return func(w io.Writer, words []string) bool {
		if words[0] == "/login" {
			return say(w, sentence("!done"))
		}
		return answer(w, words)
	}
}

func config(p *peer) routeros.Config {
	return routeros.Config{
		Address: p.address, User: "qserve", Password: password, Plain: true,
		LoginTimeout: 5 * time.Second, CommandTimeout: 5 * time.Second,
	}
}

func dial(t *testing.T, cfg routeros.Config) *routeros.Conn {
	t.Helper()
	conn, err := routeros.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// noPassword fails the test when an error shows a password.
func noPassword(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, secret := range append(secrets, password) {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows a password: %v", err)
		}
	}
}

func soon(t *testing.T, cfg routeros.Config) (context.Context, routeros.Config) {
	t.Helper()
	cfg.LoginTimeout, cfg.CommandTimeout = 50*time.Millisecond, 50*time.Millisecond
	return t.Context(), cfg
}
