package main

import (
	"context"
	"fmt"

	"qserve/db"
	"qserve/internal/seal"
	"qserve/webhooks"
)

type keysReseal struct{}

// resealBatch is how many rows are read at a time.
const resealBatch = 500

// sealedColumn is one place in the database that holds sealed values.
type sealedColumn struct {
	name string
	row  func(id int64) string
	read func(ctx context.Context, after int64) (ids []int64, sealed [][]byte, err error)
	put  func(ctx context.Context, id int64, old, sealed []byte) error
}

func (*keysReseal) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		total := 0
		for _, column := range sealedColumns(db.New(s.Pool)) {
			n, err := column.reseal(ctx, s.Keys)
			if err != nil {
				return fmt.Errorf("seal %s anew: %w", column.name, err)
			}
			total += n
		}
		return sh.print(map[string]int{"resealed": total},
			"Sealed %d values anew under the primary key. The older keys may be taken off the ring.", total)
	})
}

func (c sealedColumn) reseal(ctx context.Context, keys *seal.Ring) (n int, err error) {
	var after int64
	for {
		ids, values, err := c.read(ctx, after)
		if err != nil || len(ids) == 0 {
			return n, err
		}
		for i, id := range ids {
			after = id
			if !keys.Stale(values[i]) {
				continue
			}
			plain, err := keys.Open(values[i], c.row(id))
			if err != nil {
				return n, err
			}
			sealed, err := keys.Seal(plain, c.row(id))
			if err != nil {
				return n, err
			}
			if err := c.put(ctx, id, values[i], sealed); err != nil {
				return n, err
			}
			n++
		}
	}
}

func sealedColumns(q *db.Queries) []sealedColumn {
	return []sealedColumn{
		{
			"PPPoE passwords", db.SubscriberPasswordRow,
			func(ctx context.Context, after int64) ([]int64, [][]byte, error) {
				rows, err := q.SealedPasswords(ctx, db.SealedPasswordsParams{After: after, Most: resealBatch})
				return split(rows, err, func(r db.SealedPasswordsRow) (int64, []byte) { return r.ID, r.Sealed })
			},
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealPassword(ctx, db.ResealPasswordParams{ID: id, Old: old, Sealed: sealed})
			},
		},
		{
			"API passwords", db.RouterAPIPasswordRow,
			func(ctx context.Context, after int64) ([]int64, [][]byte, error) {
				rows, err := q.SealedAPIPasswords(ctx, db.SealedAPIPasswordsParams{After: after, Most: resealBatch})
				return split(rows, err, func(r db.SealedAPIPasswordsRow) (int64, []byte) { return r.ID, r.Sealed })
			},
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealAPIPassword(ctx, db.ResealAPIPasswordParams{ID: id, Old: old, Sealed: sealed})
			},
		},
		{
			"RADIUS secrets", db.RouterRadiusSecretRow,
			func(ctx context.Context, after int64) ([]int64, [][]byte, error) {
				rows, err := q.SealedRadiusSecrets(ctx, db.SealedRadiusSecretsParams{After: after, Most: resealBatch})
				return split(rows, err, func(r db.SealedRadiusSecretsRow) (int64, []byte) { return r.ID, r.Sealed })
			},
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealRadiusSecret(ctx, db.ResealRadiusSecretParams{ID: id, Old: old, Sealed: sealed})
			},
		},
		{
			"webhook addresses", webhooks.TokenRow,
			func(ctx context.Context, after int64) ([]int64, [][]byte, error) {
				rows, err := q.SealedTokens(ctx, db.SealedTokensParams{After: after, Most: resealBatch})
				return split(rows, err, func(r db.SealedTokensRow) (int64, []byte) { return r.ID, r.Sealed })
			},
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealToken(ctx, db.ResealTokenParams{ID: id, Old: old, Sealed: sealed})
			},
		},
		{
			"webhook secrets", webhooks.SecretRow,
			func(ctx context.Context, after int64) ([]int64, [][]byte, error) {
				rows, err := q.SealedSecrets(ctx, db.SealedSecretsParams{After: after, Most: resealBatch})
				return split(rows, err, func(r db.SealedSecretsRow) (int64, []byte) { return r.ID, r.Sealed })
			},
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealSecret(ctx, db.ResealSecretParams{ID: id, Old: old, Sealed: sealed})
			},
		},
	}
}

func split[R any](rows []R, err error, of func(R) (int64, []byte)) (ids []int64, values [][]byte, _ error) {
	for _, r := range rows {
		id, value := of(r)
		ids, values = append(ids, id), append(values, value)
	}
	return ids, values, err
}
