package browser

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// witness notes what goes on behind a page: what it says on its console, what it asks for, and how much comes back.
type witness struct {
	base string

	mu       sync.Mutex
	problems []string
	expected []int64 // statuses that the test provokes
	forgiven []string
	bytes    map[network.RequestID]float64
	paths    map[network.RequestID]string
	streams  int // events of live pages
}

func newWitness(base string) *witness {
	w := &witness{base: base}
	w.forget()
	return w
}

// note is called for every event of the tab, in their order.
func (w *witness) note(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		w.problems = append(w.problems, "a script failed: "+text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			text := ""
			for _, arg := range e.Args {
				text += " " + string(arg.Value) + arg.Description + previewed(arg.Preview)
			}
			if w.known(text) {
				return
			}
			w.problems = append(w.problems, fmt.Sprintf("a script writes an %s:%s", e.Type, text))
		}
	case *log.EventEntryAdded:
		// Answers are judged by their status below; the browser's own line about them says no more.
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			w.problems = append(w.problems, fmt.Sprintf("the browser complains (%s): %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		if url := e.Request.URL; !strings.HasPrefix(url, w.base+"/") && !strings.HasPrefix(url, "data:") {
			w.problems = append(w.problems, "the page asks elsewhere: "+url)
		}
		w.paths[e.RequestID] = strings.TrimPrefix(e.Request.URL, w.base)
	case *network.EventResponseReceived:
		if status := e.Response.Status; status >= 400 && !slices.Contains(w.expected, status) {
			w.problems = append(w.problems, fmt.Sprintf("%s is answered %d", e.Response.URL, status))
		}
	case *network.EventDataReceived:
		w.bytes[e.RequestID] += float64(e.EncodedDataLength)
	case *network.EventLoadingFinished:
		w.bytes[e.RequestID] = e.EncodedDataLength
	case *network.EventEventSourceMessageReceived:
		w.streams++
	}
}

// known reports whether htmx tells what is judged elsewhere, or what is no error: an answer by its status, a request that
// was given up for a newer one.
func (w *witness) known(text string) bool {
	for _, status := range w.expected {
		if strings.Contains(text, fmt.Sprintf("Response Status Error Code %d ", status)) {
			return true
		}
	}
	return strings.Contains(text, "htmx:sendAbort") || strings.Contains(text, "htmx:afterRequest")
}

func previewed(p *runtime.ObjectPreview) (text string) {
	if p != nil {
		for _, of := range p.Properties {
			text += " " + of.Value
		}
	}
	return text
}

// expects lets answers of a status pass, which the test provokes.
func (w *witness) expects(status int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expected = append(w.expected, status)
}

// forgives lets problems pass whose text has a part: those of a page that is another's.
func (w *witness) forgives(part string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forgiven = append(w.forgiven, part)
}

// forget begins to count anew.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes, w.paths, w.streams = map[network.RequestID]float64{}, map[network.RequestID]string{}, 0
}

// events is how many events of live pages came.
func (w *witness) events() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.streams
}

// transferred is how many bytes came since forget, and for what.
func (w *witness) transferred() (total float64, of []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, n := range w.bytes {
		total += n
		of = append(of, fmt.Sprintf("%6.0f %s", n, w.paths[id]))
	}
	slices.Sort(of)
	return total, of
}

// judge fails a test in whose tab something went wrong that no person would see.
func (w *witness) judge(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, problem := range w.problems {
		if !slices.ContainsFunc(w.forgiven, func(part string) bool { return strings.Contains(problem, part) }) {
			t.Error(problem)
		}
	}
}

// call is a command of the DevTools protocol that answers nothing of interest.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}
