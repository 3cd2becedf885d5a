package stage

import (
	"context"
	"slices"
	"time"

	"qserve/cmd/internal/program"
	"qserve/router"
)

// Instance is one running program.
type Instance struct {
	*program.Program
	stop  context.CancelFunc
	ended chan error
}

// Stop ends the program as SIGTERM would, and returns what Run returned.
func (i *Instance) Stop() error {
	i.stop()
	return <-i.ended
}

// Another runs one more program on the stage, in the given roles (none: all). The caller stops it.
func (s *Stage) Another(ctx context.Context, roles ...program.Role) (*Instance, error) {
	p, err := program.Open(ctx, program.Options{
		Settings: s.Settings, Roles: roles, Log: s.opts.Log, Clock: s.opts.Clock, Checkpoint: s.opts.Checkpoint,
		Router: router.Config{
			ConnectTimeout: 2 * time.Second, LoginTimeout: s.opts.CommandTimeout, CommandTimeout: s.opts.CommandTimeout,
		},
	})
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	i := &Instance{Program: p, stop: stop, ended: make(chan error, 1)}
	go func() { i.ended <- p.Run(run) }()
	return i, nil
}

// Start starts the program; it may be called again after Stop.
func (s *Stage) Start(ctx context.Context) error {
	i, err := s.Another(ctx, s.opts.Roles...)
	if err != nil {
		return err
	}
	s.Program, s.running = i.Program, i
	if s.opts.Roles != nil && !slices.Contains(s.opts.Roles, program.Radius) {
		return nil
	}
	return s.AskRadius(i.RadiusAddresses())
}

// AskRadius tells the routers of mode radius where to ask.
func (s *Stage) AskRadius(auth, acct string) error {
	for _, r := range s.Routers {
		if r.Options.Mode != router.Radius {
			continue
		}
		if err := r.SetRadius(auth, acct); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the program as SIGTERM would, and returns what Run returned.
func (s *Stage) Stop() error {
	if s.running == nil {
		return nil
	}
	i := s.running
	s.running = nil
	return i.Stop()
}
