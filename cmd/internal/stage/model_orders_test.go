package stage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/jobs"
)

// order gives an order to an account whose rules say whether it may be given, and follows it until it is applied. then
// is what it does besides.
func (m *model) order(c *customer, o console.Order, r rule, then func()) {
	text, err := json.Marshal(o)
	m.must(err)
	m.given(c, strings.TrimPrefix(fmt.Sprintf("%T %s", o, text), "console."), r, then, func() (int64, error) {
		given, err := m.Staff.Give(m.ctx, m.by(), c.number, o)
		return given.ID, err
	})
}

func (m *model) given(c *customer, what string, r rule, then func(), give func() (int64, error)) {
	m.t.Helper()
	m.tell("%s: %s", c.number, what)
	try := c.books
	now := m.clock.Now()
	for _, w := range c.waiting {
		try.apply(now, w.rule)
	}
	allowed := try.apply(now, r)
	id, err := give()
	if _, refused := errors.AsType[*console.ConflictError](err); refused && !allowed {
		m.tell("refused: %v", err)
		return
	}
	m.must(err)
	if !allowed {
		m.fatalf("%s of %s was accepted, and should be refused", what, c.number)
	}
	c.waiting = append(c.waiting, &waiting{id: id, rule: r, then: then})
	if !m.stopped {
		m.settle()
	}
}

// settle waits until everything that was accepted is applied, and applies it to the model.
func (m *model) settle() {
	m.t.Helper()
	m.must(m.UntilProcessed(m.ctx))
	m.must(m.UntilNumber(m.ctx, "every action is applied", 0, `select count(*) from actions where state = 'accepted'`))
	for _, c := range m.subs {
		for _, w := range c.waiting {
			view, err := m.Staff.Action(m.ctx, w.id)
			m.must(err)
			if view.AppliedAt == nil {
				c.tick(m.clock.Now())
				if try := c.books; try.apply(m.clock.Now(), w.rule) {
					m.fatalf("action %d (%s) of %s was refused: %s", w.id, view.Kind, c.number, view.Reason)
				}
				continue
			}
			if !c.apply(*view.AppliedAt, w.rule) {
				m.fatalf("action %d (%s) of %s was applied, and should be refused", w.id, view.Kind, c.number)
			}
			if w.then != nil {
				w.then()
			}
		}
		c.waiting = nil
	}
	// The clock's own work.
	m.must(stage.Until(m.ctx, "what is due is handled", func(ctx context.Context) (bool, error) {
		// Asynq keeps the machine's time, and would leave a due time until that comes. It fails as long as there is no queue.
		_, _ = m.scheduled.RunAllScheduledTasks(jobs.QueueActions)
		n, err := m.Number(ctx, `select count(*) from subscribers where due_at <= $1`, m.clock.Now())
		return n == 0, err
	}))
	for _, c := range m.subs {
		if !c.exists || !c.due(m.clock.Now()) {
			continue
		}
		var at time.Time
		m.must(m.Pool.QueryRow(m.ctx, `select applied_at from actions a join subscribers s on s.id = a.subscriber_id
			where a.kind in ('expire', 'reconnect') and a.actor = 'clock' and s.account = $1 order by a.id desc limit 1`, c.number).Scan(&at))
		c.tick(at)
	}
}
