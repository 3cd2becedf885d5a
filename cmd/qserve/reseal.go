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
	// next reads the values after those that it read before; none: that was all.
	next func(ctx context.Context) ([]sealedValue, error)
}

// sealedValue is one of them.
type sealedValue struct {
	row    string // the identity that it is sealed to
	sealed []byte
	put    func(ctx context.Context, sealed []byte) error
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
	for {
		values, err := c.next(ctx)
		if err != nil || len(values) == 0 {
			return n, err
		}
		for _, v := range values {
			if !keys.Stale(v.sealed) {
				continue
			}
			plain, err := keys.Open(v.sealed, v.row)
			if err != nil {
				return n, err
			}
			sealed, err := keys.Seal(plain, v.row)
			if err != nil {
				return n, err
			}
			if err := v.put(ctx, sealed); err != nil {
				return n, err
			}
			n++
		}
	}
}

func sealedColumns(q *db.Queries) []sealedColumn {
	return []sealedColumn{
		byID("PPPoE passwords", db.SubscriberPasswordRow,
			func(ctx context.Context, after int64) ([]db.SealedPasswordsRow, error) {
				return q.SealedPasswords(ctx, db.SealedPasswordsParams{After: after, Most: resealBatch})
			},
			func(r db.SealedPasswordsRow) (int64, []byte) { return r.ID, r.Sealed },
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealPassword(ctx, db.ResealPasswordParams{ID: id, Old: old, Sealed: sealed})
			}),
		byID("API passwords", db.RouterAPIPasswordRow,
			func(ctx context.Context, after int64) ([]db.SealedAPIPasswordsRow, error) {
				return q.SealedAPIPasswords(ctx, db.SealedAPIPasswordsParams{After: after, Most: resealBatch})
			},
			func(r db.SealedAPIPasswordsRow) (int64, []byte) { return r.ID, r.Sealed },
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealAPIPassword(ctx, db.ResealAPIPasswordParams{ID: id, Old: old, Sealed: sealed})
			}),
		byID("RADIUS secrets", db.RouterRadiusSecretRow,
			func(ctx context.Context, after int64) ([]db.SealedRadiusSecretsRow, error) {
				return q.SealedRadiusSecrets(ctx, db.SealedRadiusSecretsParams{After: after, Most: resealBatch})
			},
			func(r db.SealedRadiusSecretsRow) (int64, []byte) { return r.ID, r.Sealed },
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealRadiusSecret(ctx, db.ResealRadiusSecretParams{ID: id, Old: old, Sealed: sealed})
			}),
		byID("webhook addresses", webhooks.TokenRow,
			func(ctx context.Context, after int64) ([]db.SealedTokensRow, error) {
				return q.SealedTokens(ctx, db.SealedTokensParams{After: after, Most: resealBatch})
			},
			func(r db.SealedTokensRow) (int64, []byte) { return r.ID, r.Sealed },
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealToken(ctx, db.ResealTokenParams{ID: id, Old: old, Sealed: sealed})
			}),
		byID("webhook secrets", webhooks.SecretRow,
			func(ctx context.Context, after int64) ([]db.SealedSecretsRow, error) {
				return q.SealedSecrets(ctx, db.SealedSecretsParams{After: after, Most: resealBatch})
			},
			func(r db.SealedSecretsRow) (int64, []byte) { return r.ID, r.Sealed },
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealSecret(ctx, db.ResealSecretParams{ID: id, Old: old, Sealed: sealed})
			}),
		byID("second factors", db.SecondFactorRow,
			func(ctx context.Context, after int64) ([]db.SealedSecondFactorsRow, error) {
				return q.SealedSecondFactors(ctx, db.SealedSecondFactorsParams{After: after, Most: resealBatch})
			},
			func(r db.SealedSecondFactorsRow) (int64, []byte) { return r.ID, r.Sealed },
			func(ctx context.Context, id int64, old, sealed []byte) error {
				return q.ResealSecondFactor(ctx, db.ResealSecondFactorParams{ID: id, Old: old, Sealed: sealed})
			}),
		answers(q),
	}
}

// byID is a column of a table whose rows have an id.
func byID[R any](
	name string, rowOf func(id int64) string, read func(ctx context.Context, after int64) ([]R, error),
	of func(R) (int64, []byte), put func(ctx context.Context, id int64, old, sealed []byte) error,
) sealedColumn {
	var after int64
	return sealedColumn{name, func(ctx context.Context) ([]sealedValue, error) {
		rows, err := read(ctx, after)
		var values []sealedValue
		for _, r := range rows {
			id, old := of(r)
			after = id
			values = append(values, sealedValue{rowOf(id), old, func(ctx context.Context, sealed []byte) error {
				return put(ctx, id, old, sealed)
			}})
		}
		return values, err
	}}
}

// answers are the stored answers of the staff API, whose rows are known by a token and its key.
func answers(q *db.Queries) sealedColumn {
	var after db.SealedAnswersParams
	return sealedColumn{"answers of the staff API", func(ctx context.Context) ([]sealedValue, error) {
		after.Most = resealBatch
		rows, err := q.SealedAnswers(ctx, after)
		var values []sealedValue
		for _, r := range rows {
			after.AfterToken, after.AfterKey = r.TokenID, r.Key
			values = append(values, sealedValue{db.AnswerRow(r.TokenID, r.Key), r.Sealed, func(ctx context.Context, sealed []byte) error {
				return q.ResealAnswer(ctx, db.ResealAnswerParams{TokenID: r.TokenID, Key: r.Key, Old: r.Sealed, Sealed: sealed})
			}})
		}
		return values, err
	}}
}
