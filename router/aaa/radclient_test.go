package aaa_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"qserve/router/aaa"
)

// methods are the ways in which radclient can prove a password.
var methods = map[string]string{
	"PAP":                  `User-Password = "%s"`,
	"CHAP":                 `CHAP-Password = "%s"`,
	"CHAP with challenge":  "CHAP-Password = \"%s\"\nCHAP-Challenge = 0x0102030405060708",
	"MS-CHAP":              `MS-CHAP-Password = "%s"`,
	"PAP, signed":          "User-Password = \"%s\"\nMessage-Authenticator = 0x00",
	"PAP, signed in front": "Message-Authenticator = 0x00\nUser-Password = \"%s\"",
}

func TestRadclient_IsLetInWithTheRightPasswordOnly(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, ok := radclient(t, s.auth, "auth", secret, "User-Name = joe\n"+fmt.Sprintf(method, "s3cret päss"))
			if !ok || !strings.Contains(out, "Received Access-Accept") {
				t.Errorf("the right password: %s", out)
			}
			_, received, _ := strings.Cut(out, "Received Access-Accept")
			for _, attribute := range []string{
				`Service-Type = Framed-User`, `Framed-Protocol = PPP`, `Framed-IP-Address = 100.64.0.7`,
				`Mikrotik-Rate-Limit = "5M/10M 8M/16M 5M/10M 10/10 8"`, `Acct-Interim-Interval = 300`,
				`Message-Authenticator = 0x`,
			} {
				if !strings.Contains(received, attribute) {
					t.Errorf("the answer lacks %s:\n%s", attribute, received)
				}
			}
			out, ok = radclient(t, s.auth, "auth", secret, "User-Name = joe\n"+fmt.Sprintf(method, "s3cret pass"))
			if ok || !strings.Contains(out, "Received Access-Reject") {
				t.Errorf("a wrong password: %s", out)
			}
			if strings.Contains(name, "MS-CHAP") && !strings.Contains(out, "E=691 R=0") {
				t.Errorf("no MS-CHAP-Error: %s", out)
			}
		})
	}
	t.Cleanup(func() {
		if log := s.log.String(); !strings.Contains(log, `reason="wrong password"`) || strings.Contains(log, "s3cret") {
			t.Errorf("the log should name the reason, and no password:\n%s", log)
		}
	})
}

func TestRadclient_SeesTheListOfTheGarden(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	out, ok := radclient(t, s.auth, "auth", secret, "User-Name = garden\nUser-Password = pw")
	_, received, _ := strings.Cut(out, "Received Access-Accept")
	if !ok || !strings.Contains(received, `Mikrotik-Address-List = "qserve-expired"`) {
		t.Errorf("got %s", out)
	}
}

func TestRadclientWithAnotherSecret_GetsNoAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	for _, ask := range [][3]string{
		{s.auth.String(), "auth", "User-Name = joe\nUser-Password = x\nMessage-Authenticator = 0x00"},
		{s.acct.String(), "acct", "User-Name = joe\nAcct-Status-Type = Start\nAcct-Session-Id = 81"},
	} {
		out, ok := runRadclient(t, []string{"-x", "-r", "2", "-t", "0.2", ask[0], ask[1], "other"}, ask[2])
		if ok || strings.Contains(out, "Received") {
			t.Errorf("%s: %s", ask[1], out)
		}
	}
	if lookups, records := s.directory.seen(); lookups != 0 || len(records) != 0 {
		t.Errorf("%d dials were looked up and %d records kept", lookups, len(records))
	}
}

func TestRadclientAccounting_IsRecordedAsSent(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	for _, sent := range []string{
		"Acct-Status-Type = Accounting-On",
		`Acct-Status-Type = Start, Acct-Session-Id = 81d00003, User-Name = joe, Calling-Station-Id = "AA:BB:CC:00:00:01",
			Framed-IP-Address = 100.64.0.7, Acct-Delay-Time = 3`,
		`Acct-Status-Type = Interim-Update, Acct-Session-Id = 81d00003, User-Name = joe, Acct-Session-Time = 300,
			Acct-Input-Octets = 5, Acct-Input-Gigawords = 1, Acct-Output-Octets = 4294967295`,
		`Acct-Status-Type = Stop, Acct-Session-Id = 81d00003, User-Name = joe, Acct-Session-Time = 301,
			Acct-Output-Gigawords = 2, Acct-Terminate-Cause = Admin-Reset`,
		"Acct-Status-Type = Accounting-Off",
		"Acct-Status-Type = Failed, Acct-Session-Id = 81d00004",
	} {
		if out, ok := radclient(t, s.acct, "acct", secret, sent); !ok || !strings.Contains(out, "Received Accounting-Response") {
			t.Errorf("%s: %s", sent, out)
		}
	}
	want := []aaa.Record{
		{RouterID: 7, Kind: aaa.RouterUp, At: noon},
		{
			RouterID: 7, Kind: aaa.Start, SessionID: "81d00003", Username: "joe", CallingStation: "AA:BB:CC:00:00:01",
			Address: netip.MustParseAddr("100.64.0.7"), At: noon.Add(-3 * time.Second),
		},
		{
			RouterID: 7, Kind: aaa.Interim, SessionID: "81d00003", Username: "joe", At: noon, SessionTime: 5 * time.Minute,
			InputOctets: 1<<32 + 5, OutputOctets: 1<<32 - 1,
		},
		{
			RouterID: 7, Kind: aaa.Stop, SessionID: "81d00003", Username: "joe", At: noon, SessionTime: 301 * time.Second,
			OutputOctets: 2 << 32, Cause: "Admin-Reset",
		},
		{RouterID: 7, Kind: aaa.RouterDown, At: noon},
	}
	_, got := s.directory.seen()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
}

func TestRadclientStatus_IsAnsweredOnBothPorts(t *testing.T) {
	t.Parallel()
	s := start(t, &directory{})
	for _, port := range []struct {
		to   string
		want string
	}{{"auth", "Received Access-Accept"}, {"acct", "Received Accounting-Response"}} {
		to := s.auth
		if port.to == "acct" {
			to = s.acct
		}
		if out, ok := radclient(t, to, "status", secret, "Message-Authenticator = 0x00"); !ok || !strings.Contains(out, port.want) {
			t.Errorf("%s: %s", port.to, out)
		}
	}
}
