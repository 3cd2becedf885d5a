package jobs

import (
	"net/http"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"
)

// DashboardPolicy is the Content-Security-Policy of a dashboard at /ops/queues, which the dashboard sends itself. Its page
// has three inline scripts (what it is told, read-only or not, and the loader of its bundle), builds its styles in the
// browser, and names style sheets of a font service, which it does without: nothing is fetched from elsewhere.
const DashboardPolicy = "default-src 'none'; script-src 'self' 'sha256-aHF01jyOlupt2TT5GpYr5p1DXbSyZYoiI6wDsOyJu54=' " +
	"'sha256-FEjIZtj68ncIOCG/9bt/Sj1f3yVxEYmdZomupv0If6g=' 'sha256-GQAlCGSu2RFY/kJGzUC1yfpYGQrTzLd+G748cArwncg='; " +
	"style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Dashboard is the Asynq dashboard, mounted at root. What somebody deletes or archives in one that is not read-only comes
// back with the next sweep, as long as its row is not done. Whoever mounts it says who may see it, and turns away what
// another site's page has a browser send.
func Dashboard(root string, rdb redis.UniversalClient, readOnly bool) http.Handler {
	board := asynqmon.New(asynqmon.Options{RootPath: root, RedisConnOpt: connected{rdb}, ReadOnly: readOnly})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", DashboardPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		board.ServeHTTP(w, r)
	})
}

// connected hands Asynq a client that exists already.
type connected struct{ rdb redis.UniversalClient }

var _ asynq.RedisConnOpt = connected{}

// MakeRedisClient implements asynq.RedisConnOpt.
func (c connected) MakeRedisClient() any { return c.rdb }
