package mikrosim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/router/mikrosim"
)

func TestPrint_SelectsRowsAndPropertiesAsAsked(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	c := dial(t, r)
	for _, words := range []string{
		"=name=a =service=pppoe =comment=x", "=name=b =service=l2tp =limit-bytes-in=90", "=name=c =service=pppoe =limit-bytes-in=1000",
		"=name=d =disabled=yes =comment=x",
	} {
		run(t, c, append([]string{"/ppp/secret/add"}, strings.Fields(words)...)...)
	}
	for query, want := range map[string]string{
		"":                                 "abcd",
		"?name=b":                          "b",
		"?=name=b":                         "b",
		"?.id=*3":                          "c",
		"?name=nobody":                     "",
		"?comment":                         "ad",
		"?-comment":                        "bc",
		"?comment=x ?service=pppoe":        "a",
		"?service=pppoe ?service=l2tp ?#|": "abc",
		"?name=a ?#!":                      "bcd",
		"?name=a ?name=b ?#| ?comment":     "a",
		"?service=pppoe ?comment ?#&!":     "bcd",
		"?>limit-bytes-in=90":              "c",
		"?<limit-bytes-in=90":              "ad",
		"?disabled=yes":                    "d",
		"?disabled=true":                   "d",
		"?comment ?service=pppoe ?#1":      "ad",
		"?comment ?service=pppoe ?#0":      "ac",
		"?comment ?service=pppoe ?#.!|&":   "ad",
		"?password=":                       "",
	} {
		var got strings.Builder
		for _, row := range run(t, c, append([]string{"/ppp/secret/print", "=.proplist=name"}, strings.Fields(query)...)...) {
			got.WriteString(row["name"])
			if len(row) != 1 {
				t.Errorf("%s: row %v, want the name alone", query, row)
			}
		}
		if got.String() != want {
			t.Errorf("%s: got %q, want %q", query, got.String(), want)
		}
	}
	reply, err := c.Run("/ppp/secret/print", "=count-only=", "?comment=x")
	must(t, err)
	if got := reply.Done.Map["ret"]; got != "2" || len(reply.Re) > 0 {
		t.Errorf("counted %q with %d rows, want 2 and none", got, len(reply.Re))
	}
}

func TestNoRows_AreAnsweredWithEmptySince718(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][]string{"7.9": {"!done"}, "7.16": {"!done"}, "7.18": {"!empty", "!done"}, "7.20rc1": {"!empty", "!done"}} {
		c := rawLogin(t, setup(t, mikrosim.Config{Version: version}))
		c.send(t, "/ppp/secret/print")
		for _, w := range want {
			if got := c.next(t); got != w {
				t.Errorf("%s: got %s, want %s", version, got, w)
			}
		}
	}
}

func TestTaggedCommands_AreAnsweredInTurns(t *testing.T) {
	t.Parallel()
	// Long enough for the second command to be there before the first is answered, also on a busy machine.
	r := setup(t, mikrosim.Config{Latency: 400 * time.Millisecond})
	c := rawLogin(t, r)
	for i := range 3 {
		c.send(t, "/ppp/secret/add", fmt.Sprintf("=name=u%d", i))
		c.next(t)
	}
	c.send(t, "/ppp/secret/print", "=.proplist=name", ".tag=1")
	c.send(t, "/ppp/profile/print", "=.proplist=name", ".tag=2")
	c.send(t, "/system/identity/print")
	got := map[string][]string{}
	var order strings.Builder
	for range 9 {
		word, rest, _ := strings.Cut(c.next(t), " ")
		tag := ""
		if strings.HasPrefix(rest, "#") {
			tag, rest, _ = strings.Cut(rest[1:], " ")
		}
		order.WriteString(tag)
		got[tag] = append(got[tag], strings.TrimSpace(word+" "+rest))
	}
	want := map[string][]string{
		"1": {"!re name=u0", "!re name=u1", "!re name=u2", "!done"}, "2": {"!re name=default", "!re name=default-encryption", "!done"},
		"": {"!re name=127.0.0.1", "!done"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if strings.Contains(order.String(), "1111") {
		t.Errorf("answers came in the order %s, want them in turns", order.String())
	}
}

func TestCancel_InterruptsTheCommandInTheRecordedOrder(t *testing.T) {
	t.Parallel()
	c := rawLogin(t, setup(t, mikrosim.Config{}))
	c.send(t, "/radius/incoming/monitor", ".tag=10")
	if got := c.next(t); got != "!re #10 requests=0 bad-requests=0 acks=0 naks=0" {
		t.Errorf("got %s", got)
	}
	c.send(t, "/cancel", "=tag=10", ".tag=20")
	for _, want := range []string{"!trap #10 category=2 message=interrupted", "!done #20", "!done #10"} {
		if got := c.next(t); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	c.send(t, "/system/identity/print")
	if got := c.next(t); got != "!re name=127.0.0.1" {
		t.Errorf("after the cancel: %s", got)
	}
}
