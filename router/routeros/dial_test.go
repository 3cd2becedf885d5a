package routeros_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // the log-in of old versions
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"qserve/router/routeros"
	"qserve/router/routeros/routerostest"
)

func TestARefusedLogIn_SaysWhatToCheck(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		"invalid user name or password (6)", "cannot log in", "could not authenticate - radius timeout",
		"something new about " + password,
	} {
		p := routerostest.Listen(t, func(w io.Writer, _ []string) bool {
			return routerostest.Say(w, routerostest.Sentence("!trap", "=message="+message), routerostest.Sentence("!done"))
		})
		_, err := routeros.Dial(t.Context(), config(p))
		if !errors.Is(err, routeros.ErrLogin) || !strings.Contains(err.Error(), "address list") {
			t.Errorf("%q: got %v, want ErrLogin with its causes", message, err)
		}
		noPassword(t, err)
	}
}

func TestALogInThatEndsWithoutAWord_MayBeAFullRouter(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, func(io.Writer, []string) bool { return false })
	_, err := routeros.Dial(t.Context(), config(p))
	if !errors.Is(err, routeros.ErrUnreachable) || errors.Is(err, routeros.ErrLogin) ||
		!strings.Contains(err.Error(), "max-sessions") {
		t.Errorf("got %v, want ErrUnreachable that speaks of max-sessions", err)
	}
}

func TestALogInThatIsNeverAnswered_EndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, func(io.Writer, []string) bool { return true })
	ctx, cfg := soon(t, config(p))
	_, err := routeros.Dial(ctx, cfg)
	if !errors.Is(err, routeros.ErrUnreachable) || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("got %v, want ErrUnreachable for the deadline", err)
	}
	noPassword(t, err)
}

func TestALogInWithACancelledContext_Ends(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p := routerostest.Listen(t, func(io.Writer, []string) bool { cancel(); return true })
	if _, err := routeros.Dial(ctx, config(p)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestTheOldLogIn_AnswersTheChallenge(t *testing.T) {
	t.Parallel()
	challenge := "00112233445566778899aabbccddeeff"
	raw, _ := hex.DecodeString(challenge)
	digest := md5.Sum([]byte("\x00" + password + string(raw))) //nolint:gosec // see above
	p := routerostest.Listen(t, func(w io.Writer, words []string) bool {
		if strings.HasPrefix(words[2], "=response=") {
			if words[2] == "=response=00"+hex.EncodeToString(digest[:]) {
				return routerostest.Say(w, routerostest.Sentence("!done"))
			}
			return routerostest.Say(w, routerostest.Sentence("!trap", "=message=cannot log in"), routerostest.Sentence("!done"))
		}
		return routerostest.Say(w, routerostest.Sentence("!done", "=ret="+challenge))
	})
	dial(t, config(p))
}

// certificate returns a self-signed certificate for a host, valid for an hour.
func certificate(t *testing.T, host string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "router"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(host)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func secure(t *testing.T, own tls.Certificate) *routerostest.Peer {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	return routerostest.Serve(t, l, routerostest.LoggedIn(func(w io.Writer, _ []string) bool { return routerostest.Say(w, routerostest.Sentence("!done")) }))
}

func TestTLS_TrustsThePinnedOrSignedCertificateAlone(t *testing.T) {
	t.Parallel()
	own, other, elsewhere := certificate(t, "127.0.0.1"), certificate(t, "127.0.0.1"), certificate(t, "10.0.0.1")
	pin := func(c tls.Certificate) []byte { sum := sha256.Sum256(c.Certificate[0]); return sum[:] }
	authority := func(c tls.Certificate) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	}
	for name, test := range map[string]struct {
		presents tls.Certificate
		pin, ca  []byte
		trusted  bool
	}{
		"its pin":                      {presents: own, pin: pin(own), trusted: true},
		"its authority":                {presents: own, ca: authority(own), trusted: true},
		"another pin":                  {presents: own, pin: pin(other)},
		"another pin, right authority": {presents: own, pin: pin(other), ca: authority(own)},
		"another authority":            {presents: own, ca: authority(other)},
		"another host's certificate":   {presents: elsewhere, ca: authority(elsewhere)},
		"nothing to trust":             {presents: own},
		"half a pin":                   {presents: own, pin: pin(own)[:16]},
		"an authority that is no PEM":  {presents: own, ca: []byte("certificate")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := secure(t, test.presents)
			cfg := config(p)
			cfg.Plain, cfg.PinSHA256, cfg.CAPEM = false, test.pin, test.ca
			conn, err := routeros.Dial(t.Context(), cfg)
			if test.trusted {
				if err != nil {
					t.Fatal(err)
				}
				conn.Close()
				return
			}
			if !errors.Is(err, routeros.ErrCertificate) {
				t.Errorf("got %v, want ErrCertificate", err)
			}
			if sent := p.Sentences(); len(sent) != 0 {
				t.Errorf("%d sentences were sent to a router that is not trusted", len(sent))
			}
			noPassword(t, err)
		})
	}
}

func TestAPinThatDoesNotMatch_ShowsTheCertificateThatCame(t *testing.T) {
	t.Parallel()
	own := certificate(t, "127.0.0.1")
	cfg := config(secure(t, own))
	cfg.Plain, cfg.PinSHA256 = false, make([]byte, sha256.Size)
	_, err := routeros.Dial(t.Context(), cfg)
	sum := sha256.Sum256(own.Certificate[0])
	if err == nil || !strings.Contains(err.Error(), hex.EncodeToString(sum[:])) {
		t.Errorf("got %v, want the SHA-256 of what was presented", err)
	}
}

func TestPlainTextOnATLSPort_IsUnreachable(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, func(io.Writer, []string) bool { return false })
	cfg := config(p)
	cfg.Plain, cfg.PinSHA256, cfg.ConnectTimeout = false, make([]byte, sha256.Size), 200*time.Millisecond
	if _, err := routeros.Dial(t.Context(), cfg); !errors.Is(err, routeros.ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}
