package main

import (
	"context"
	"fmt"
	"time"

	"qserve/console"
)

type actionCommands struct {
	Show   actionShow   `cmd:"" help:"Show how far a command is."`
	Follow actionFollow `cmd:"" help:"Wait until a command is confirmed or refused."`
}

type actionShow struct {
	ID int64 `arg:"" help:"Number of the action."`
}

func (c *actionShow) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.Action(ctx, c.ID)
		if err != nil {
			return err
		}
		return sh.print(v, "%s", describeAction(s, v))
	})
}

func describeAction(s staff, v console.ActionView) string {
	asked := fmt.Sprintf("Action %d (%s), asked for by %s at %s", v.ID, v.Kind, v.Actor, s.when(v.AcceptedAt))
	if v.State == "refused" {
		return asked + ", was refused: " + v.Reason
	}
	if v.State == "accepted" {
		return asked + ", waits for a worker."
	}
	return progress(s, v, asked+", is "+v.State+".")
}

type actionFollow struct {
	ID   int64         `arg:"" help:"Number of the action."`
	Wait time.Duration `default:"30s" help:"How long to wait."`
}

func (c *actionFollow) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.Action(ctx, c.ID)
		if err == nil {
			v, err = follow(ctx, s, v, c.Wait)
		}
		if err != nil {
			return err
		}
		if v.State == "refused" {
			return fmt.Errorf("%s", describeAction(s, v))
		}
		return sh.print(v, "%s", describeAction(s, v))
	})
}
