package mikrosim_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/go-routeros/routeros/v3"

	"qserve/router/mikrosim"
)

// BenchmarkSetByName is the command that a busy router gets most, among ten thousand secrets.
func BenchmarkSetByName(b *testing.B) {
	r, err := mikrosim.Start(context.Background(), mikrosim.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", r.APIAddr())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	c, err := routeros.NewClient(conn)
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Login("qserve", "qserve"); err != nil {
		b.Fatal(err)
	}
	const n = 10_000
	for i := range n {
		if _, err := c.Run("/ppp/secret/add", fmt.Sprintf("=name=user%d", i)); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	for b.Loop() {
		i++
		if _, err := c.Run("/ppp/secret/set", fmt.Sprintf("=.id=user%d", i%n), fmt.Sprintf("=comment=generation %d", i)); err != nil {
			b.Fatal(err)
		}
	}
}
