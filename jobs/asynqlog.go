package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// asynqLog sends Asynq's own log lines to ours.
type asynqLog struct{ log *slog.Logger }

func (l asynqLog) write(level slog.Level, args []any) {
	text := fmt.Sprint(args...)
	// After somebody emptied Redis, Asynq finds no trace of each task that was running then. The work itself is done or
	// not done in PostgreSQL, and nobody has to read a thousand lines about it at night.
	if strings.Contains(text, "NOT FOUND") {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "asynq says", "text", text)
}

func (l asynqLog) Debug(args ...any) { l.write(slog.LevelDebug, args) }
func (l asynqLog) Info(args ...any)  { l.write(slog.LevelInfo, args) }
func (l asynqLog) Warn(args ...any)  { l.write(slog.LevelWarn, args) }
func (l asynqLog) Error(args ...any) { l.write(slog.LevelError, args) }

// Fatal is Asynq's word for an error after which it would end the program; ending it is not its business here.
func (l asynqLog) Fatal(args ...any) { l.write(slog.LevelError, args) }
