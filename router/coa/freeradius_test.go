package coa_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"qserve/account"
	"qserve/router/coa"
)

const secret = "correct horse battery staple"

// freeRADIUSConfig is a server that knows one session, and refuses whatever a router would refuse. It is written
// independently of this package's code, and so is FreeRADIUS.
const freeRADIUSConfig = `
prefix = /usr
logdir = %[1]s
run_dir = %[1]s
radacctdir = %[1]s
libdir = /usr/lib/freeradius
max_request_time = 5
cleanup_delay = 2
security { allow_vulnerable_openssl = yes }
client loopback {
	ipaddr = 127.0.0.1
	secret = "%[3]s"
}
modules {
	always ok { rcode = ok }
	always reject { rcode = reject }
}
server coa {
	listen {
		type = coa
		ipaddr = 127.0.0.1
		port = %[2]d
	}
	recv-coa {
		if ("%%{Packet-Type}" == "Disconnect-Request" && (&Mikrotik-Rate-Limit || &Mikrotik-Address-List)) {
			update reply { Error-Cause := Unsupported-Attribute }
			reject
		}
		elsif (!&User-Name || &User-Name != "joe") {
			update reply { Error-Cause := Session-Context-Not-Found }
			reject
		}
		elsif (!&Acct-Session-Id || &Acct-Session-Id != "81d00003") {
			update reply { Error-Cause := Missing-Attribute }
			reject
		}
		elsif ("%%{Packet-Type}" == "CoA-Request" && &Mikrotik-Rate-Limit && &Mikrotik-Address-List) {
			update reply { Error-Cause := Unsupported-Extension }
			reject
		}
		elsif ("%%{Packet-Type}" == "CoA-Request" && &Mikrotik-Address-List && &Mikrotik-Address-List != "qserve-expired") {
			update reply { Error-Cause := Unsupported-Attribute }
			reject
		}
		elsif ("%%{Packet-Type}" == "CoA-Request" && !&Mikrotik-Address-List && (!&Mikrotik-Rate-Limit || &Mikrotik-Rate-Limit != "5M/10M")) {
			update reply { Error-Cause := Invalid-Attribute-Value }
			reject
		}
		elsif (&Framed-IP-Address && &Framed-IP-Address != 100.64.0.7) {
			reject
		}
		else {
			ok
		}
	}
	send-coa {
		ok
	}
}
`

// startFreeRADIUS runs FreeRADIUS' CoA server on loopback and returns its address once it listens.
func startFreeRADIUS(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("freeradius")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/freeradius"); err != nil {
			t.Fatalf("freeradius is needed as an independent peer; install it with scripts/setup: %v", err)
		}
	}
	// The port is free only until somebody else takes it, so a server that cannot have it starts again with another.
	var output string
	for range 5 {
		port := freePort(t)
		dir := t.TempDir()
		config := fmt.Sprintf(freeRADIUSConfig, dir, port, secret)
		if err := os.WriteFile(filepath.Join(dir, "radiusd.conf"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		ready, said := runFreeRADIUS(t, program, dir)
		if ready {
			return fmt.Sprintf("127.0.0.1:%d", port)
		}
		output = said
	}
	t.Fatalf("freeradius does not start:\n%s", output)
	return ""
}

// follow runs a program that ends when its standard input does, and so with this process, however that ends.
const follow = `exec 3<&0; "$0" "$@" & server=$!; (read -r _ <&3; kill -9 $server) >/dev/null 2>&1 & wait $server`

func runFreeRADIUS(t *testing.T, program, dir string) (ready bool, output string) {
	t.Helper()
	server := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", follow, program, "-f", "-l", "stdout", "-d", dir)
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	server.Stderr = server.Stdout
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	started := make(chan bool, 1)
	var said strings.Builder
	go func() {
		defer close(ended)
		defer close(started)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "Ready to process requests") {
				started <- true
			}
		}
		_ = server.Wait() // killed, or the reason is in what it said
	}()
	t.Cleanup(func() {
		_ = stdin.Close() // it may have ended by itself
		<-ended
	})
	if <-started {
		return true, ""
	}
	<-ended
	return false, said.String()
}

