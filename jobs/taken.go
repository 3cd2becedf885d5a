package jobs

import "sync"

// takenAlong remembers the work that was done beside other work of its kind, so that its own tasks, which follow in a
// moment, need not ask the database. It may forget: asking is always right. A key names one piece of work and no later one.
type takenAlong[K comparable] struct {
	mu  sync.Mutex
	ids map[K]struct{}
}

// takenMost bounds the memory. A task that never comes, because another process had it, leaves its id behind.
const takenMost = 10_000

func (t *takenAlong[K]) add(id K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids == nil || len(t.ids) >= takenMost {
		t.ids = map[K]struct{}{}
	}
	t.ids[id] = struct{}{}
}

// take reports whether id was done, and forgets it.
func (t *takenAlong[K]) take(id K) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.ids[id]
	delete(t.ids, id)
	return known
}
