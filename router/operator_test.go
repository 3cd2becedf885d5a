package router_test

import (
	"testing"

	"github.com/go-routeros/routeros/v3"

	"qserve/router/mikrosim"
)

// operatorConn is a person at the router, by another way than the code under test.
type operatorConn struct {
	t      *testing.T
	client *routeros.Client
}

func dialOperator(t *testing.T, sim *mikrosim.Router) *operatorConn {
	t.Helper()
	c, err := routeros.Dial(sim.APIAddr(), "qserve", apiPassword)
	if err != nil {
		t.Fatal(err)
	}
	return &operatorConn{t: t, client: c}
}

func (c *operatorConn) types(words ...string) {
	c.t.Helper()
	if _, err := c.client.Run(words...); err != nil {
		c.t.Fatalf("%q: %v", words, err)
	}
}

func (c *operatorConn) Close() { c.client.Close() }