func freePort(t *testing.T) int {
	t.Helper()
	var config net.ListenConfig
	conn, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).Port
}

func TestFreeRADIUS_TakesEveryFormOfTheRequests(t *testing.T) {
	t.Parallel()
	address := startFreeRADIUS(t)
	client := coa.New(coa.Config{Source: loopback})
	for _, nas := range []coa.NAS{
		{Address: address, Secret: secret},
		{Address: address, Secret: secret, MessageAuthenticator: true},
		{Address: address, Secret: secret, MessageAuthenticator: true, EventTimestamp: true},
	} {
		for _, session := range []coa.Session{
			{Username: "joe", AcctSessionID: "81d00003"},
			{Username: "joe", AcctSessionID: "81d00003", FramedIP: framed},
		} {
			answer, err := client.Disconnect(t.Context(), nas, session)
			if err != nil || !answer.ACK || answer.Cause != 0 {
				t.Errorf("disconnect %+v with %+v: got %+v, %v, want an ACK", session, nas, answer, err)
			}
			answer, err = client.ChangeRate(t.Context(), nas, session, "5M/10M")
			if err != nil || !answer.ACK || answer.Cause != 0 {
				t.Errorf("change the rate of %+v with %+v: got %+v, %v, want an ACK", session, nas, answer, err)
			}
			answer, err = client.ChangeAddressList(t.Context(), nas, session, "qserve-expired")
			if err != nil || !answer.ACK || answer.Cause != 0 {
				t.Errorf("change the address list of %+v with %+v: got %+v, %v, want an ACK", session, nas, answer, err)
			}
		}
	}
}

func TestFreeRADIUS_SaysWhyItRefuses(t *testing.T) {
	t.Parallel()
	nas := coa.NAS{Address: startFreeRADIUS(t), Secret: secret}
	client := coa.New(coa.Config{})
	for _, tt := range []struct {
		session coa.Session
		rate    account.Rate
		list    string
		want    coa.Cause
	}{
		{coa.Session{Username: "nobody", AcctSessionID: "81d00003"}, "", "", coa.SessionNotFound},
		{coa.Session{Username: "joe"}, "", "", coa.MissingAttribute},
		{coa.Session{Username: "joe", AcctSessionID: "81d00003"}, "1M/1M", "", coa.InvalidAttributeValue},
		{coa.Session{Username: "joe", AcctSessionID: "81d00003"}, "", "other", coa.UnsupportedAttribute},
		{coa.Session{Username: "nobody", AcctSessionID: "81d00003"}, "", "qserve-expired", coa.SessionNotFound},
	} {
		var answer coa.Answer
		var err error
		switch {
		case tt.rate != "":
			answer, err = client.ChangeRate(t.Context(), nas, tt.session, tt.rate)
		case tt.list != "":
			answer, err = client.ChangeAddressList(t.Context(), nas, tt.session, tt.list)
		default:
			answer, err = client.Disconnect(t.Context(), nas, tt.session)
		}
		if err != nil || answer.ACK || answer.Cause != tt.want {
			t.Errorf("%+v: got %+v, %v, want a NAK with %v", tt, answer, err, tt.want)
		}
	}
}

func TestFreeRADIUS_IsSilentToAnotherSecret(t *testing.T) {
	t.Parallel()
	nas := coa.NAS{Address: startFreeRADIUS(t), Secret: "not " + secret}
	answer, err := coa.New(coa.Config{Clock: newLeaper()}).Disconnect(t.Context(), nas, joe)
	if !errors.Is(err, coa.ErrSilent) {
		t.Errorf("got %+v, %v, want ErrSilent", answer, err)
	}
}
