package webhooks

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"qserve/internal/seal"
)

const (
	// spoolMost bounds the spool, in deliveries: a day without a database at more than one payment every 9 seconds.
	spoolMost = 10_000

	spoolEnding   = ".delivery"
	spoolTemp     = ".tmp"
	spoolAbandons = time.Hour // age at which a temporary file belongs to nobody any more
)

var errSpoolFull = errors.New("the spool is full")

// spool keeps deliveries on disk, sealed, one file each, until they are in the database. A file is there whole and
// durably or not at all, and is named for its delivery, so that the same one twice is one file. Several processes may
// share the folder.
type spool struct {
	dir  string
	keys *seal.Ring
	most int64
	// held is the number of files; it may count a repeated delivery twice until the next look at the folder.
	held atomic.Int64
}

// spooledDelivery is what a file holds.
type spooledDelivery struct {
	Source     int64     `json:"source"`
	Key        string    `json:"key"`
	Call       string    `json:"call"`
	ReceivedAt time.Time `json:"received_at"`
	Body       []byte    `json:"body"`
}

// openSpool makes the folder if needed and sees that files can be written there.
func openSpool(dir string, keys *seal.Ring, now time.Time) (*spool, error) {
	s := &spool{dir: dir, keys: keys, most: spoolMost}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool folder; set QSERVE_SPOOL_DIR to one that this user may write to: %w", err)
	}
	probe := filepath.Join(dir, "probe-"+rand.Text()+spoolTemp)
	if err := s.write(probe, []byte("probe")); err != nil {
		return nil, fmt.Errorf("write to the spool folder; set QSERVE_SPOOL_DIR to one that this user may write to: %w", err)
	}
	if err := os.Remove(probe); err != nil {
		return nil, fmt.Errorf("remove a file from the spool folder: %w", err)
	}
	if err := s.sweep(now); err != nil {
		return nil, err
	}
	_, err := s.names()
	return s, err
}

// sweep removes what a process that died while writing left behind.
func (s *spool) sweep(now time.Time) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("list the spool folder: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasSuffix(e.Name(), spoolTemp) || now.Sub(info.ModTime()) < spoolAbandons {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a leftover from the spool folder: %w", err)
		}
	}
	return nil
}

// put returns once the delivery is safe on disk.
func (s *spool) put(d delivery) error {
	if s.held.Load() >= s.most {
		return errSpoolFull
	}
	name := spoolName(d)
	plain, err := json.Marshal(spooledDelivery{d.source, d.key, d.call, d.receivedAt, d.body})
	if err != nil {
		return fmt.Errorf("write a delivery as JSON: %w", err)
	}
	sealed, err := s.keys.Seal(plain, spoolRow(name))
	if err != nil {
		return fmt.Errorf("seal a delivery for the spool: %w", err)
	}
	if err := s.keep(name, sealed); err != nil {
		return err
	}
	s.held.Add(1)
	return s.syncFolder()
}

// keep writes a file that is there whole or not at all.
func (s *spool) keep(name string, content []byte) error {
	temp := filepath.Join(s.dir, rand.Text()+spoolTemp)
	if err := s.write(temp, content); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, filepath.Join(s.dir, name)); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

func (s *spool) write(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // our own folder and name
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder makes a new name durable; without it a file may be gone after a power cut.
func (s *spool) syncFolder() error {
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// names lists the files and counts them.
func (s *spool) names() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list the spool folder: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), spoolEnding) {
			names = append(names, e.Name())
		}
	}
	s.held.Store(int64(len(names)))
	return names, nil
}

// get reads a file. fs.ErrNotExist means that another process was faster.
func (s *spool) get(name string) (delivery, error) {
	sealed, err := os.ReadFile(filepath.Join(s.dir, name)) //nolint:gosec // a name from our own folder
	if err != nil {
		return delivery{}, err
	}
	plain, err := s.keys.Open(sealed, spoolRow(name))
	if err != nil {
		return delivery{}, err
	}
	var d spooledDelivery
	if err := json.Unmarshal(plain, &d); err != nil {
		return delivery{}, fmt.Errorf("%s holds no delivery", name)
	}
	digest := sha256.Sum256(d.Body)
	return delivery{source: d.Source, key: d.Key, digest: digest[:], call: d.Call, body: d.Body, receivedAt: d.ReceivedAt}, nil
}

// drop removes a file whose delivery is in the database.
func (s *spool) drop(name string) error {
	err := os.Remove(filepath.Join(s.dir, name))
	if err == nil {
		s.held.Add(-1)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func spoolName(d delivery) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s", d.source, d.key))
	return hex.EncodeToString(sum[:]) + spoolEnding
}

func spoolRow(name string) string { return "spool/" + name }
