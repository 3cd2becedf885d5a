package mikrosim

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// outbox holds the answers of one API connection until they are written. Answers with different tags take turns sentence
// by sentence, as a router that works on several commands lets them; answers with the same tag, or without one, keep their
// order.
type outbox struct {
	alarm alarm

	mu    sync.Mutex
	lanes []*lane
	turn  int
}

// lane holds the answers under one tag.
type lane struct {
	key   string
	queue []*answer
}

// answer is a reply on its way.
type answer struct {
	reply
	due   time.Time
	spoil FaultKind
	// written is called when the answer is out or was cancelled.
	written func()
}

func laneKey(req request) string {
	if !req.tagged {
		return ""
	}
	return ".tag=" + req.tag
}

// push adds an answer under a lane's key. A key that starts with .tag= is written into each of its sentences.
func (o *outbox) push(key string, a *answer) {
	o.mu.Lock()
	l := o.lane(key)
	if l == nil {
		l = &lane{key: key}
		o.lanes = append(o.lanes, l)
	}
	l.queue = append(l.queue, a)
	o.mu.Unlock()
	o.alarm.ring()
}

func (o *outbox) lane(key string) *lane {
	if i := slices.IndexFunc(o.lanes, func(l *lane) bool { return l.key == key }); i >= 0 {
		return o.lanes[i]
	}
	return nil
}

// next takes the next thing to write: a sentence, or a whole answer that is to be spoiled. When nothing is due it returns
// false and the moment to look again, zero if there is none.
func (o *outbox) next(now time.Time) (a *answer, s sentence, due time.Time, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for range o.lanes {
		o.turn++
		l := o.lanes[o.turn%len(o.lanes)]
		a := l.queue[0]
		if a.due.After(now) {
			if due.IsZero() || a.due.Before(due) {
				due = a.due
			}
			continue
		}
		if a.spoil != "" {
			for i, s := range a.sentences {
				a.sentences[i] = withTag(s, l.key)
			}
			o.pop(l)
			return a, nil, time.Time{}, true
		}
		s := withTag(a.sentences[0], l.key)
		a.sentences = a.sentences[1:]
		if len(a.sentences) == 0 {
			o.finish(l, a, now)
		}
		return a, s, time.Time{}, true
	}
	return nil, nil, due, false
}

func (o *outbox) finish(l *lane, a *answer, now time.Time) {
	if a.repeat == nil {
		o.pop(l)
		return
	}
	a.sentences, a.due = a.repeat(), now.Add(a.every)
}

func (o *outbox) pop(l *lane) {
	l.queue[0].written()
	l.queue = l.queue[1:]
	if len(l.queue) == 0 {
		o.lanes = slices.DeleteFunc(o.lanes, func(e *lane) bool { return e == l })
	}
}

// cancel interrupts the commands of one tag, or all when key is empty, and returns what to answer: the trap of each, the
// cancelling command's own !done, then the !done of each, in the order that routers were recorded to use.
func (o *outbox) cancel(key, own string) []sentence {
	o.mu.Lock()
	defer o.mu.Unlock()
	var traps, dones []sentence
	for _, l := range slices.Clone(o.lanes) {
		if key != "" && l.key != key || l.key == laneCancel {
			continue
		}
		for len(l.queue) > 0 {
			traps = append(traps, withTag(sentence{"!trap", "=category=2", "=message=interrupted"}, l.key))
			dones = append(dones, withTag(sentence{"!done"}, l.key))
			o.pop(l)
		}
	}
	return slices.Concat(traps, []sentence{withTag(sentence{"!done"}, own)}, dones)
}

// laneCancel is the lane of the answers to /cancel, whose sentences carry their tags already.
const laneCancel = "cancel"

// withTag puts the tag behind the reply word, where RouterOS puts it.
func withTag(s sentence, key string) sentence {
	if !strings.HasPrefix(key, ".tag=") {
		return s
	}
	return slices.Insert(slices.Clone(s), 1, key)
}
