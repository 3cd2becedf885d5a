package webhooks_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"qserve/webhooks"
)

const mpesaSuccess = `{"ResultCode":0,"ResultDesc":"Success"}`

func TestConfirmation_IsStoredAsItCameAndAnsweredAndRungFor(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	body := confirmation(t, nil)
	if a := h.post(s.path+"/confirm", body, nil); a.status != 200 || a.body != mpesaSuccess {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	ids := <-h.ringer.rung
	var stored []byte
	var call, key, state string
	if err := h.pool.QueryRow(t.Context(), "select body, call, delivery_key, state from deliveries where id = $1 and source_id = $2",
		ids[0], s.id).Scan(&stored, &call, &key, &state); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored, body) || call != "confirm" || key != webhooks.BodyKey(body) || state != "received" {
		t.Errorf("stored %q, call %q, key %q, state %q", stored, call, key, state)
	}
}

func TestHundredIdenticalConfirmationsAtOnce_AreOneDelivery(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	body := confirmation(t, nil)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			a, err := h.send(t.Context(), http.MethodPost, s.path+"/confirm", bytes.NewReader(body), nil)
			if err != nil || a.status != 200 || a.body != mpesaSuccess {
				t.Errorf("answer %d %s, %v", a.status, a.body, err)
			}
		})
	}
	all.Wait()
	if n := h.deliveries(); n != 1 {
		t.Errorf("%d deliveries", n)
	}
	stored, _ := h.seen.of("stored")
	duplicates, _ := h.seen.of("duplicate")
	if stored != 1 || duplicates != 99 {
		t.Errorf("%d were told stored and %d duplicate, want 1 and 99", stored, duplicates)
	}
}

func TestManyDifferentConfirmationsAtOnce_EachGetItsOwnOutcome(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	var all sync.WaitGroup
	for i := range 200 {
		body := confirmation(t, map[string]any{"TransID": fmt.Sprintf("QSV%07d", i/2)}) // each twice
		all.Go(func() {
			if a, err := h.send(t.Context(), http.MethodPost, s.path+"/confirm", bytes.NewReader(body), nil); err != nil || a.status != 200 {
				t.Errorf("answer %d, %v", a.status, err)
			}
		})
	}
	all.Wait()
	stored, _ := h.seen.of("stored")
	duplicates, _ := h.seen.of("duplicate")
	if n := h.deliveries(); n != 100 || stored != 100 || duplicates != 100 {
		t.Errorf("%d deliveries, %d told stored, %d told duplicate; want 100 of each", n, stored, duplicates)
	}
	rung := map[int64]bool{}
	for len(rung) < 100 {
		for _, id := range <-h.ringer.rung {
			if rung[id] {
				t.Errorf("delivery %d was rung for twice", id)
			}
			rung[id] = true
		}
	}
}

func TestCallsThatAreNotTaken(t *testing.T) {
	t.Parallel()
	h := setup(t)
	mpesa, standard := h.source("mpesa", "600100"), h.source("standard", "shop")
	body := confirmation(t, nil)
	large := append(bytes.Repeat([]byte(" "), 257<<10), body...)
	for _, c := range []struct {
		name, method, path string
		body               []byte
		header             http.Header
		status             int
		outcome            string
	}{
		{"get", "GET", mpesa.path + "/confirm", nil, nil, 405, "method"},
		{"head", "HEAD", mpesa.path + "/confirm", nil, nil, 405, "method"},
		{"put", "PUT", mpesa.path + "/confirm", body, nil, 405, "method"},
		{"unknown token", "POST", "/in/" + webhooks.NewToken() + "/confirm", body, nil, 404, "unknown"},
		{"token of another shape", "POST", "/in/ABC/confirm", body, nil, 404, "unknown"},
		{"token in capitals", "POST", "/in/" + strings.ToUpper(mpesa.path[4:]) + "/confirm", body, nil, 404, "unknown"},
		{"call that the kind does not have", "POST", mpesa.path, body, nil, 404, "unknown"},
		{"another kind's call", "POST", standard.path + "/confirm", body, nil, 404, "unknown"},
		{"257 kB", "POST", mpesa.path + "/confirm", large, nil, 413, "too-large"},
		{"gzip", "POST", mpesa.path + "/confirm", body, http.Header{"Content-Encoding": {"gzip"}}, 415, "encoded"},
		{"empty", "POST", mpesa.path + "/confirm", nil, nil, 400, "empty"},
		{"empty and unsigned", "POST", standard.path, nil, nil, 400, "empty"},
		{"another merchant", "POST", mpesa.path + "/confirm", confirmation(t, map[string]any{"BusinessShortCode": "600999"}), nil, 401, "refused-merchant"},
		{"another merchant as a number", "POST", mpesa.path + "/confirm", confirmation(t, map[string]any{"BusinessShortCode": 600999}), nil, 401, "refused-merchant"},
		{"another merchant's question", "POST", mpesa.path + "/validate", confirmation(t, map[string]any{"BusinessShortCode": "600999"}), nil, 401, "refused-merchant"},
		{"unsigned", "POST", standard.path, []byte(`{}`), nil, 401, "refused-id"},
	} {
		before, _ := h.seen.of(c.outcome)
		a, err := h.send(t.Context(), c.method, c.path, bytes.NewReader(c.body), c.header)
		if err != nil || a.status != c.status {
			t.Errorf("%s: %d %s, %v; want %d", c.name, a.status, a.body, err, c.status)
		}
		if after, _ := h.seen.of(c.outcome); after != before+1 {
			t.Errorf("%s: was not counted as %s", c.name, c.outcome)
		}
		if c.status == 401 && a.body != `{"error":"not accepted"}` {
			t.Errorf("%s: the sender is told %s", c.name, a.body)
		}
		if c.status == 405 && a.header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow is %q", c.name, a.header.Get("Allow"))
		}
	}
	if n := h.deliveries(); n != 0 {
		t.Errorf("%d deliveries", n)
	}
	if !strings.Contains(h.log.String(), `"level":"ERROR","msg":"a call to a payment source is refused"`) {
		t.Error("money for another merchant raised no alarm")
	}
}

