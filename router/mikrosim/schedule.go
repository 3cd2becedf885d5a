package mikrosim

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"qserve/internal/clock"
)

// schedule runs functions at their moments, one after the other, in one goroutine: a router of thousands of customers needs
// no goroutine or timer for each. The functions must not block.
type schedule struct {
	alarm  alarm
	mu     sync.Mutex
	events eventHeap
}

type event struct {
	at  time.Time
	run func(ctx context.Context)
}

// at runs f at t or as soon after it as possible.
func (s *schedule) at(t time.Time, f func(ctx context.Context)) {
	s.mu.Lock()
	heap.Push(&s.events, event{t, f})
	first := s.events[0].at.Equal(t)
	s.mu.Unlock()
	if first {
		s.alarm.ring()
	}
}

// run works until ctx ends.
func (s *schedule) run(ctx context.Context, clk clock.Clock) {
	for ctx.Err() == nil {
		e, due := s.next(clk.Now())
		if e.run != nil {
			e.run(ctx)
			continue
		}
		if !s.alarm.wait(ctx, clk, due) {
			return
		}
	}
}

// next takes the first event if its moment has come, or else says when to look again.
func (s *schedule) next(now time.Time) (e event, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) == 0 {
		return event{}, time.Time{}
	}
	if first := s.events[0].at; first.After(now) {
		return event{}, first
	}
	e, _ = heap.Pop(&s.events).(event)
	return e, time.Time{}
}

type eventHeap []event

func (h eventHeap) Len() int           { return len(h) }
func (h eventHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h eventHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

func (h *eventHeap) Push(x any) {
	if e, ok := x.(event); ok {
		*h = append(*h, e)
	}
}

func (h *eventHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return last
}
