package webhooks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/db"
	"qserve/internal/peer"
)

const (
	// maxBody is the largest body that is read, 256 kB. The Standard Webhooks specification advises senders to stay
	// below 20 kB.
	maxBody = 256 << 10
	// readWithin bounds the arrival of a body.
	readWithin = 5 * time.Second
	// askWithin bounds the look-up behind a question; Safaricom waits about 8 s before it decides alone.
	askWithin = 2 * time.Second
	// comeBack is what a sender is asked to wait when we cannot store.
	comeBack = 10 * time.Second
)

// result is what became of a call: what the sender is told and what is counted.
type result struct {
	source, call string
	outcome      string
	answer       Answer
}

// The answers that are the same for every provider. A refused sender is not told the reason.
var (
	answerNotFound    = Answer{Status: http.StatusNotFound, JSON: `{"error":"no such address"}`}
	answerMethod      = Answer{Status: http.StatusMethodNotAllowed, JSON: `{"error":"this address takes POST only"}`}
	answerTooLarge    = Answer{Status: http.StatusRequestEntityTooLarge, JSON: `{"error":"the body is larger than 256 kB"}`}
	answerEncoded     = Answer{Status: http.StatusUnsupportedMediaType, JSON: `{"error":"send the body without a content encoding"}`}
	answerSlow        = Answer{Status: http.StatusRequestTimeout, JSON: `{"error":"the body did not arrive in time"}`}
	answerBroken      = Answer{Status: http.StatusBadRequest, JSON: `{"error":"the body did not arrive"}`}
	answerEmpty       = Answer{Status: http.StatusBadRequest, JSON: `{"error":"the body is empty"}`}
	answerRefused     = Answer{Status: http.StatusUnauthorized, JSON: `{"error":"not accepted"}`}
	answerUnavailable = Answer{Status: http.StatusServiceUnavailable, JSON: `{"error":"cannot be stored now; send it again"}`, RetryAfter: comeBack}
)

// Handler serves the sources' addresses; mount it at /in.
func (in *Intake) Handler() http.Handler {
	r := chi.NewRouter()
	r.HandleFunc("/{token}", in.serve)
	r.HandleFunc("/{token}/{call}", in.serve)
	return r
}

func (in *Intake) serve(w http.ResponseWriter, r *http.Request) {
	began := in.clock.Now()
	res := in.receive(w, r, began)
	res.answer.write(w)
	in.observe(res.source, res.call, res.outcome, in.clock.Now().Sub(began))
}

// receive is the way of every call: cap, read raw, verify, store, answer.
func (in *Intake) receive(w http.ResponseWriter, r *http.Request, now time.Time) result {
	if r.Method != http.MethodPost {
		return result{outcome: "method", answer: answerMethod}
	}
	source, err := in.sources.find(r.Context(), chi.URLParam(r, "token"))
	if errors.Is(err, errNotLooked) {
		return result{outcome: "unavailable", answer: answerUnavailable}
	}
	p := providers[source.Kind]
	c, known := p.call(chi.URLParam(r, "call"))
	if err != nil || !known {
		return result{outcome: "unknown", answer: answerNotFound}
	}
	res := result{source: source.Name, call: c.path}
	body, reason, refused := readBody(w, r)
	if refused != nil {
		res.outcome, res.answer = reason, *refused
		return res
	}
	if len(body) == 0 && !c.question {
		res.outcome, res.answer = "empty", answerEmpty
		return res
	}
	request := Request{Call: c.path, Header: r.Header, Body: body, ReceivedAt: now, Peer: peer.Of(r, in.proxies)}
	if err := in.verify(r, p, request, source); err != nil {
		res.outcome, res.answer = in.refuse(r.Context(), source, request, err), answerRefused
		return res
	}
	// A caller who hangs up early has told us of money all the same.
	ctx := context.WithoutCancel(r.Context())
	outcome, err := in.take(ctx, p, c, source, request)
	if err != nil {
		in.log.Error("a delivery is turned away", "source", source.Name, "error", err)
		res.outcome, res.answer = "unavailable", answerUnavailable
		return res
	}
	res.outcome, res.answer = string(outcome), p.Ack(request, outcome)
	return res
}

