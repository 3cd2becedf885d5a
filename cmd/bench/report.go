package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
)

// result is a line of the table.
type result struct {
	what, figure, baseline string
	ratio                  float64
	limit                  float64
	// atMost is true where the ratio must not be larger than the limit, false where it must not be smaller.
	atMost bool
}

func atLeast(what, figure, baseline string, ratio, limit float64) result {
	return result{what: what, figure: figure, baseline: baseline, ratio: ratio, limit: limit}
}

func atMost(what string, figure, baseline time.Duration, named string, limit float64) result {
	return result{
		what: what, figure: ms(figure), baseline: ms(baseline) + " " + named,
		ratio: float64(figure) / float64(max(baseline, 1)), limit: limit, atMost: true,
	}
}

func (r result) met() bool {
	if r.atMost {
		return r.ratio <= r.limit
	}
	return r.ratio >= r.limit
}

func (r result) String() string {
	sign, verdict := "≥", "not met"
	if r.atMost {
		sign = "≤"
	}
	if r.met() {
		verdict = "met"
	}
	return fmt.Sprintf("| %s | %s | %s | %.2f | %s %g | %s |", r.what, r.figure, r.baseline, r.ratio, sign, r.limit, verdict)
}

// machine is what the figures depend on.
type machine struct{ postgres, fsync, redis string }

func (m *machine) look(ctx context.Context, st *stage.Stage) error {
	for setting, into := range map[string]*string{"server_version": &m.postgres, "fsync": &m.fsync} {
		if err := st.Pool.QueryRow(ctx, `select current_setting($1)`, setting).Scan(into); err != nil {
			return fmt.Errorf("read PostgreSQL's %s: %w", setting, err)
		}
	}
	m.postgres, _, _ = strings.Cut(m.postgres, " ")
	rdb := program.OpenRedis(st.Settings)
	defer func() { _ = rdb.Close() }()
	info, err := rdb.Info(ctx, "server").Result()
	if err != nil {
		return fmt.Errorf("read the version of Redis: %w", err)
	}
	m.redis = field(info, "redis_version")
	return nil
}

// field returns a value of Redis' INFO.
func field(info, name string) string {
	for line := range strings.SplitSeq(info, "\n") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}

func (b *bench) report(results []result) string {
	var out strings.Builder
	length := "full"
	if b.quick {
		length = "quick, which says nothing about speed"
	}
	fmt.Fprintf(&out, "%d cores, %s; PostgreSQL %s with fsync %s, Redis %s with an append-only file; Go %s. Run: %s.\n\n",
		runtime.NumCPU(), processor(), b.machine.postgres, b.machine.fsync, b.machine.redis,
		strings.TrimPrefix(runtime.Version(), "go"), length)
	out.WriteString("| Measurement | Qserve | Raw limit in the same run | Ratio | Target | |\n|---|---|---|---|---|---|\n")
	for _, r := range results {
		out.WriteString(r.String() + "\n")
	}
	for _, note := range b.notes {
		out.WriteString("\n- " + note)
	}
	if len(b.notes) > 0 {
		out.WriteString("\n")
	}
	return out.String()
}

// processor is the processor's name where the system tells it.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.SplitSeq(string(info), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return cmp.Or(strings.TrimSpace(value), runtime.GOARCH)
		}
	}
	return runtime.GOARCH
}

const (
	tableBegins = "<!-- make bench ARGS=--write puts its table here -->"
	tableEnds   = "<!-- end of the table -->"
)

// rewrite replaces what is between the two marks of a file.
func rewrite(path, report string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the page to write to; run this in the root of the tree: %w", err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return fmt.Errorf("%s lacks the marks %q and %q", path, tableBegins, tableEnds)
	}
	page := before + tableBegins + "\n\n" + report + "\n" + tableEnds + after
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil { //nolint:gosec // G306: a page for everybody
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

func perSecond(rate float64, what string) string { return fmt.Sprintf("%.0f %s/s", rate, what) }
