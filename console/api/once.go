package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

const (
	keyHeader    = "Idempotency-Key"
	replayHeader = "Idempotency-Replayed"
	maxKey       = 200 // characters
)

// once carries a request with an Idempotency-Key out one time. Repeated, it gets the answer that it got before.
//
// The key is claimed before and the answer stored after the operation, each in a transaction of its own. A crash between
// the operation and its answer leaves a claim, which the repeated request takes over; the operation then knows the
// request by By.RequestKey, and gives its command once.
func (s *server) once(ctx huma.Context, next func(huma.Context)) {
	key := ctx.Header(keyHeader)
	if key == "" || ctx.Method() == http.MethodGet {
		next(ctx)
		return
	}
	if len(key) > maxKey || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		text := fmt.Sprintf("must have 1 to %d printable ASCII characters", maxKey)
		s.fail(ctx, huma.Error422UnprocessableEntity(keyHeader+": "+text, detail("header", keyHeader, text)))
		return
	}
	r, w := humachi.Unwrap(ctx)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.fail(ctx, huma.Error400BadRequest("the body did not arrive"))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c := callOf(r.Context())
	sum := digest(r, body)
	claimed, stored, err := s.claim(r.Context(), c.caller.ID, key, sum)
	switch {
	case err != nil:
		s.fail(ctx, err)
		return
	case stored != nil:
		stored.write(w, true)
		return
	}
	c.key = requestKey(c.caller.ID, key, sum)
	given := newAnswer()
	kept := false
	defer func() {
		if !kept {
			s.release(r.Context(), claimed)
		}
	}()
	next(humachi.NewContext(ctx.Operation(), r, given))
	if given.final() {
		s.keep(r.Context(), claimed, given)
		kept = true
	}
	given.write(w, false)
}

// digest is of everything that makes a request another one.
func digest(r *http.Request, body []byte) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("If-Match"))
	h.Write(body)
	return h.Sum(nil)
}

// requestKey names the request in the books. The digest is part of it because the books remember a key for longer than
// its answer is kept: a client that uses the key again, for something else, then gives another command.
func requestKey(token int64, key string, digest []byte) string {
	return fmt.Sprintf("%d:%s:%s", token, key, hex.EncodeToString(digest[:8]))
}

// answer is a response in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: http.Header{}} }

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// final reports whether asking again would not help. What failed here, or for lack of a right or of time, may work the
// next time.
func (a *answer) final() bool {
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return false
	}
	return a.status >= http.StatusOK && a.status < http.StatusInternalServerError
}

func (a *answer) write(w http.ResponseWriter, replayed bool) {
	maps.Copy(w.Header(), a.header)
	if replayed {
		w.Header().Set(replayHeader, "true")
	}
	w.WriteHeader(max(a.status, http.StatusOK))
	_, _ = w.Write(a.body.Bytes()) // a client that does not read its answer asks again
}
