package stack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"qserve/internal/stack"
)

// childVariable makes the test binary a program that starts servers: "wait" keeps them until it is killed, "stop" ends
// them in order.
const childVariable = "STACK_TEST_CHILD"

func child(ctx context.Context) error {
	postgres, err := stack.StartPostgres(ctx, stack.PostgresOptions{})
	if err != nil {
		return err
	}
	redis, err := stack.StartRedis(ctx, stack.RedisOptions{})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode([]string{postgres.URL(), redis.URL()}); err != nil {
		return err
	}
	if os.Getenv(childVariable) == "stop" {
		return errors.Join(postgres.Stop(), redis.Stop())
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// startChild runs the test binary as a child with temp for its files.
func startChild(t *testing.T, temp, what string) (*exec.Cmd, []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childVariable+"="+what, "TMPDIR="+temp)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close() })
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("read the servers' addresses: %v", err)
	}
	var urls []string
	if err := json.Unmarshal(line, &urls); err != nil {
		t.Fatal(err)
	}
	return cmd, urls
}

// hold connects to the server at address and returns what waits for that connection to end.
func hold(t *testing.T, address string) func() {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", parsed.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return func() {
		// Long, because a killed program with the race detector's memory can take its time to go on a busy machine.
		if err := conn.SetDeadline(time.Now().Add(3 * time.Minute)); err != nil {
			t.Fatal(err)
		}
		// Any other error is an end, too: which one depends on how far the server got.
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the server at %s outlived the program that started it", parsed.Host)
		}
	}
}

func TestServersOfAKilledProgram_DieWithItAndTheirFilesGoAtTheNextStart(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	// The servers' user has to get through the folders that only we may enter.
	for _, dir := range []string{temp, filepath.Dir(temp)} {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	left := func() []string {
		dirs, err := filepath.Glob(filepath.Join(temp, "qserve-stack-*", "run-*"))
		if err != nil {
			t.Fatal(err)
		}
		return dirs
	}

	killed, urls := startChild(t, temp, "wait")
	var ended []func()
	for _, address := range urls {
		ended = append(ended, hold(t, address))
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait() // "signal: killed"
	for _, wait := range ended {
		wait()
	}
	if dirs := left(); len(dirs) != 2 {
		t.Fatalf("a killed program left %q, want two directories", dirs)
	}

	stopped, _ := startChild(t, temp, "stop")
	if err := stopped.Wait(); err != nil {
		t.Fatal(err)
	}
	if dirs := left(); len(dirs) != 0 {
		t.Errorf("left behind: %q", dirs)
	}
}
