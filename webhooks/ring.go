package webhooks

import (
	"context"
	"time"
)

// Ringer tells the workers that there are deliveries to look at. It never fails: what it could not ring for, the
// workers' own sweep finds. It returns when ctx is done.
type Ringer interface {
	RingDelivery(ctx context.Context, ids ...int64)
}

const (
	ringWithin = 200 * time.Millisecond
	// ringsWaiting is how many groups may wait to be rung for; beyond it they are left to the sweep.
	ringsWaiting = 1024
	// ringAtOnce is how many deliveries one call of the Ringer is given at most.
	ringAtOnce = 256
	// lastRings bounds what a stopping intake still rings for.
	lastRings = time.Second
)

// bell rings beside the answers, so that no answer waits for Redis.
type bell struct {
	ringer  Ringer
	queue   chan []int64
	dropped func(deliveries int)
}

func newBell(ringer Ringer, dropped func(deliveries int)) *bell {
	return &bell{ringer: ringer, queue: make(chan []int64, ringsWaiting), dropped: dropped}
}

// ring takes the ids of one group, or drops them. It never waits.
func (b *bell) ring(ids []int64) {
	select {
	case b.queue <- ids:
	default:
		b.dropped(len(ids))
	}
}

// run rings until the queue is closed and empty; once ctx is done, it only empties the queue.
func (b *bell) run(ctx context.Context) {
	for ids := range b.queue {
		ids = b.gather(ids)
		if ctx.Err() != nil {
			b.dropped(len(ids))
			continue
		}
		each, cancel := context.WithTimeout(ctx, ringWithin)
		b.ringer.RingDelivery(each, ids...)
		cancel()
	}
}

// gather adds the ids of the groups that wait behind the first.
func (b *bell) gather(ids []int64) []int64 {
	for len(ids) < ringAtOnce {
		select {
		case more, open := <-b.queue:
			if !open {
				return ids
			}
			ids = append(ids, more...)
		default:
			return ids
		}
	}
	return ids
}
