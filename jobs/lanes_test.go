package jobs

import (
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func TestLane_IsLeftOnlyByWhoFoundNoWord(t *testing.T) {
	t.Parallel()
	l := lanes{open: map[int64]*lane{}}
	if !l.enter(1) || !l.enter(2) {
		t.Fatal("a free lane was refused")
	}
	for range 2 {
		if l.enter(1) {
			t.Fatal("two are in one lane")
		}
	}
	if l.leave(1, true) {
		t.Error("left although somebody had left word")
	}
	if !l.leave(1, true) {
		t.Error("one word was heard twice")
	}
	if !l.enter(1) || l.enter(1) || !l.leave(1, false) {
		t.Error("who must go could not")
	}
	if !l.enter(1) || !l.leave(1, true) {
		t.Error("a word outlived the one it was left for")
	}
	if !l.leave(2, true) || len(l.open) != 0 {
		t.Errorf("%d lanes are still open", len(l.open))
	}
}

// A ring is work that was put down and then a look at the lane. Whoever is inside must take it, however the two meet.
func TestLanes_LoseNoRing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const routers = 2
		l := lanes{open: map[int64]*lane{}}
		rings := rapid.SliceOfN(rapid.SliceOfN(rapid.Int64Range(0, routers-1), 1, 30), 2, 8).Draw(t, "rings")
		var waiting, done [routers]atomic.Int64
		var inside [routers]atomic.Bool
		var crossed atomic.Bool
		var all sync.WaitGroup
		for _, mine := range rings {
			all.Go(func() {
				for _, r := range mine {
					waiting[r].Add(1)
					if !l.enter(r) {
						continue
					}
					for {
						if inside[r].Swap(true) {
							crossed.Store(true)
						}
						done[r].Add(waiting[r].Swap(0))
						inside[r].Store(false)
						if l.leave(r, true) {
							break
						}
					}
				}
			})
		}
		all.Wait()
		if crossed.Load() {
			t.Fatal("two were in one lane")
		}
		for r := range routers {
			if n := waiting[r].Load(); n != 0 {
				t.Fatalf("nobody came for %d rings of router %d", n, r)
			}
		}
	})
}