// A reader without a length is sent in chunks, so nothing announces the size.
func TestLargeBodyOfUnknownLength_IsCutOff(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	endless := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte("x"), 257<<10)))
	a, err := h.send(t.Context(), http.MethodPost, s.path+"/confirm", endless, nil)
	if err != nil || a.status != 413 {
		t.Errorf("answer %d, %v", a.status, err)
	}
}

func TestLargestBody_IsTaken(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	body := confirmation(t, nil)
	padded := append(bytes.Repeat([]byte(" "), 256<<10-len(body)), body...)
	if a := h.post(s.path+"/confirm", padded, nil); a.status != 200 {
		t.Errorf("answer %d %s", a.status, a.body)
	}
}

func TestBodyThatDoesNotArrive_EndsInATimeout(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", h.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "POST %s/confirm HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", s.path); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn) // ends because the server hangs up
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 408 ") {
		t.Errorf("answer %.60q, %v", text, err)
	}
}

func TestUnreadableBodyFromAVerifiedSender_IsStoredForAPerson(t *testing.T) {
	t.Parallel()
	h := setup(t)
	mpesa, standard := h.source("mpesa", "600100"), h.source("standard", "shop")
	for i, body := range []string{`{"TransID":`, "\x00\xff", `[]`, `"text"`, `{"BusinessShortCode":{}}`} {
		if a := h.post(mpesa.path+"/confirm", []byte(body), nil); a.status != 200 || a.body != mpesaSuccess {
			t.Errorf("%q: answer %d %s", body, a.status, a.body)
		}
		header := sign(t, standard.secret, fmt.Sprintf("msg_%d", i), now(), []byte(body))
		if a := h.post(standard.path, []byte(body), header); a.status != 200 {
			t.Errorf("%q, signed: answer %d %s", body, a.status, a.body)
		}
	}
	if n := h.deliveries(); n != 10 {
		t.Errorf("%d deliveries, want 10", n)
	}
}

// holdFirstInsert makes the next insert of deliveries wait until release is called; arrived is closed when it has come.
func (h *harness) holdFirstInsert() (arrived <-chan struct{}, release func()) {
	came, let := make(chan struct{}), make(chan struct{})
	var first sync.Once
	h.gate.set(func(_ context.Context, sql string) error {
		if strings.Contains(sql, "insert into deliveries") {
			first.Do(func() {
				close(came)
				<-let
			})
		}
		return nil
	})
	return came, func() { close(let) }
}

func TestCallerWhoHangsUp_HasToldUsAllTheSame(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	arrived, release := h.holdFirstInsert()
	ctx, hangUp := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() {
		_, err := h.send(ctx, http.MethodPost, s.path+"/confirm", bytes.NewReader(confirmation(t, nil)), nil)
		sent <- err
	}()
	<-arrived
	hangUp()
	if err := <-sent; err == nil {
		t.Fatal("the caller got an answer before hanging up")
	}
	release()
	h.seen.await(t, "stored", 1)
	if n := h.deliveries(); n != 1 {
		t.Errorf("%d deliveries", n)
	}
}

func TestShutdown_FinishesWhatWasTakenInAndTakesNoMore(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *webhooks.Config) { c.SpoolDir = "" })
	s := h.source("mpesa", "600100")
	arrived, release := h.holdFirstInsert()
	answered := make(chan answer, 1)
	go func() {
		a, err := h.send(t.Context(), http.MethodPost, s.path+"/confirm", bytes.NewReader(confirmation(t, nil)), nil)
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	<-arrived
	h.quit()
	taken := 1
	for ; ; taken++ {
		if t.Context().Err() != nil {
			t.Fatal("a stopping intake still takes deliveries")
		}
		late := confirmation(t, map[string]any{"TransID": fmt.Sprintf("LATE%06d", taken)})
		if h.post(s.path+"/confirm", late, nil).status == 503 {
			break
		}
	}
	release()
	if a := <-answered; a.status != 200 {
		t.Errorf("the delivery that was taken in is answered %d %s", a.status, a.body)
	}
	h.stop()
	rung := 0
	for len(h.ringer.rung) > 0 {
		rung += len(<-h.ringer.rung)
	}
	if n := h.deliveries(); n != taken || rung != taken {
		t.Errorf("%d deliveries and %d rung for, want %d", n, rung, taken)
	}
}

func TestBlockedRedis_DelaysNoAnswer(t *testing.T) {
	t.Parallel()
	h := prepare(t, freshDatabase(t))
	release := make(chan struct{})
	h.ringer.block = func(context.Context) { <-release } // worse than any client: it ignores its deadline
	h.start()
	s := h.source("mpesa", "600100")
	for i := range 50 {
		body := confirmation(t, map[string]any{"TransID": fmt.Sprintf("QSV%07d", i)})
		if a := h.post(s.path+"/confirm", body, nil); a.status != 200 {
			t.Fatalf("answer %d %s", a.status, a.body)
		}
	}
	if n := h.deliveries(); n != 50 {
		t.Errorf("%d deliveries", n)
	}
	close(release)
}
