package jobs

import (
	"net/http"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"
)

// Dashboard is the Asynq dashboard, to be mounted at root. It is read-only: a task deleted by hand would only be rung
// for again.
func Dashboard(root string, rdb redis.UniversalClient) http.Handler {
	return asynqmon.New(asynqmon.Options{RootPath: root, RedisConnOpt: connected{rdb}, ReadOnly: true})
}

// connected hands Asynq a client that exists already.
type connected struct{ rdb redis.UniversalClient }

var _ asynq.RedisConnOpt = connected{}

// MakeRedisClient implements asynq.RedisConnOpt.
func (c connected) MakeRedisClient() any { return c.rdb }
