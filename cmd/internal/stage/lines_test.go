package stage_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// lines keeps the last lines that were written to it.
type lines struct {
	mu   sync.Mutex
	most int // 0: all are kept
	kept [][]byte
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, bytes.Clone(line))
	if l.most > 0 && len(l.kept) > 2*l.most {
		l.kept = append([][]byte{}, l.kept[len(l.kept)-l.most:]...)
	}
	return len(line), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text strings.Builder
	for _, line := range l.kept {
		text.Write(line)
	}
	return text.String()
}

// logOf shows the last lines of the program's log with a test that fails.
func logOf(t *testing.T) *lines {
	t.Helper()
	log := &lines{most: 100}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the log:\n%s", log)
		}
	})
	return log
}
