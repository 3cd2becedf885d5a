package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"qserve/console"
)

// comeBack is what a client is asked to wait while PostgreSQL is away.
const comeBack = 5 * time.Second

// The places that an error can point to.
const (
	inBody  = "body"
	inQuery = "query"
	inPath  = "path"
)

// wireNames are the parameters that are named otherwise than the fields they fill.
var wireNames = map[string]string{"cursor": "page", "expiring_days": "expiring_within", "kinds": "kind", "overlap": "overlap_hours"}

// problem turns an error of the service into what a client is told. Fields are looked for in that part of the request.
func (s *server) problem(ctx context.Context, err error, part string) error {
	if field, ok := errors.AsType[*console.FieldError](err); ok {
		return huma.Error422UnprocessableEntity(field.Error(), detail(part, field.Field, field.Problem))
	}
	if missing, ok := errors.AsType[*console.NotFoundError](err); ok {
		return huma.Error404NotFound(missing.Error())
	}
	if conflict, ok := errors.AsType[*console.ConflictError](err); ok {
		if conflict.Field == "" {
			return huma.Error409Conflict(conflict.Problem)
		}
		return huma.Error409Conflict(conflict.Problem, detail(part, conflict.Field, conflict.Problem))
	}
	if stale, ok := errors.AsType[*console.StaleError](err); ok {
		return huma.Error412PreconditionFailed(stale.Problem)
	}
	if unstorable(err) {
		return huma.Error422UnprocessableEntity("a text has characters that cannot be stored, such as a zero byte", detail(part, "", "is not text"))
	}
	if away(err) {
		s.log.Warn("the staff API cannot reach the database", "error", err)
		return unavailable("the database cannot be reached now; try again", comeBack)
	}
	reference := newReference()
	s.log.ErrorContext(ctx, "a request failed", "reference", reference, "error", err)
	return broken(reference)
}

func detail(part, field, text string) *huma.ErrorDetail {
	location := part
	if field != "" {
		if name, renamed := wireNames[field]; renamed {
			field = name
		}
		location += "." + field
	}
	return &huma.ErrorDetail{Location: location, Message: text}
}

// away reports whether PostgreSQL could not be reached, or not in time.
func away(err error) bool {
	if _, dialled := errors.AsType[*pgconn.ConnectError](err); dialled {
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Connection exceptions, too many connections, and a server that shuts down or starts (PostgreSQL's appendix A).
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P") || pg.Code == "53300"
	}
	if _, network := errors.AsType[net.Error](err); network {
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || pgconn.SafeToRetry(err)
}

// unstorable reports whether PostgreSQL refused the characters of a text: a zero byte, or bytes that are not UTF-8.
func unstorable(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains([]string{"22021", "22P05"}, pg.Code)
}

// broken is the answer to what should not happen; the reference is in the log, and what happened is only there.
func broken(reference string) *huma.ErrorModel {
	return &huma.ErrorModel{
		Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError),
		Detail: "something went wrong here; tell the operator the reference " + reference,
	}
}

func unavailable(text string, wait time.Duration) error {
	return retryAfter(huma.Error503ServiceUnavailable(text), wait)
}

// retryAfter adds when to try again, in whole seconds (RFC 9110 §10.2.3).
func retryAfter(err error, wait time.Duration) error {
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	return huma.ErrorWithHeaders(err, http.Header{"Retry-After": {strconv.Itoa(seconds)}})
}

// fail answers from within the middleware.
func (s *server) fail(ctx huma.Context, err error) {
	if headers, ok := errors.AsType[huma.HeadersError](err); ok {
		for name, values := range headers.GetHeaders() {
			for _, value := range values {
				ctx.AppendHeader(name, value)
			}
		}
	}
	status, ok := errors.AsType[*huma.ErrorModel](err)
	if !ok {
		status = broken(newReference())
	}
	ctx.SetHeader("Content-Type", problemType)
	ctx.SetStatus(status.Status)
	_ = json.NewEncoder(ctx.BodyWriter()).Encode(status) // a client that does not read its answer loses only that
}

const problemType = "application/problem+json"

func writeProblem(w http.ResponseWriter, p *huma.ErrorModel) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // as above
}

// conceal keeps what was sent out of the answers that refuse it: it may be a password, and the sender knows it.
func conceal(_ huma.Context, _ string, value any) (any, error) {
	if p, ok := value.(*huma.ErrorModel); ok {
		for _, e := range p.Errors {
			e.Value = nil
		}
	}
	return value, nil
}

func (s *server) notFound(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, &huma.ErrorModel{
		Status: http.StatusNotFound, Title: http.StatusText(http.StatusNotFound),
		Detail: "there is no such address; " + Prefix + "/openapi.json lists them all",
	})
}

func (s *server) methodNotAllowed(router chi.Router) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := chi.RouteContext(r.Context()).RoutePath
		if path == "" {
			path = r.URL.Path
		}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
			if router.Match(chi.NewRouteContext(), method, path) {
				w.Header().Add("Allow", method)
			}
		}
		writeProblem(w, &huma.ErrorModel{
			Status: http.StatusMethodNotAllowed, Title: http.StatusText(http.StatusMethodNotAllowed),
			Detail: "this address does not take " + r.Method,
		})
	}
}
