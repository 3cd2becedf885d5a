package webhooks_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"qserve/internal/stack"
	"qserve/internal/stack/stacktest"
	"qserve/webhooks"
)

// spooled lists the files in the spool.
func (h *harness) spooled() []string {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.spoolDir, "*.delivery"))
	if err != nil {
		h.t.Fatal(err)
	}
	return files
}

func TestPostgresCrashesUnderLoad_EveryConfirmationArrivesExactlyOnce(t *testing.T) {
	t.Parallel()
	postgres := stacktest.OwnPostgres(t, stack.PostgresOptions{})
	url, err := postgres.CreateDatabase(t.Context(), "qserve_intake", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	h := prepare(t, url)
	h.start()
	s := h.source("mpesa", "600100")
	const payments = 300
	send := func(from, to int) {
		var all sync.WaitGroup
		for i := range to - from {
			all.Go(func() {
				body := confirmation(t, map[string]any{"TransID": fmt.Sprintf("QSV%07d", from+i)})
				a, err := h.send(t.Context(), http.MethodPost, s.path+"/confirm", bytes.NewReader(body), nil)
				if err != nil || a.status != 200 || a.body != mpesaSuccess {
					t.Errorf("payment %d: answer %d %s, %v", from+i, a.status, a.body, err)
				}
			})
		}
		all.Wait()
	}
	send(0, 100)
	var crash sync.WaitGroup
	crash.Go(func() {
		if err := postgres.Crash(); err != nil {
			t.Error(err)
		}
	})
	send(100, 200)
	crash.Wait()
	send(200, payments)
	kept := len(h.spooled())
	if kept < payments-200 {
		t.Fatalf("%d deliveries in the spool while the database is down", kept)
	}
	if err := postgres.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.seen.await(t, "replayed", kept)
	if n := h.deliveries(); n != payments {
		t.Errorf("%d deliveries, want %d", n, payments)
	}
	if left := h.spooled(); len(left) != 0 || h.intake.Spooled() != 0 {
		t.Errorf("left in the spool: %v; counted %d", left, h.intake.Spooled())
	}
}

func TestSpool_SurvivesARestartAndIsPrivate(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	h.gate.set(down)
	body := confirmation(t, map[string]any{"MSISDN": "254708374149"})
	for range 3 {
		if a := h.post(s.path+"/confirm", body, nil); a.status != 200 || a.body != mpesaSuccess {
			t.Fatalf("answer %d %s", a.status, a.body)
		}
	}
	h.stop()
	files := h.spooled()
	if len(files) != 1 {
		t.Fatalf("the spool holds %v, want one file", files)
	}
	info, err := os.Stat(files[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil || bytes.Contains(content, []byte("JANE")) || bytes.Contains(content, []byte("QSV1TEST01")) {
		t.Errorf("the file can be read by anybody: %q, %v", content, err)
	}

	h.gate.set(nil)
	h.start()
	h.seen.await(t, "replayed", 1)
	var stored []byte
	if err := h.pool.QueryRow(t.Context(), "select body from deliveries").Scan(&stored); err != nil || !bytes.Equal(stored, body) {
		t.Errorf("stored %q, %v", stored, err)
	}
	if ids := <-h.ringer.rung; len(ids) != 1 {
		t.Errorf("rung for %v", ids)
	}
	if left := h.spooled(); len(left) != 0 {
		t.Errorf("left in the spool: %v", left)
	}
}

func TestMachineThatComesUpBeforeItsDatabase_KnowsWhosePaymentsToSpool(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	known := filepath.Join(h.spoolDir, "sources.known")
	if content, err := os.ReadFile(known); err != nil || bytes.Contains(content, []byte("600100")) {
		t.Fatalf("the remembered sources can be read by anybody, or are not there: %v", err)
	}
	h.stop()
	h.gate.set(down)
	h.start()
	body := confirmation(t, nil)
	if a := h.post(s.path+"/confirm", body, nil); a.status != 200 || a.body != mpesaSuccess {
		t.Fatalf("answer %d %s", a.status, a.body)
	}
	h.gate.set(nil)
	h.seen.await(t, "replayed", 1)
	if n := h.deliveries(); n != 1 {
		t.Errorf("%d deliveries", n)
	}
}

func TestSpooledDeliveryThatWasStoredAfterAll_ChangesNothing(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	body := confirmation(t, nil)
	h.post(s.path+"/confirm", body, nil)
	h.gate.set(down)
	h.post(s.path+"/confirm", body, nil)
	h.gate.set(nil)
	h.seen.await(t, "replayed", 1)
	if n := h.deliveries(); n != 1 {
		t.Errorf("%d deliveries", n)
	}
}

func TestSpooledFileThatWasTamperedWith_IsSetAsideAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	h.gate.set(down)
	for i := range 2 {
		h.post(s.path+"/confirm", confirmation(t, map[string]any{"TransID": fmt.Sprintf("QSV%07d", i)}), nil)
	}
	h.stop()
	files := h.spooled()
	// A file under another's name does not open there.
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(h.spoolDir, strings.Repeat("0", 64)+".delivery")
	if err := os.WriteFile(moved, content, 0o600); err != nil {
		t.Fatal(err)
	}
	h.gate.set(nil)
	h.start()
	h.seen.await(t, "replayed", 2)
	if left := h.spooled(); len(left) != 1 || left[0] != moved {
		t.Errorf("left in the spool: %v", left)
	}
	if !strings.Contains(h.log.String(), "a spooled delivery cannot be stored") {
		t.Error("nobody is told")
	}
}

func TestDatabaseThatIsAway_TurnsAwaySendersWhoCallAgain(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(context.Context, string) error{"down": down, "silent": hang} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := setup(t)
			s := h.source("standard", "shop")
			body := []byte(standardExample)
			if a := h.post(s.path, body, sign(t, s.secret, "msg_1", now(), body)); a.status != 200 || a.body != `{"status":"stored"}` {
				t.Fatalf("answer %d %s", a.status, a.body)
			}
			h.gate.set(hold)
			a := h.post(s.path, body, sign(t, s.secret, "msg_2", now(), body))
			if a.status != 503 || a.header.Get("Retry-After") != "10" {
				t.Errorf("answer %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
			}
			if files := h.spooled(); len(files) != 0 {
				t.Errorf("the spool holds %v", files)
			}
			h.gate.set(nil)
			if a := h.post(s.path, body, sign(t, s.secret, "msg_2", now(), body)); a.status != 200 || a.body != `{"status":"stored"}` {
				t.Errorf("sent again: answer %d %s", a.status, a.body)
			}
		})
	}
}

