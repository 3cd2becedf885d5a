package stage_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"qserve/internal/stack"
)

// tap stands between the program and Redis, and keeps everything that goes through.
type tap struct {
	listener net.Listener
	target   string
	all      sync.WaitGroup

	mu   sync.Mutex
	seen bytes.Buffer
	open []net.Conn
}

// tapRedis starts a Redis and a tap before it, and returns the address of the tap.
func tapRedis(t *testing.T) (*tap, string) {
	t.Helper()
	redis, err := stack.StartRedis(t.Context(), stack.RedisOptions{})
	if err != nil {
		t.Fatalf("start Redis: %v", err)
	}
	address, err := url.Parse(redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tapped := &tap{listener: listener, target: address.Host}
	tapped.all.Go(tapped.accept)
	t.Cleanup(func() {
		tapped.close()
		if err := redis.Stop(); err != nil {
			t.Error(err)
		}
	})
	address.Host = listener.Addr().String()
	return tapped, address.String()
}

func (t *tap) accept() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		server, err := new(net.Dialer).DialContext(context.Background(), "tcp", t.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		t.mu.Lock()
		t.open = append(t.open, client, server)
		t.mu.Unlock()
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			t.all.Go(func() {
				_, _ = io.Copy(io.MultiWriter(way[1], t), way[0])
				_ = way[1].Close()
			})
		}
	}
}

// Write keeps what went through.
func (t *tap) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen.Write(b)
}

func (t *tap) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen.String()
}

func (t *tap) close() {
	_ = t.listener.Close()
	t.mu.Lock()
	for _, c := range t.open {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.all.Wait()
}
