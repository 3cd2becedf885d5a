package stage_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"

	"qserve/cmd/internal/program"
	"qserve/internal/config"
)

// childVariable makes the test binary run the program instead of the tests: in a process that can be killed.
const childVariable = "QSERVE_TEST_CHILD"

// orders are what a child is told on its standard input; the end of the input is the order to stop.
type orders struct {
	Environ map[string]string
	// KillAt is the point at which the child kills itself, once it has been armed by a further line. Empty: nowhere.
	KillAt string
}

// addresses are what it answers on its standard output.
type addresses struct{ Base, Auth, Acct string }

// child is the main function of the other process.
func child() int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := runChild(log); err != nil {
		log.Error("child failed", "error", err)
		return 1
	}
	return 0
}

func runChild(log *slog.Logger) error {
	in := bufio.NewReader(os.Stdin)
	var told orders
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	if err := json.Unmarshal(line, &told); err != nil {
		return err
	}
	settings, err := config.Load(told.Environ)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var armed atomic.Bool
	p, err := program.Open(ctx, program.Options{Settings: settings, Log: log, Checkpoint: func(point string) {
		if armed.Load() && point == told.KillAt {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until the signal has come
		}
	}})
	if err != nil {
		return err
	}
	auth, acct := p.RadiusAddresses()
	if err := json.NewEncoder(os.Stdout).Encode(addresses{p.BaseURL(), auth, acct}); err != nil {
		return err
	}
	go func() {
		defer stop()
		for {
			if _, err := in.ReadBytes('\n'); err != nil {
				return
			}
			armed.Store(true)
			if _, err := os.Stdout.WriteString("armed\n"); err != nil {
				return
			}
		}
	}()
	return p.Run(ctx)
}

// process is a running child.
type process struct {
	addresses
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log *lines
}

// launch runs the program in another process and has the routers ask it.
func launch(t *testing.T, p play, killAt string) *process {
	t.Helper()
	self, err := os.Executable()
	p.must(err)
	c := &process{cmd: exec.CommandContext(context.WithoutCancel(p.ctx), self), log: logOf(t)}
	c.cmd.Env = append(os.Environ(), childVariable+"=1")
	c.cmd.Stderr = c.log
	c.in, err = c.cmd.StdinPipe()
	p.must(err)
	out, err := c.cmd.StdoutPipe()
	p.must(err)
	c.out = bufio.NewReader(out)
	p.must(c.cmd.Start())
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
	})
	p.must(json.NewEncoder(c.in).Encode(orders{Environ: p.Environ, KillAt: killAt}))
	line, err := c.line(p.ctx)
	p.must(err)
	p.must(json.Unmarshal(line, &c.addresses))
	p.must(p.AskRadius(c.Auth, c.Acct))
	return c
}

// line reads one line of the child's answers.
func (c *process) line(ctx context.Context) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { _ = c.cmd.Process.Kill() })()
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the child does not answer: %w", err)
	}
	return line, nil
}

// arm makes the child kill itself when it comes to its point from now on.
func (c *process) arm(ctx context.Context) error {
	if _, err := io.WriteString(c.in, "arm\n"); err != nil {
		return err
	}
	_, err := c.line(ctx)
	return err
}

// killed waits until the child has been killed, and fails if it ends in any other way.
func (c *process) killed(ctx context.Context) error {
	var late atomic.Bool
	defer context.AfterFunc(ctx, func() { late.Store(true); _ = c.cmd.Process.Kill() })()
	err := c.cmd.Wait()
	if late.Load() {
		return errors.New("the child did not come to its point")
	}
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("the child ended by itself: %w", err)
	}
	return nil
}

// stop ends the child as SIGTERM would.
func (c *process) stop() error {
	if err := c.in.Close(); err != nil {
		return err
	}
	return c.cmd.Wait()
}
