package mikrosim_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"qserve/router/mikrosim"
)

// These tests hold the simulator against clients that other people wrote. A peer that is missing fails its test: what it
// checks would otherwise go unchecked without anybody noticing.

const peers = "testdata/peers"

// peer runs a program and returns what it prints; it fails the test, with how to install the program, if it is missing.
func peer(t *testing.T, install, stdin string, command ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath(command[0])
	if err != nil {
		t.Fatalf("%s is missing: %s", command[0], install)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, command[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestLibrouteros_UnderstandsEveryVersion(t *testing.T) {
	t.Parallel()
	const install = "apt-get install python3-librouteros"
	const python = "/usr/bin/python3" // the one that Debian's packages are for
	if out, err := peer(t, install, "", python, "-c", "import librouteros"); err != nil {
		t.Fatalf("librouteros is missing: %s\n%s", install, out)
	}
	for _, version := range []string{"6.42.12", "7.9", "7.16", "7.24"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := setup(t, mikrosim.Config{Version: version})
			certificate := filepath.Join(t.TempDir(), "router.pem")
			must(t, os.WriteFile(certificate, r.Certificate(), 0o600))
			host, port, err := net.SplitHostPort(r.APIAddr())
			must(t, err)
			_, tlsPort, err := net.SplitHostPort(r.APITLSAddr())
			must(t, err)
			out, err := peer(t, install, "", python, filepath.Join(peers, "librouteros_peer.py"), host, port, tlsPort, certificate, version)
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestNodeRouteros_KeepsTwoHundredTaggedCommandsInFlight(t *testing.T) {
	t.Parallel()
	const install = "apt-get install nodejs npm"
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "node-routeros")); err != nil {
		if out, err := peer(t, install, "", "npm", "ci", "--prefix", peers, "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
			t.Fatalf("npm ci in %s: %v\n%s", peers, err, out)
		}
	}
	r := setup(t, mikrosim.Config{})
	host, port, err := net.SplitHostPort(r.APIAddr())
	must(t, err)
	if out, err := peer(t, install, "", "node", filepath.Join(peers, "node_routeros_peer.js"), host, port); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if got := len(r.State().Secrets); got != 200 {
		t.Errorf("%d secrets, want 200", got)
	}
}

// radclient sends a request with FreeRADIUS' client and returns what it printed; err tells ACK from NAK and silence. It waits
// long for an answer, which a busy machine may need, and briefly where there will be none.
func radclient(t *testing.T, r *mikrosim.Router, kind, with string, attributes ...string) (string, error) {
	t.Helper()
	seconds := "20"
	if with != secret {
		seconds = "1"
	}
	return peer(t, "apt-get install freeradius-utils", strings.Join(attributes, "\n")+"\n",
		"radclient", "-x", "-r", "1", "-t", seconds, r.CoAAddr(), kind, with)
}

func TestRadclient_PutsTheSessionIntoAListAndIntoAnother(t *testing.T) {
	t.Parallel()
	r, ann := onlineByRadius(t, mikrosim.Config{})
	for _, list := range []string{"qserve-expired", "qserve-active"} {
		out, err := radclient(t, r, "coa", secret, `User-Name = "ann"`, `Mikrotik-Address-List = "`+list+`"`)
		if a, _ := r.State().Session("ann"); err != nil || !strings.Contains(out, "CoA-ACK") || a.AddressList != list || a.SessionID != ann.SessionID {
			t.Errorf("session %+v, want it in %s alone: %v\n%s", a, list, err, out)
		}
	}
	if out, err := radclient(t, r, "disconnect", secret, `User-Name = "ann"`, `Mikrotik-Address-List = "x"`); err == nil ||
		!strings.Contains(out, "Error-Cause = Unsupported-Attribute") {
		t.Errorf("a list in a Disconnect: %v\n%s", err, out)
	}
	strict, _ := onlineByRadius(t, mikrosim.Config{CoAWithoutAddressList: true})
	if out, err := radclient(t, strict, "coa", secret, `User-Name = "ann"`, `Mikrotik-Address-List = "x"`); err == nil ||
		!strings.Contains(out, "Error-Cause = Unsupported-Attribute") {
		t.Errorf("a router that does not take it: %v\n%s", err, out)
	}
}

func TestRadclient_ChangesTheRateAndEndsTheSession(t *testing.T) {
	t.Parallel()
	r, ann := onlineByRadius(t, mikrosim.Config{})
	id := `Acct-Session-Id = "` + strings.ToLower(strings.TrimPrefix(ann.SessionID, "0x")) + `"`
	for _, more := range []string{"Framed-IP-Address = " + ann.Address, "Message-Authenticator = 0x00", id} {
		if out, err := radclient(t, r, "coa", secret, `User-Name = "ann"`, `Mikrotik-Rate-Limit = "2M/3M"`, more); err != nil || !strings.Contains(out, "CoA-ACK") {
			t.Errorf("%s: %v\n%s", more, err, out)
		}
	}
	if a, _ := r.State().Session("ann"); a.Rate != "2M/3M" || a.SessionID != ann.SessionID {
		t.Errorf("session %+v, want the same at 2M/3M", a)
	}
	for want, attributes := range map[string][]string{
		"Session-Context-Not-Found": {`User-Name = "eve"`}, "Unsupported-Attribute": {`User-Name = "ann"`, `Reply-Message = "bye"`},
	} {
		if out, err := radclient(t, r, "disconnect", secret, attributes...); err == nil || !strings.Contains(out, "Error-Cause = "+want) {
			t.Errorf("%s: %v\n%s", attributes, err, out)
		}
	}
	if out, err := radclient(t, r, "disconnect", "wrong", `User-Name = "ann"`); err == nil || !strings.Contains(out, "No reply from server") {
		t.Errorf("wrong secret: %v\n%s", err, out)
	}
	if out, err := radclient(t, r, "disconnect", secret, `User-Name = "ann"`, id); err != nil || !strings.Contains(out, "Disconnect-ACK") {
		t.Errorf("disconnect: %v\n%s", err, out)
	}
	online(t, r, "ann", ann.SessionID)
	if got := r.State().Counters; got.CoA.Acks != 3 || got.Disconnect.Acks != 1 || got.Disconnect.Naks != 2 || got.Disconnect.Bad != 1 {
		t.Errorf("counted %+v and %+v", got.CoA, got.Disconnect)
	}
}
