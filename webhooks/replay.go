package webhooks

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// replayEvery is how soon a spooled delivery is tried again.
const replayEvery = 2 * time.Second

// replay moves the spool into the database, again and again until ctx is done. A file goes only after its delivery is
// committed, so a crash in between repeats an insert that then changes nothing.
func (in *Intake) replay(ctx context.Context) {
	// What cannot be stored while the database works is tried again by the next process, and looked at by a person.
	aside := map[string]bool{}
	for ctx.Err() == nil {
		in.replayOnce(ctx, aside)
		_ = in.clock.WaitUntil(ctx, in.clock.Now().Add(replayEvery))
	}
}

func (in *Intake) replayOnce(ctx context.Context, aside map[string]bool) {
	names, err := in.spool.names()
	if err != nil {
		in.log.Error("the spool cannot be read", "error", err)
		return
	}
	done := 0
	for _, name := range names {
		if ctx.Err() != nil {
			return
		}
		if aside[name] {
			continue
		}
		d, err := in.spool.get(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			s := in.group.store(ctx, d)
			if err = s.err; err == nil {
				in.log.Info("spooled delivery taken in", "outcome", s.outcome, "delivery", s.id)
			}
			if err != nil && !spoiled(err) {
				break // the database is still away
			}
		}
		if err != nil {
			aside[name] = true
			in.log.Error("a spooled delivery cannot be stored; it stays in the spool until the next start", "file", name, "error", err)
			continue
		}
		if err := in.spool.drop(name); err != nil {
			in.log.Error("a stored delivery cannot be taken off the spool", "file", name, "error", err)
			return
		}
		in.observe("", d.call, "replayed", 0)
		done++
	}
	if done > 0 {
		in.log.Info("spooled deliveries are stored", "deliveries", done, "left", len(names)-done)
	}
}
