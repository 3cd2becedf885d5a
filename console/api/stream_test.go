package api

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A proxy closes a connection that says nothing for a minute.
func TestSilentStream_ShowsThatItLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop, pieces, seen := make(chan struct{}), make(chan string), httptest.NewRecorder()
		s := &server{Config: Config{Stop: stop}}
		ended := make(chan error, 1)
		go func() { ended <- s.write(t.Context(), seen, pieces) }()
		pieces <- "event: action\n\n"
		<-time.After(time.Minute + time.Second)
		close(stop)
		if err := <-ended; err != errEnded { //nolint:errorlint // the very value
			t.Errorf("ended with %v", err)
		}
		want := append([]string{"event: action"}, slices.Repeat([]string{": alive"}, 4)...)
		if got := strings.Split(strings.TrimSpace(seen.Body.String()), "\n\n"); !slices.Equal(got, want) || !seen.Flushed {
			t.Errorf("in a minute it sent %q", got)
		}
	})
}