// verify looks at the database before it lets a refusal stand: what is known here may be a moment older than the
// secret that the sender was just given.
func (in *Intake) verify(r *http.Request, p provider, request Request, source Source) error {
	refusal := p.Verify(request, source)
	if refusal == nil {
		return nil
	}
	if fresh, err := in.sources.look(r.Context(), chi.URLParam(r, "token")); err == nil {
		return p.Verify(request, fresh)
	}
	return refusal
}

// refuse logs a refusal and returns what to count it as.
func (in *Intake) refuse(ctx context.Context, source Source, r Request, err error) string {
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		refusal = &Refusal{Reason: "unverified"}
	}
	level := slog.LevelWarn
	if refusal.Alarm {
		level = slog.LevelError
	}
	in.log.Log(ctx, level, "a call to a payment source is refused", "source", source.Name, "reason", refusal.Reason, "peer", r.Peer)
	return "refused-" + refusal.Reason
}

// take stores a delivery or answers a question.
func (in *Intake) take(ctx context.Context, p provider, c call, source Source, r Request) (Outcome, error) {
	if c.question {
		return in.ask(ctx, p, source, r), nil
	}
	digest := sha256.Sum256(r.Body)
	d := delivery{source: source.ID, key: p.Key(r), digest: digest[:], call: c.path, body: r.Body, receivedAt: r.ReceivedAt}
	s := in.group.store(ctx, d)
	if s.err == nil {
		in.log.Info("delivery taken in", "source", source.Name, "outcome", s.outcome, "delivery", s.id, "peer", r.Peer)
		return s.outcome, nil
	}
	if !c.spooled || in.spool == nil {
		return "", s.err
	}
	if err := in.spool.put(d); err != nil {
		return "", errors.Join(s.err, err)
	}
	in.log.Warn("a delivery is kept on disk until the database is back", "source", source.Name)
	return Spooled, nil
}

// ask finds out whether a payment is welcome. Only what is certain turns the payer away.
func (in *Intake) ask(ctx context.Context, p provider, source Source, r Request) Outcome {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	notices, err := p.Parse(Envelope{Call: r.Call, Body: r.Body, Merchant: source.Merchant, Currency: source.Currency})
	if errors.Is(err, errNotPositive) {
		return NoAmount
	}
	if err != nil || len(notices) != 1 {
		return InDoubt
	}
	_, unallocated, err := db.MatchSubscriber(ctx, in.queries, notices[0], in.region)
	switch {
	case err != nil:
		in.log.Warn("a payment could not be checked in time and is let through", "source", source.Name, "error", err)
		return InDoubt
	case unallocated == db.NoSuchAccount:
		return NoAccount
	case unallocated != "":
		return InDoubt
	}
	return Welcome
}

// readBody reads the raw bytes, or returns why not.
func readBody(w http.ResponseWriter, r *http.Request) (body []byte, reason string, refused *Answer) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, "encoded", &answerEncoded
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return nil, "too-large", &answerTooLarge
	}
	// A deadline in the past ends a read that is under way. A recorder has no connection and needs none.
	control := http.NewResponseController(w)
	slow := time.AfterFunc(readWithin, func() { _ = control.SetReadDeadline(time.Unix(1, 0)) })
	defer slow.Stop()
	buffer := bytes.NewBuffer(make([]byte, 0, max(r.ContentLength, 0)+bytes.MinRead))
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == nil:
		return buffer.Bytes(), "", nil
	case tooLarge:
		return nil, "too-large", &answerTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return nil, "slow", &answerSlow
	}
	return nil, "broken", &answerBroken
}

func (a Answer) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if a.Status == http.StatusMethodNotAllowed {
		h.Set("Allow", http.MethodPost)
	}
	if a.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(a.RetryAfter/time.Second)))
	}
	h.Set("Content-Length", strconv.Itoa(len(a.JSON)))
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.JSON) // a sender who does not read its answer loses only that
}
