package webhooks_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qserve/db"
	"qserve/internal/stack"
	"qserve/internal/stack/stacktest"
	"qserve/webhooks"
)

// BenchmarkIntakeAgainstRawCommits sets what 32 clients get durably accepted over HTTP against what the same PostgreSQL
// commits when 16 connections insert one row each at a time. The two take turns, so that both meet the same machine.
func BenchmarkIntakeAgainstRawCommits(b *testing.B) {
	const clients, connections, rounds = 32, 16, 6
	postgres := stacktest.OwnPostgres(b, stack.PostgresOptions{Durable: true})
	url, err := postgres.CreateDatabase(b.Context(), "qserve_bench", "")
	if err != nil {
		b.Fatal(err)
	}
	if err := migrate(b.Context(), url); err != nil {
		b.Fatal(err)
	}
	h := prepare(b, url)
	h.start(func(c *webhooks.Config) { c.Log = slog.New(slog.DiscardHandler) })
	s := h.source("mpesa", "600100")
	go func() {
		for range h.ringer.rung { // nobody else listens for the bell
		}
	}()
	defer func() { h.stop(); close(h.ringer.rung) }()

	var serial atomic.Int64
	body := func() []byte {
		return confirmation(b, map[string]any{"TransID": fmt.Sprintf("QSV%012d", serial.Add(1))})
	}
	address := h.server.Listener.Addr().String()
	post := func() func(body []byte) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(b.Context(), "tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		answers := bufio.NewReader(conn)
		var request bytes.Buffer
		return func(body []byte) {
			request.Reset()
			fmt.Fprintf(&request, "POST %s/confirm HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s", s.path, len(body), body)
			if _, err := conn.Write(request.Bytes()); err != nil {
				b.Error(err)
				return
			}
			res, err := http.ReadResponse(answers, nil)
			if err != nil || res.StatusCode != http.StatusOK {
				b.Errorf("answer %v, %v", res, err)
				return
			}
			var answer [len(mpesaSuccess)]byte
			_, _ = res.Body.Read(answer[:])
			_ = res.Body.Close()
		}
	}
	q := db.New(h.pool)
	insert := func() func(body []byte) {
		digest := make([]byte, 32)
		return func(body []byte) {
			if _, err := q.InsertDeliveries(b.Context(), db.InsertDeliveriesParams{
				SourceIDs: []int64{s.id}, DeliveryKeys: []string{webhooks.BodyKey(body)}, Digests: [][]byte{digest},
				Calls: []string{"confirm"}, Bodies: [][]byte{body}, ReceivedAts: []time.Time{time.Now()},
			}); err != nil {
				b.Error(err)
			}
		}
	}

	var raw, intake sample
	each := max(b.N/rounds, clients)
	measure(each, clients, post, body) // warms both
	measure(each, connections, insert, body)
	b.ResetTimer()
	for range rounds {
		raw.add(measure(each, connections, insert, body))
		intake.add(measure(each, clients, post, body))
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(raw.rate(), "raw/s")
	b.ReportMetric(intake.rate(), "intake/s")
	b.ReportMetric(intake.rate()/raw.rate(), "intake/raw")
	b.ReportMetric(float64(raw.p99().Microseconds()), "raw-p99-µs")
	b.ReportMetric(float64(intake.p99().Microseconds()), "intake-p99-µs")
	b.ReportMetric(float64(intake.p99())/float64(raw.p99()), "p99-ratio")
}

// sample is what one side took.
type sample struct {
	each []time.Duration
	all  time.Duration
}

func (s *sample) add(more sample) {
	s.each = append(s.each, more.each...)
	s.all += more.all
}

func (s *sample) rate() float64 { return float64(len(s.each)) / s.all.Seconds() }

func (s *sample) p99() time.Duration {
	slices.Sort(s.each)
	return s.each[len(s.each)*99/100]
}

// measure has workers do n things between them, each with its own state from prepare.
func measure(n, workers int, prepare func() func(body []byte), body func() []byte) sample {
	var left atomic.Int64
	left.Store(int64(n))
	took := make([][]time.Duration, workers)
	do := make([]func([]byte), workers)
	var all sync.WaitGroup
	for i := range workers {
		do[i] = prepare()
	}
	began := time.Now()
	for i := range workers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				b := body()
				at := time.Now()
				do[i](b)
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	all.Wait()
	return sample{each: slices.Concat(took...), all: time.Since(began)}
}
