package mikrosim_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"layeh.com/radius"

	"qserve/internal/clock"
	"qserve/router/mikrosim"
)

func fault(t *testing.T, r *mikrosim.Router, f mikrosim.Fault) {
	t.Helper()
	if err := r.SetFault(f); err != nil {
		t.Fatal(err)
	}
}

// silence sends a CoA and makes sure that nothing comes back while the router goes on to answer somebody else, or, without
// anybody to compare with, for a moment.
func silence(t *testing.T, r *mikrosim.Router) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if answer, err := radius.Exchange(ctx, request(radius.CodeCoARequest, user("ann"), rate("1M/1M")), r.CoAAddr()); err == nil {
		t.Errorf("got %s, want silence", answer.Code)
	}
}

func TestClosedRouter_RefusesBreaksConnectionsAndComesBackOnTheSamePorts(t *testing.T) {
	t.Parallel()
	for _, kind := range []mikrosim.FaultKind{mikrosim.FaultRefuse, mikrosim.FaultDown} {
		r := setup(t, mikrosim.Config{Host: "127.0.0.32"})
		before := rawLogin(t, r)
		fault(t, r, mikrosim.Fault{Kind: kind})
		if _, err := before.r.ReadSentence(); err == nil {
			t.Errorf("%s: the open connection still answers", kind)
		}
		if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.APIAddr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: got %v, want connection refused", kind, err)
		}
		silence(t, r)
		fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultNone})
		rawLogin(t, r)
	}
}

func TestDownRouter_LetsNobodyDialUntilItIsBack(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(nil))
	r := setup(t, s.withRadius(mikrosim.Config{}))
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultDown})
	r.SetCustomer("ann", "pw", true)
	silence(t, r)
	if st := r.State(); st.Counters.Dials.Tried > 0 {
		t.Errorf("%d dials while down", st.Counters.Dials.Tried)
	}
	fault(t, r, mikrosim.Fault{})
	online(t, r, "ann", "")
}

func TestSilentRouter_TakesConnectionsAndNeverAnswers(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	before := rawLogin(t, r)
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultSilent})
	before.send(t, "/ppp/secret/add", "=name=joe")
	fresh := rawDial(t, r)
	fresh.send(t, "/login", "=name=qserve", "=password=qserve")
	for _, c := range []*raw{before, fresh} {
		must(t, c.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
		var timeout net.Error
		if n, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("read %d bytes, %v; want nothing", n, err)
		}
	}
	silence(t, r)
	if len(r.State().Secrets) != 0 {
		t.Error("a silent router carried out a command")
	}
}

func TestLostAnswer_LeavesTheCommandDone(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultDrop, Times: 1})
	c := rawLogin(t, r)
	c.send(t, "/ppp/secret/print") // reading is not struck
	c.next(t)
	c.send(t, "/ppp/secret/add", "=name=joe")
	if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
		t.Errorf("got %q, %v; want the end", got, err)
	}
	if got := refusal(t, dial(t, r), "/ppp/secret/add", "=name=joe"); got != "failure: secret with the same name already exists" {
		t.Errorf("the second attempt met %q", got)
	}
}

func TestFaultOfOneCommand_StrikesThatCommandAfterTheSkippedOnes(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultFatal, Command: "/ppp/secret/print", Skip: 1, Times: 1})
	c := rawLogin(t, r)
	c.send(t, "/ppp/profile/print", "=count-only=")
	c.next(t)
	c.send(t, "/ppp/secret/print")
	if got := c.next(t); got != "!done" {
		t.Errorf("the skipped command got %s", got)
	}
	c.send(t, "/ppp/secret/print")
	if got, _ := io.ReadAll(c); !strings.HasPrefix(string(got), "\x06!fatal") {
		t.Errorf("got %q, want !fatal", got)
	}
	if k := r.State().Fault.Kind; k != mikrosim.FaultNone {
		t.Errorf("fault is %s after its last strike", k)
	}
}

func TestSpoiledAnswers_ArriveAsTheFaultSays(t *testing.T) {
	t.Parallel()
	for kind, check := range map[mikrosim.FaultKind]func(t *testing.T, c *raw){
		mikrosim.FaultReset: func(t *testing.T, c *raw) {
			t.Helper()
			got, err := io.ReadAll(c)
			if !errors.Is(err, syscall.ECONNRESET) || len(got) == 0 || !strings.HasPrefix(string(got), "\x03!re") {
				t.Errorf("got %q, %v; want half an answer and a reset", got, err)
			}
		},
		mikrosim.FaultGarbage: func(t *testing.T, c *raw) {
			t.Helper()
			if got, err := io.ReadAll(c); err != nil || len(got) == 0 || got[0] < 0xF8 {
				t.Errorf("got %x, %v; want a reserved byte and the end", got, err)
			}
		},
		mikrosim.FaultHuge: func(t *testing.T, c *raw) {
			t.Helper()
			got := make([]byte, 5)
			if _, err := io.ReadFull(c, got); err != nil || got[0] != 0xF0 {
				t.Errorf("got %x, %v; want the length of 2 GiB", got, err)
			}
		},
		mikrosim.FaultFragment: func(t *testing.T, c *raw) {
			t.Helper()
			for _, want := range []string{"!re name=default", "!re name=default-encryption", "!done"} {
				if got := c.next(t); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := setup(t, mikrosim.Config{})
			fault(t, r, mikrosim.Fault{Kind: kind})
			c := rawLogin(t, r)
			c.send(t, "/ppp/profile/print", "=.proplist=name")
			check(t, c)
		})
	}
}

