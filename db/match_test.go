package db_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/account"
	"qserve/db"
	"qserve/internal/stack/stacktest"
)

// subscriber adds one with a plan and a router of its own.
func subscriber(t *testing.T, pool *pgxpool.Pool, account, username, phone string) int64 {
	t.Helper()
	var id int64
	err := pool.QueryRow(t.Context(), `
		with plan as (
			insert into plans (name, rate, duration_count, duration_unit, price_minor, currency)
			values ('Plan of ' || $1, '5M/10M', 1, 'months', 150000, 'KES') returning id
		), router as (
			insert into routers (name, mode, api_address, api_plain)
			values ('Router of ' || $1, 'local', '192.0.2.1:8728', true) returning id
		)
		insert into subscribers (account, name, phone, username, password_sealed, currency, plan_id, router_id)
		select $1, 'Jane', $3, $2, '\x00', 'KES', plan.id, router.id from plan, router returning id`,
		account, username, phone).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestPaymentIsMatchedAsPeopleTypeOrNotAtAll(t *testing.T) {
	t.Parallel()
	pool, err := db.Open(t.Context(), stacktest.Database(t, migrate), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	jane := subscriber(t, pool, "ACC-0042", "jane@fibre", "+254708374149")
	mum := subscriber(t, pool, "ACC-0043", "john", "+254733000111")
	subscriber(t, pool, "ACC-0044", "john", "+254733000111")
	// An account number that is also Jane's phone, as she would type it.
	digits := subscriber(t, pool, "0708374149", "digits", "")
	// The hash is Safaricom's of Jane's number.
	const janesHash = "bbff37cea44ac0b2d964ee0dfb8d2df8513dc7ba1b36129a929fc3fbd6dd4af4"

	typed := func(references ...string) account.Notice { return account.Notice{References: references} }
	for _, c := range []struct {
		name        string
		notice      account.Notice
		id          int64
		unallocated string
	}{
		{"as printed", typed("ACC-0042"), jane, ""},
		{"small letters and spaces", typed(" acc-0042 "), jane, ""},
		{"without the dash", typed("ACC0042"), jane, ""},
		{"with a space for the dash", typed("ACC 0042"), jane, ""},
		{"phone with a country code", typed("+254708374149"), jane, ""},
		{"phone without a plus", typed("254 708 374149"), jane, ""},
		{"user name", typed("jane@fibre"), jane, ""},
		{"user name in capitals", typed("JANE@FIBRE"), jane, ""},
		{"account number before phone", typed("0708374149"), digits, ""},
		{"the first that fits", typed("ACC-9999", "ACC-0043", "ACC-0042"), mum, ""},
		{"unknown", typed("ACC-9999"), 0, db.NoSuchAccount},
		{"unknown, from a known phone", account.Notice{References: []string{"ACC-9999"}, PayerPhone: "+254708374149"}, 0, db.NoSuchAccount},
		{"a name", typed("Jane"), 0, db.NoSuchAccount},
		{"part of a number", typed("0042"), 0, db.NoSuchAccount},
		{"two of that user name", typed("john"), 0, db.SeveralAccounts},
		{"two of that phone", typed("0733000111"), 0, db.SeveralAccounts},
		{"quotes", typed(`"ACC-0042"`), 0, db.NoSuchAccount},
		{"an apostrophe", typed("ACC'0042"), 0, db.NoSuchAccount},
		{"SQL", typed("'; drop table subscribers; --"), 0, db.NoSuchAccount},
		{"emoji", typed("ACC-0042 🙏"), 0, db.NoSuchAccount},
		{"an Arabic digit", typed("ACC-0٤042"), 0, db.NoSuchAccount},
		{"NUL", typed("ACC-0042\x00"), 0, db.NoSuchAccount},
		{"not UTF-8", typed("ACC-0042\xff"), 0, db.NoSuchAccount},
		{"dashes", typed("---"), 0, db.NoSuchAccount},
		{"64 characters", typed("ACC-0042" + strings.Repeat("-", 56)), jane, ""},
		{"65 characters", typed("ACC-0042" + strings.Repeat("-", 57)), 0, db.NoSuchAccount},
		{"nothing typed", typed(), 0, db.NoReference},
		{"nothing typed, phone in clear", account.Notice{PayerPhone: "+254708374149"}, jane, ""},
		{"nothing typed, phone hashed", account.Notice{PayerPhoneHash: janesHash}, jane, ""},
		{"nothing typed, unknown phone", account.Notice{PayerPhone: "+254700000000"}, 0, db.PayerHasNoAccount},
		{"nothing typed, unknown hash", account.Notice{PayerPhoneHash: strings.Repeat("0", 64)}, 0, db.PayerHasNoAccount},
		{"nothing typed, shared phone", account.Notice{PayerPhone: "+254733000111"}, 0, db.PayerHasSeveral},
		{"nothing typed, only a name", account.Notice{PayerName: "Jane"}, 0, db.NoReference},
	} {
		id, unallocated, err := db.MatchSubscriber(t.Context(), db.New(pool), c.notice, "KE")
		if err != nil || id != c.id || unallocated != c.unallocated {
			t.Errorf("%s: subscriber %d, %q, %v; want %d, %q", c.name, id, unallocated, err, c.id, c.unallocated)
		}
	}
}
