package aaa

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"qserve/internal/clock"
)

// quiet writes a message about one thing at most once a minute, and says how many it has held back.
type quiet struct {
	log   *slog.Logger
	clock clock.Clock

	mu   sync.Mutex
	said map[subject]*silence
	// sweepAt is when the full map is next searched for what may be dropped.
	sweepAt time.Time
}

type subject struct{ message, about string }

type silence struct {
	until time.Time
	held  int
}

const (
	quietFor = time.Minute
	// subjects bounds the memory. Whoever sends from many addresses shares one silence with the rest of its kind.
	subjects = 4096
)

func newQuiet(log *slog.Logger, c clock.Clock) *quiet {
	return &quiet{log: log, clock: c, said: map[subject]*silence{}}
}

func (q *quiet) warn(message, about string, attrs ...slog.Attr) {
	q.write(slog.LevelWarn, message, about, attrs)
}

func (q *quiet) info(message, about string, attrs ...slog.Attr) {
	q.write(slog.LevelInfo, message, about, attrs)
}

func (q *quiet) write(level slog.Level, message, about string, attrs []slog.Attr) {
	held, ok := q.admit(subject{message, about})
	if !ok {
		return
	}
	if held > 0 {
		attrs = append(attrs, slog.Int("held_back", held))
	}
	q.log.LogAttrs(context.Background(), level, message, attrs...) //nolint:sloglint // a constant where it comes from
}

func (q *quiet) admit(what subject) (held int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.clock.Now()
	s := q.said[what]
	if s == nil && len(q.said) >= subjects && !now.Before(q.sweepAt) {
		maps.DeleteFunc(q.said, func(_ subject, s *silence) bool { return !now.Before(s.until) })
		q.sweepAt = now.Add(time.Second)
	}
	if s == nil && len(q.said) >= subjects {
		what.about = ""
		s = q.said[what]
	}
	if s == nil {
		s = &silence{}
		q.said[what] = s
	}
	if now.Before(s.until) {
		s.held++
		return 0, false
	}
	held, s.held, s.until = s.held, 0, now.Add(quietFor)
	return held, true
}
