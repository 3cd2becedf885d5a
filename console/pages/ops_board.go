package pages

import (
	"bytes"
	"net/http"
	"strings"

	"qserve/console"
)

// queues is the Asynq dashboard. Its API looks with GET and changes with everything else; changing is for owners.
func (s *server) queues() http.Handler {
	look, change := signingOut(s.Queues(false)), signingOut(s.Queues(true))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case me(r).May(console.ScopeAdmin):
			change.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			s.forbidden(w, r, console.ScopeAdmin)
		default:
			look.ServeHTTP(w, r)
		}
	})
}

// signingOut adds a script to the dashboard's page, with which it notices that the session has ended.
func signingOut(board http.Handler) http.Handler {
	script := []byte(`<script src="` + assetPath("board.js") + `"></script></head>`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, boardAPI) || r.Method != http.MethodGet {
			board.ServeHTTP(w, r)
			return
		}
		held := &heldPage{ResponseWriter: w}
		board.ServeHTTP(held, r)
		if held.page.Len() == 0 {
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(bytes.Replace(held.page.Bytes(), []byte("</head>"), script, 1)) // a reader who has gone misses nothing
	})
}

// boardAPI is where the dashboard asks.
const boardAPI = "/ops/queues/api/"

// heldPage holds back the dashboard's page, which is the one answer of unsaid type; everything else passes.
type heldPage struct {
	http.ResponseWriter
	page bytes.Buffer
}

func (h *heldPage) Write(text []byte) (int, error) {
	if h.Header().Get("Content-Type") != "" {
		return h.ResponseWriter.Write(text)
	}
	return h.page.Write(text)
}
