// Package api is the staff API: HTTP in front of package console.
//
// A request goes through serve (headers, log line, panics), then authenticate, limit, receive and once, and then to its
// operation, which calls one method of [console.Service]. No rule about accounts is decided here. The operations describe
// themselves in OpenAPI, which is served next to them, and errors are problem details (RFC 9457).
package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"qserve/console"
)

// Prefix is where the handler has to be mounted.
const Prefix = "/api/v1"

// Config is what the API needs. All of it must be set.
type Config struct {
	Service *console.Service
	// Address tells where a request came from, for the history.
	Address func(*http.Request) string
	// Stop is closed when the program begins to end, so that streams do not hold it up.
	Stop    <-chan struct{}
	Version string // of the program
}

// server is the API; it is safe for concurrent use.
type server struct {
	Config
	log      *slog.Logger
	limits   *limits
	purge    *every
	streams  chan struct{} // a token in it for each open stream
	document huma.API
}

const (
	// requestTime bounds what one request may take, except for streams. It is shorter than abandonedAfter.
	requestTime = 20 * time.Second
	// maxStreams bounds the open event streams of one process.
	maxStreams = 500
)

// New returns the handler of everything below [Prefix].
func New(cfg Config) (http.Handler, error) {
	s := &server{
		Config: cfg, log: cfg.Service.Log, limits: newLimits(), purge: &every{interval: purgeEvery},
		streams: make(chan struct{}, maxStreams),
	}
	router := chi.NewRouter()
	router.Use(s.serve)
	router.NotFound(s.notFound)
	router.MethodNotAllowed(s.methodNotAllowed(router))
	s.document = humachi.New(router, description(cfg.Version))
	s.document.UseMiddleware(s.authenticate, s.limit, s.receive, s.once)
	s.subscriberRoutes()
	s.commandRoutes()
	s.historyRoutes()
	s.timelineRoutes()
	s.actionRoutes()
	s.paymentRoutes()
	s.planRoutes()
	s.routerRoutes()
	s.sourceRoutes()
	s.deliveryRoutes()
	s.auditRoutes()
	s.tokenRoutes()
	s.staffRoutes()
	if err := serveDocument(router, finish(s.document.OpenAPI())); err != nil {
		return nil, err
	}
	return router, nil
}

// serveDocument serves the description, to anybody: it holds nothing of this provider.
func serveDocument(router chi.Router, document *huma.OpenAPI) error {
	asJSON, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("write the OpenAPI document as JSON: %w", err)
	}
	asYAML, err := document.YAML()
	if err != nil {
		return fmt.Errorf("write the OpenAPI document as YAML: %w", err)
	}
	for path, file := range map[string]struct {
		contentType string
		body        []byte
	}{
		"/openapi.json": {"application/json", asJSON},
		"/openapi.yaml": {"application/yaml", asYAML},
	} {
		router.Get(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", file.contentType)
			_, _ = w.Write(file.body) // a client that does not read its answer loses only that
		})
	}
	return nil
}
