package peer_test

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"qserve/internal/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOf_OnlyDeclaredProxiesAreBelieved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		proxies   int
		forwarded []string
		want      string
	}{
		{"no proxy, no header", 0, nil, "192.0.2.1"},
		{"no proxy, somebody's claim", 0, []string{"196.201.214.200"}, "192.0.2.1"},
		{"one proxy", 1, []string{"203.0.113.7"}, "203.0.113.7"},
		{"one proxy, a claim before its entry", 1, []string{"196.201.214.200, 203.0.113.7"}, "203.0.113.7"},
		{"two proxies", 2, []string{"196.201.214.200, 203.0.113.7, 10.0.0.1"}, "203.0.113.7"},
		{"two proxies in two lines", 2, []string{"196.201.214.200, 203.0.113.7", "10.0.0.1"}, "203.0.113.7"},
		{"past the proxies", 2, []string{"196.201.214.200"}, "192.0.2.1"},
		{"rubbish", 1, []string{"unknown"}, "192.0.2.1"},
		{"IPv6", 1, []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv4 in IPv6", 1, []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
	} {
		r := &http.Request{RemoteAddr: "192.0.2.1:4711", Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := peer.Of(r, c.proxies).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
