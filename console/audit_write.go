package console

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"qserve/db"
)

// note writes a line of the audit log in the transaction of the change that it tells of. before and after hold what
// changed, and never a secret.
func note(ctx context.Context, q *db.Queries, by By, now time.Time, kind, object, summary string, before, after map[string]string) error {
	line := db.InsertAuditParams{
		At: now, Actor: by.Actor, Source: by.Source, Kind: kind, Object: object, Summary: summary,
		Before: []byte("{}"), After: []byte("{}"),
	}
	for _, side := range []struct {
		facts map[string]string
		text  *[]byte
	}{{before, &line.Before}, {after, &line.After}} {
		if len(side.facts) == 0 {
			continue
		}
		text, err := json.Marshal(side.facts)
		if err != nil {
			return fmt.Errorf("write the audit line of %s: %w", object, err)
		}
		*side.text = text
	}
	if err := q.InsertAudit(ctx, line); err != nil {
		return fmt.Errorf("write the audit line of %s: %w", object, err)
	}
	return nil
}
