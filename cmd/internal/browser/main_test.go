package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// atOnce is how many tests click at the same time: they wait for pages and routers more than they compute.
const atOnce = "3"

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	goleak.VerifyTestMain(tests{m})
}

// tests closes what all tests share before goleak looks.
type tests struct{ m *testing.M }

func (t tests) Run() int {
	code := t.m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, "close what the tests share:", err)
		return max(code, 1)
	}
	return code
}

// shared is the office and the browser of all tests.
var shared sharing

type sharing struct {
	once   sync.Once
	office *office
	chrome *chrome
	err    error
}

// startWithin bounds the start: on a busy machine PostgreSQL and Chromium take their time.
const startWithin = 2 * time.Minute

func (s *sharing) start() error {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startWithin)
		defer cancel()
		var starting sync.WaitGroup
		var officeErr, chromeErr error
		starting.Go(func() { s.office, officeErr = openOffice(ctx) })
		starting.Go(func() { s.chrome, chromeErr = startChrome() })
		starting.Wait()
		s.err = errors.Join(officeErr, chromeErr)
	})
	return s.err
}

func (s *sharing) close() error {
	if s.chrome != nil {
		s.chrome.stop()
	}
	if s.office != nil {
		return s.office.Close()
	}
	return nil
}
