package jobs

import "sync"

// takenAlong remembers the deliveries that were processed beside another one, so that their own tasks, which follow in
// a moment, need not ask the database. It may forget: asking is always right.
type takenAlong struct {
	mu  sync.Mutex
	ids map[int64]struct{}
}

// takenMost bounds the memory. A task that never comes, because another process had it, leaves its id behind.
const takenMost = 10_000

func (t *takenAlong) add(id int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids == nil || len(t.ids) >= takenMost {
		t.ids = map[int64]struct{}{}
	}
	t.ids[id] = struct{}{}
}

// take reports whether id was processed, and forgets it.
func (t *takenAlong) take(id int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.ids[id]
	delete(t.ids, id)
	return known
}
