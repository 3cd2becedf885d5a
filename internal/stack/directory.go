package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// directory is where one server keeps its data. A lock on it, held for as long as our process lives, tells a later run
// whether it is still in use.
type directory struct {
	path string
	lock *os.File
}

// newDirectory makes a directory that belongs to owner (nil: to us) and removes those of runs that were killed.
func newDirectory(owner *syscall.Credential) (*directory, error) {
	base := filepath.Join(os.TempDir(), "qserve-stack-"+strconv.Itoa(os.Geteuid()))
	if err := ownDirectory(base); err != nil {
		return nil, err
	}
	// The lock on base is held while directories come and go: without it, a run that has made its directory but not
	// locked it yet would lose it to the clearing of another.
	guard, err := lockDirectory(base, syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer guard.Close() //nolint:errcheck // read-only; closing releases the lock
	if err := clearAbandoned(base); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(base, "run-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for a server: %w", err)
	}
	lock, err := lockDirectory(path, syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return nil, err
	}
	d := &directory{path: path, lock: lock}
	if owner != nil {
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return nil, errors.Join(fmt.Errorf("hand %s to the server's user: %w", path, err), d.remove())
		}
	}
	return d, nil
}

// ownDirectory makes path, or checks that it is ours: its name can be guessed, so somebody else may have made it first.
func ownDirectory(path string) error {
	err := os.Mkdir(path, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a directory for servers: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at the directory for servers: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a directory of our own: remove it, or set TMPDIR to another place", path)
	}
	// Others may pass through to the directories that are theirs, but not look around.
	if err := os.Chmod(path, 0o711); err != nil { //nolint:gosec // G302: the server's user has to get through
		return fmt.Errorf("open the way through %s: %w", path, err)
	}
	return nil
}

// clearAbandoned removes the directories in base that no living process has locked.
func clearAbandoned(base string) error {
	entries, err := os.ReadDir(base)
	if err != nil {
		return fmt.Errorf("look for abandoned servers: %w", err)
	}
	for _, entry := range entries {
		path := filepath.Join(base, entry.Name())
		lock, err := lockDirectory(path, syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := (&directory{path: path, lock: lock}).remove(); err != nil {
			return err
		}
	}
	return nil
}

// lockDirectory opens a directory and locks it; closing the file releases the lock. The file is closed on exec, so a
// server does not inherit it.
func lockDirectory(path string, how int) (*os.File, error) {
	file, err := os.Open(path) //nolint:gosec // G304: our own directory
	if err != nil {
		return nil, fmt.Errorf("open %s to lock it: %w", path, err)
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}

// remove deletes the directory and gives up the lock.
func (d *directory) remove() error {
	err := os.RemoveAll(d.path)
	if err != nil {
		err = fmt.Errorf("remove a server's directory: %w", err)
	}
	return errors.Join(err, d.lock.Close())
}
