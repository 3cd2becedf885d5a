package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"qserve/console"
	"qserve/console/api"
)

// stream is an open stream of events.
type stream struct {
	t     *testing.T
	body  io.ReadCloser
	lines *bufio.Scanner
}

// events opens the stream of a fresh suspension.
func (o *office) events(ctx context.Context, token string) (int64, *stream) {
	o.t.Helper()
	action := read[console.Given](o.t, o.want(http.StatusAccepted, o.call("POST", "/subscribers/ACC-0042/suspend", suspend)))
	r, err := http.NewRequestWithContext(ctx, "GET", o.http.URL+api.Prefix+"/actions/"+id(action.ID)+"/events", nil)
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := o.http.Client().Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		o.t.Fatalf("%d %v", answer.StatusCode, answer.Header)
	}
	return action.ID, &stream{o.t, answer.Body, bufio.NewScanner(answer.Body)}
}

// next returns the action of the next event, or false at the end.
func (s *stream) next() (v console.ActionView, more bool) {
	s.t.Helper()
	named := false
	for s.lines.Scan() {
		line := s.lines.Text()
		named = named || line == "event: action"
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &v); err != nil || !named {
				s.t.Fatalf("%v in %s", err, line)
			}
			return v, true
		}
	}
	return v, false
}

// turn lets the API look at the action again.
func (o *office) turn() {
	o.t.Helper()
	if err := o.clock.AwaitWaiters(o.t.Context(), 1); err != nil {
		o.t.Fatal(err)
	}
	o.clock.Advance(time.Second)
}

func TestAction_IsFollowedUntilItIsConfirmed(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.serve(200 * time.Millisecond) // a stream outlives the time that the server gives a request to arrive
	action, s := o.events(t.Context(), o.token)
	if v, more := s.next(); !more || v.ID != action || v.State != "accepted" {
		t.Errorf("first %+v", v)
	}
	o.outlastReadTimeout()
	o.exec("update actions set state = 'applied', applied_at = accepted_at where id = $1", action)
	o.turn()
	if v, more := s.next(); !more || v.State != "applied" {
		t.Errorf("then %v %+v", more, v)
	}
	o.exec("update actions set state = 'confirmed', confirmed_at = accepted_at where id = $1", action)
	o.turn()
	if v, more := s.next(); !more || v.State != "confirmed" {
		t.Errorf("at last %v %+v", more, v)
	}
	if v, more := s.next(); more {
		t.Errorf("after the end %+v", v)
	}
}

// outlastReadTimeout returns when the server has given up on a request that began after everything before.
func (o *office) outlastReadTimeout() {
	o.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(o.t.Context(), "tcp", o.http.Listener.Addr().String())
	if err != nil {
		o.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\n"); err != nil {
		o.t.Fatal(err)
	}
	_, _ = io.ReadAll(conn) // until the server hangs up
}

func TestStream_EndsWhenTheProgramDoes(t *testing.T) {
	t.Parallel()
	o := setup(t)
	_, s := o.events(t.Context(), o.token)
	s.next()
	close(o.stop)
	if v, more := s.next(); more || s.lines.Err() != nil {
		t.Errorf("then %+v, %v", v, s.lines.Err())
	}
}

func TestStream_TellsNothingMoreOnceItsTokenIsRevoked(t *testing.T) {
	t.Parallel()
	o := setup(t)
	action, s := o.events(t.Context(), o.tokenWith(console.ScopeRead))
	s.next()
	if err := o.RevokeToken(t.Context(), clerk, "read"); err != nil {
		t.Fatal(err)
	}
	o.exec("update actions set state = 'applied', applied_at = accepted_at where id = $1", action)
	o.turn()
	if v, more := s.next(); more {
		t.Errorf("told %+v", v)
	}
}

func TestStreamWhoseClientHasGone_IsGivenUp(t *testing.T) {
	t.Parallel()
	o := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, s := o.events(ctx, o.token)
	s.next()
	cancel()
	o.http.Close() // returns when every request has ended
}

func TestStreams_AreBoundedAndOneThatIsTooManyIsToldToComeBack(t *testing.T) {
	t.Parallel()
	o := setup(t)
	action, _ := o.events(t.Context(), o.token)
	path := "/actions/" + id(action) + "/events"
	const most = 500
	for n := range most - 1 {
		r, err := http.NewRequestWithContext(t.Context(), "GET", o.http.URL+api.Prefix+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+o.token)
		answer, err := o.http.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("stream %d answers %d", n+2, answer.StatusCode)
		}
	}
	full := o.want(http.StatusServiceUnavailable, o.call("GET", path, ""))
	o.blamed(full)
	if p := read[problem](t, full); full.header.Get("Retry-After") == "" || !strings.Contains(p.Detail, "ask for the action instead") {
		t.Errorf("%v: %s", full.header, full.body)
	}
	o.want(http.StatusOK, o.call("GET", "/actions/"+id(action), ""))
}
