package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopWithin is how long a server may take to end before it is killed.
const stopWithin = 10 * time.Second

// program says what to run.
type program struct {
	path  string
	args  []string
	stdin string
	dir   *directory
	as    *syscall.Credential
	// end is the signal that ends it, from stop or by the kernel when we die.
	end syscall.Signal
	// ready is a part of the line that the program prints once it serves; empty for one that is waited for.
	ready string
}

// process is a running program. It ends with us: the goroutine in run is its owner.
type process struct {
	program
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error // what Wait returned; set before done is closed
}

// launch starts a program and returns once it is ready, or, when it prints nothing to say so, once it has ended well.
func launch(ctx context.Context, p program) (*process, error) {
	// The server outlives the context of its start; stop ends it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.path, p.args...) //nolint:gosec // G204: programs that we found
	cmd.Dir = p.dir.path
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.Stdin = strings.NewReader(p.stdin)
	cmd.SysProcAttr = attributes(p.as, p.end)
	// A child of the server that lives a little longer holds the pipes open.
	cmd.WaitDelay = stopWithin
	run := &process{program: p, cmd: cmd, out: newOutput(p.ready), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = run.out, run.out

	started := make(chan error, 1)
	go run.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.path, err)
	}
	select {
	case <-run.out.ready:
		return run, nil
	case <-run.done:
		if p.ready == "" && run.err == nil {
			return run, nil
		}
		if run.err == nil {
			run.err = errors.New("it ended by itself")
		}
		return nil, fmt.Errorf("start %s: %w; it printed:\n%s", p.path, run.err, run.out.tail())
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("start %s: %w; it printed:\n%s", p.path, ctx.Err(), run.out.tail()), run.stop())
	}
}

// run starts the program and waits for its end on one thread: the kernel sends the parent's death signal (prctl(2),
// PR_SET_PDEATHSIG) when the thread that started the child ends, not the process, and Go ends idle threads.
func (p *process) run(started chan<- error) {
	defer close(p.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
}

// stop ends the process, by force if need be, and returns when it is gone.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(p.end); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end %s: %w", p.path, err)
	}
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.path, err)
	}
	<-p.done
	return nil
}

// output keeps the last lines that a program printed and notices the one that says it is ready.
type output struct {
	ready chan struct{}

	mu    sync.Mutex
	sign  string
	part  string
	lines []string
}

var _ io.Writer = (*output)(nil)

func newOutput(sign string) *output {
	return &output{ready: make(chan struct{}), sign: sign}
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(o.part+string(b), "\n")
	o.part = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		if o.sign != "" && strings.Contains(line, o.sign) {
			o.sign = ""
			close(o.ready)
		}
		o.lines = append(o.lines, line)
	}
	const keep = 30
	o.lines = o.lines[max(0, len(o.lines)-keep):]
	return len(b), nil
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(append(slices.Clip(o.lines), o.part), "\n")
}
