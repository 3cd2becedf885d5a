package db_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// Deleting a row makes PostgreSQL look for rows that refer to it, for each one anew: without an index it reads the whole
// table every time, and a deletion of one account would hold up all others.
func TestRowsThatADeletionRemoves_AreLookedForByAnIndexWhereverOthersReferToThem(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	rows, err := b.pool.Query(t.Context(), `
		select c.conrelid::regclass || '.' || a.attname || ' refers to ' || c.confrelid::regclass
		from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
		where c.contype = 'f'
		  and c.confrelid = any(array['subscribers', 'payments', 'actions', 'deliveries', 'provisions', 'api_tokens']::regclass[])
		  and not exists (select 1 from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = a.attnum
		      and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = '(' || a.attname || ' IS NOT NULL)'))
		order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(missing) != 0 {
		t.Errorf("no index serves these: %q, %v", missing, err)
	}
}
