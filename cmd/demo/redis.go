package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"qserve/cmd/internal/program"
)

func withDatabase(address string, n int) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("read QSERVE_REDIS_URL: %w", err)
	}
	u.Path = "/" + strconv.Itoa(n)
	return u.String(), nil
}

// emptyQueues forgets every task, as an operator's slip or a Redis without persistence would.
func (s *scene) emptyQueues(ctx context.Context) error {
	rdb := program.OpenRedis(s.Settings)
	defer func() { _ = rdb.Close() }()
	if err := rdb.FlushDB(ctx).Err(); err != nil {
		return fmt.Errorf("empty Redis: %w", err)
	}
	return nil
}