func TestSilentDatabase_KeepsAConfirmationOnDisk(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	h.gate.set(hang)
	if a := h.post(s.path+"/confirm", confirmation(t, nil), nil); a.status != 200 || a.body != mpesaSuccess {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	if n := h.intake.Spooled(); n != 1 {
		t.Errorf("%d spooled", n)
	}
	h.gate.set(nil)
	h.seen.await(t, "replayed", 1)
	if n := h.deliveries(); n != 1 {
		t.Errorf("%d deliveries", n)
	}
}

func TestWithoutASpool_ConfirmationsAreTurnedAwayToo(t *testing.T) {
	t.Parallel()
	h := setup(t, func(c *webhooks.Config) { c.SpoolDir = "" })
	s := h.source("mpesa", "600100")
	h.gate.set(down)
	if a := h.post(s.path+"/confirm", confirmation(t, nil), nil); a.status != 503 {
		t.Errorf("answer %d %s", a.status, a.body)
	}
}

func TestUnknownTokenWhileTheDatabaseIsAway_IsNotDenied(t *testing.T) {
	t.Parallel()
	h := prepare(t, freshDatabase(t))
	s := h.source("mpesa", "600100")
	h.gate.set(down)
	h.start()
	if a := h.post(s.path+"/confirm", confirmation(t, nil), nil); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	h.gate.set(nil)
	if a := h.post(s.path+"/confirm", confirmation(t, nil), nil); a.status != 200 {
		t.Errorf("with the database back: answer %d %s", a.status, a.body)
	}
}

func TestSources_AreKnownAtOnceAndForgottenSoon(t *testing.T) {
	t.Parallel()
	h := setup(t)
	for range 3 {
		s := h.add("mpesa", "600100")
		if a := h.post(s.path+"/confirm", confirmation(t, nil), nil); a.status != 200 {
			t.Errorf("a source that was just added: answer %d", a.status)
		}
		if _, err := h.pool.Exec(t.Context(), "update payment_sources set archived_at = now() where id = $1", s.id); err != nil {
			t.Fatal(err)
		}
		for status := 0; status != 404; {
			if err := t.Context().Err(); err != nil {
				t.Fatal("an archived source is still served")
			}
			status = h.post(s.path+"/confirm", confirmation(t, nil), nil).status
		}
	}
}

func TestSpoolFolderThatCannotBeWritten_IsFoundAtTheStart(t *testing.T) {
	t.Parallel()
	h := prepare(t, freshDatabase(t))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := webhooks.New(webhooks.Config{Pool: h.pool, Keys: h.keys, Ring: h.ringer, SpoolDir: filepath.Join(file, "spool")})
	if err == nil || !strings.Contains(err.Error(), "QSERVE_SPOOL_DIR") {
		t.Errorf("got %v", err)
	}
}
