package db_test

import (
	"context"
	"testing"

	"qserve/db"
	"qserve/internal/stack/stacktest"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

func migrate(ctx context.Context, url string) error {
	_, err := db.Migrate(ctx, url)
	return err
}
