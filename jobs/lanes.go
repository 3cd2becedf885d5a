package jobs

import "sync"

// lanes lets one task at a time work on a router in this process. A task that finds its lane taken goes away and leaves
// word; the one inside looks once more before it leaves, so what the other was rung for is not missed.
type lanes struct {
	mu   sync.Mutex
	open map[int64]*lane
}

type lane struct{ again bool }

// enter reports whether the lane was free and is now the caller's.
func (l *lanes) enter(router int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if taken, ok := l.open[router]; ok {
		taken.again = true
		return false
	}
	l.open[router] = &lane{}
	return true
}

// leave gives the lane back, unless somebody left word and stay is true: then it clears the word and reports false.
func (l *lanes) leave(router int64, stay bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if stay && l.open[router].again {
		l.open[router].again = false
		return false
	}
	delete(l.open, router)
	return true
}
