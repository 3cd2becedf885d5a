package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"qserve/console"
)

// stuckAfter is how long one write may wait for a client that does not read, 30 seconds.
const stuckAfter = 30 * time.Second

// sheet describes a list that can be had as CSV too.
func sheet[T any](s *server, op *huma.Operation) {
	op.Metadata[streams] = true
	op.Responses = map[string]*huma.Response{"200": {
		Description: "A page of the list, or all of it as CSV (RFC 4180) with a line of headings.",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: schemaOf[console.Page[T]](s)},
			"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString}},
		},
	}}
}

// asJSON answers with a page where CSV was possible and not asked for.
func asJSON[T any](s *server, p console.Page[T]) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "application/json")
		// A client that does not read its answer loses only that.
		_ = s.document.Marshal(ctx.BodyWriter(), "application/json", listed(p).Body)
	}}
}

// csv answers with what write writes. Until its first bytes an error is answered as a problem; later the connection is
// broken, so that nobody takes a part for the whole.
func (s *server) csv(ctx context.Context, name string, write func(w io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		_, w := humachi.Unwrap(answer)
		out := &download{w: w, name: name}
		err := write(out)
		switch {
		case err == nil:
			out.begin()
		case !out.begun:
			s.fail(answer, s.problem(ctx, err, inQuery))
		default:
			s.log.Warn("a download was broken off", "error", err)
			panic(http.ErrAbortHandler)
		}
	}}
}

// download is a file on its way to a client.
type download struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

func (d *download) begin() {
	if !d.begun {
		d.begun = true
		d.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		d.w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	}
}

// Write implements [io.Writer].
func (d *download) Write(p []byte) (int, error) {
	d.begin()
	return writeInTime(d.w, p)
}

// writeInTime writes, and gives up on a client that does not read: a deadline in the past ends a write that is under way.
func writeInTime(w http.ResponseWriter, p []byte) (int, error) {
	control := http.NewResponseController(w)
	stuck := time.AfterFunc(stuckAfter, func() { _ = control.SetWriteDeadline(time.Unix(1, 0)) })
	defer stuck.Stop()
	return w.Write(p)
}
