package program

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// LogRedis sends the Redis client's own lines to log, for debugging: whoever called the client is told of the failure
// too. It is for a program's start, because the client has one logger for all.
func LogRedis(log *slog.Logger) { redis.SetLogger(redisLog{log}) }

type redisLog struct{ log *slog.Logger }

// Printf implements the client's logger.
func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "redis client says", "text", fmt.Sprintf(format, args...))
}