func TestRefusingRouter_SaysWhy(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	c := dial(t, r)
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultDenyWrite})
	if got := refusal(t, c, "/ppp/secret/add", "=name=joe"); got != "not enough permissions (9)" {
		t.Errorf("got %q", got)
	}
	run(t, c, "/ppp/secret/print")
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultDenyLogin})
	if _, err := tryDial(t, r); err == nil || !strings.Contains(err.Error(), "invalid user name or password") {
		t.Errorf("got %v", err)
	}
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultFull})
	if got, err := io.ReadAll(rawDial(t, r)); len(got) > 0 || err != nil {
		t.Errorf("got %q, %v; want the end without a word", got, err)
	}
	if err := r.SetFault(mikrosim.Fault{Kind: "tired"}); err == nil {
		t.Error("an unknown fault was taken")
	}
}

func TestSlowRouter_AnswersWhenItsTimeHasCome(t *testing.T) {
	t.Parallel()
	clk := clock.NewManual(time.Date(2026, time.May, 1, 12, 0, 0, 0, time.UTC))
	r := setup(t, mikrosim.Config{Clock: clk, CoASecret: secret})
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultSlow, Ms: 40})
	c := rawDial(t, r)
	c.send(t, "/login", "=name=qserve", "=password=qserve")
	answer := make(chan string, 1)
	go func() { answer <- ask(t, r, request(radius.CodeCoARequest, user("ann"))) }()
	for _, step := range []time.Duration{39 * time.Millisecond, time.Millisecond} {
		must(t, clk.AwaitWaiters(t.Context(), 2)) // the answers to the login and to the CoA
		clk.Advance(step)
	}
	if got := c.next(t); got != "!done" {
		t.Errorf("login: %s", got)
	}
	if got := <-answer; got != "CoA-NAK Session-Context-Not-Found" {
		t.Error(got)
	}
}

func TestLossyRouter_AnswersTheRepetition(t *testing.T) {
	t.Parallel()
	s := newAAA(t, accept(nil))
	r := setup(t, s.withRadius(mikrosim.Config{RadiusTimeout: 10 * time.Millisecond}))
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultLoss})
	r.SetCustomer("ann", "pw", true)
	online(t, r, "ann", "")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := radius.Client{Retry: 10 * time.Millisecond}
	if _, err := c.Exchange(ctx, request(radius.CodeCoARequest, user("ann"), rate("1M/1M")), r.CoAAddr()); err != nil {
		t.Error(err)
	}
}

func TestLyingRouter_AnswersCoAAsTheFaultSays(t *testing.T) {
	t.Parallel()
	r, ann := onlineByRadius(t, mikrosim.Config{})
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultAckOnly})
	if got := ask(t, r, request(radius.CodeDisconnectRequest, user("ann"))); got != "Disconnect-ACK" {
		t.Error(got)
	}
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultNAK, Cause: 504})
	if got := ask(t, r, request(radius.CodeDisconnectRequest, user("ann"))); got != "Disconnect-NAK Session-Context-Not-Removable" {
		t.Error(got)
	}
	fault(t, r, mikrosim.Fault{Kind: mikrosim.FaultNAK, Times: 1})
	if got := ask(t, r, request(radius.CodeDisconnectRequest, user("ann"))); got != "Disconnect-NAK" {
		t.Error(got)
	}
	for _, kind := range []mikrosim.FaultKind{mikrosim.FaultWrongSecret, mikrosim.FaultBadAnswer} {
		fault(t, r, mikrosim.Fault{Kind: kind})
		silence(t, r) // a wrong authenticator counts as no answer
	}
	if a, _ := r.State().Session("ann"); a.SessionID != ann.SessionID {
		t.Error("the session ended")
	}
	if got := r.State().Counters.CoA; got.Bad != 1 || got.Acks != 1 {
		t.Errorf("counted %+v, want one bad for the wrong secret and one ack that nobody could believe", got)
	}
}

func TestReboot_BreaksConnectionsAndStartsTheUptimeAgain(t *testing.T) {
	t.Parallel()
	r, _ := onlineByRadius(t, mikrosim.Config{})
	c := rawLogin(t, r)
	ask(t, r, request(radius.CodeCoARequest, user("nobody")))
	r.Reboot()
	if _, err := c.r.ReadSentence(); err == nil {
		t.Error("the connection survived")
	}
	api := dial(t, r)
	if rows := run(t, api, "/radius/incoming/monitor", "=once="); rows[0]["requests"] != "0" {
		t.Errorf("monitor shows %v after the reboot", rows)
	}
	if got := r.State(); got.Boot != 2 || got.Counters.CoA.Naks != 1 {
		t.Errorf("boot %d, counters %+v", got.Boot, got.Counters.CoA)
	}
}

func TestWait_EndsWithTheContextAndWithTheRouter(t *testing.T) {
	t.Parallel()
	r := setup(t, mikrosim.Config{})
	never := func(mikrosim.State) bool { return false }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Wait(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ended := make(chan error)
	go func() { ended <- r.Wait(t.Context(), never) }()
	r.Close()
	if err := <-ended; err == nil {
		t.Error("no error from a closed router")
	}
}
