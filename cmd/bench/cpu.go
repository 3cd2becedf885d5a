package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
)

// cpu is the processor time that each of the three has used. Unlike a rate, it hardly depends on who else is on the
// machine. It is read from Linux' /proc, and zero elsewhere.
type cpu struct{ program, postgres, redis time.Duration }

func cpuOf(ctx context.Context, st *stage.Stage) (c cpu, err error) {
	c.program = cpuOfProcess(os.Getpid())
	rows, err := st.Pool.Query(ctx, `select pid from pg_stat_activity`)
	if err != nil {
		return cpu{}, fmt.Errorf("list PostgreSQL's processes: %w", err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return cpu{}, fmt.Errorf("list PostgreSQL's processes: %w", err)
	}
	for _, pid := range pids {
		c.postgres += cpuOfProcess(pid)
	}
	rdb := program.OpenRedis(st.Settings)
	defer func() { _ = rdb.Close() }()
	info, err := rdb.Info(ctx, "server").Result()
	if err != nil {
		return cpu{}, fmt.Errorf("ask Redis for its process: %w", err)
	}
	if pid, err := strconv.Atoi(field(info, "process_id")); err == nil {
		c.redis = cpuOfProcess(pid)
	}
	return c, nil
}

// tick is the unit of times in /proc/*/stat: USER_HZ, 100 on every Linux there is (proc(5)).
const tick = time.Second / 100

// cpuOfProcess is utime and stime of proc(5), which come after the program's name, itself in brackets.
func cpuOfProcess(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const user, system = 11, 12
	var ticks int64
	for _, i := range []int{user, system} {
		if i < len(fields) {
			n, _ := strconv.ParseInt(fields[i], 10, 64) // 0 for what is no number
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

func (c cpu) plus(o cpu) cpu {
	return cpu{c.program + o.program, c.postgres + o.postgres, c.redis + o.redis}
}

func (c cpu) minus(o cpu) cpu {
	return cpu{c.program - o.program, c.postgres - o.postgres, c.redis - o.redis}
}

// spent returns what the three used while one turn ran.
func (b *bench) spent(ctx context.Context, st *stage.Stage, turn func() error) (cpu, error) {
	before, err := cpuOf(ctx, st)
	if err != nil {
		return cpu{}, err
	}
	if err := turn(); err != nil {
		return cpu{}, err
	}
	after, err := cpuOf(ctx, st)
	return after.minus(before), err
}

func (c cpu) each(n int) string {
	per := func(d time.Duration) string {
		return fmt.Sprintf("%.2f", float64(d)/float64(n)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%s ms of CPU (Go %s, PostgreSQL %s, Redis %s)",
		per(c.program+c.postgres+c.redis), per(c.program), per(c.postgres), per(c.redis))
}
