package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// maxBody is the largest body that is read, 1 MiB.
const maxBody = 1 << 20

// streams marks an operation whose answer has no end of its own.
const streams = "streams"

// receive reads the whole body, so that what comes after it can compare its bytes, and bounds the time of the rest.
func (s *server) receive(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		s.fail(ctx, huma.NewError(http.StatusRequestEntityTooLarge, "the body is larger than 1 MiB"))
		return
	}
	if err != nil {
		s.fail(ctx, huma.Error400BadRequest("the body did not arrive"))
		return
	}
	bounded := r.Context()
	if _, endless := ctx.Operation().Metadata[streams]; !endless {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(bounded, requestTime)
		defer cancel()
	}
	r = r.WithContext(bounded)
	r.Body = io.NopCloser(bytes.NewReader(body))
	next(humachi.NewContext(ctx.Operation(), r, w))
}
