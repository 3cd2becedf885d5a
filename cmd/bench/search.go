package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/cmd/internal/stage"
	"qserve/console"
)

// search measures how long staff wait for a page of subscribers and for a profile, against the look-up of one row by its
// primary key through the same pool. All of them take turns, one by one.
func search(ctx context.Context, b *bench) (results []result, err error) {
	st, err := b.open(ctx, stage.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	r := &registry{pool: st.Pool, staff: st.Staff, people: size(b, 1_000_000, 5_000)}
	began := time.Now()
	if err := r.fill(ctx); err != nil {
		return nil, err
	}
	b.progress("  %d subscribers after %s", r.people, time.Since(began).Round(time.Second))
	kinds := []string{rowByKey, "name", "phone", "account", "user name", profile}
	took := map[string]turns{}
	for range rounds {
		each := map[string]sample{}
		err := b.profiled(func() error {
			for range size(b, 2_000, 50) {
				for _, kind := range kinds {
					began := time.Now()
					if err := r.look(ctx, kind); err != nil {
						return err
					}
					each[kind] = append(each[kind], time.Since(began))
				}
				r.turn++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for kind, s := range each {
			took[kind] = append(took[kind], turn{each: s})
		}
	}
	row := took[rowByKey].at(0.99)
	for _, kind := range kinds[1 : len(kinds)-1] {
		what := fmt.Sprintf("Search among %d subscribers by %s, p99", r.people, kind)
		results = append(results, atMost(what, took[kind].at(0.99), row, "for a row by its key", 5))
	}
	b.note("Half of the searches took %s by name, %s by phone, %s by account and %s by user name; a row by its key %s.",
		ms(took["name"].at(0.5)), ms(took["phone"].at(0.5)), ms(took["account"].at(0.5)), ms(took["user name"].at(0.5)),
		ms(took[rowByKey].at(0.5)))
	return append(results, atMost("Profile of an account with ten years of history, p99", took[profile].at(0.99), row,
		"for a row by its key", 10)), nil
}

const (
	rowByKey = "row by its key"
	profile  = "profile"
)

// registry is a provider with very many subscribers. The first one has been with it for ten years.
type registry struct {
	pool   *pgxpool.Pool
	staff  *console.Service
	people int
	turn   int
}

// fill adds the subscribers. Their names are made of some two thousand words, of which the n-th is n times as rare as the first
// (Zipf's law, as names are).
func (r *registry) fill(ctx context.Context) error {
	if _, err := r.pool.Exec(ctx, `create table bench_names as
		select n, initcap(s[1 + n % 30] || s[1 + (n / 30 + n) % 30] || case when n % 3 > 0 then s[1 + (n / 7) % 30] else '' end) as name
		from generate_series(1, 3000) n, (select '{wa,nji,ka,mu,ki,o,che,ru,mbu,nga,jo,mi,ra,lo,te,su,be,nya,ko,ma,li,ndo,wi,ga,tho,ni,
			sa,ba,kwa,re}'::text[] as s) syllables`); err != nil {
		return fmt.Errorf("make names: %w", err)
	}
	for _, sql := range []string{
		`alter table bench_names add primary key (n)`,
		`insert into plans (name, rate, duration_count, duration_unit, price_minor, currency)
			select 'Bench ' || n, '5M/10M', 1, 'months', 150000, 'KES' from generate_series(1, 20) n`,
		`insert into routers (name, mode, api_address, api_plain)
			select 'Bench ' || n, 'local', '192.0.2.1:8728', true from generate_series(1, 200) n`,
	} {
		if _, err := r.pool.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make plans and routers: %w", err)
		}
	}
	const batch = 50_000
	for from := 1; from <= r.people; from += batch {
		_, err := r.pool.Exec(ctx, `
			with g as (select i, random() as a, random() as b, random() as c from generate_series($1::int, $2::int) i),
			plan as (select min(id) as first from plans where name like 'Bench %'),
			router as (select min(id) as first from routers where name like 'Bench %')
			insert into subscribers (account, name, phone, email, router_id, username, password_sealed, plan_id, currency,
				expires_at, suspended_at, suspension_category)
			select 'BEN-' || lpad(i::text, 7, '0'),
				concat_ws(' ', x.name, y.name, case when i % 3 = 0 then z.name end),
				'+2547' || lpad((i::bigint * 7919 % 100000000)::text, 8, '0'),
				case when i % 3 = 0 then 'mail' || i || '@example.com' else '' end,
				router.first + i % 200, 'home.' || i, '\x00', plan.first + floor(exp(b * ln(20)))::int - 1, 'KES',
				now() + (i % 43200 - 4000) * interval '1 minute',
				case when i % 100 = 0 then now() end, case when i % 100 = 0 then 'other' end
			from plan, router, g
				join bench_names x on x.n = floor(exp(g.a * ln(3000)))::int
				join bench_names y on y.n = floor(exp(g.b * ln(3000)))::int * 7 % 3000 + 1
				join bench_names z on z.n = floor(exp(g.c * ln(3000)))::int`, from, min(from+batch-1, r.people))
		if err != nil {
			return fmt.Errorf("add subscribers from the %dth: %w", from, err)
		}
	}
	if err := r.age(ctx); err != nil {
		return err
	}
	if _, err := r.pool.Exec(ctx, `vacuum analyze`); err != nil {
		return fmt.Errorf("analyze the tables: %w", err)
	}
	return nil
}

// age gives the first subscriber ten years of history: a payment, a renewal and an invoice each month, three dials and a
// few lines of activity each day.
func (r *registry) age(ctx context.Context) error {
	for _, sql := range []string{
		`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, subscriber_id)
			select 'mpesa', '600000', 'BENCH' || n, 150000, 'KES', t, t, s.id
			from subscribers s, generate_series(1, 120) n, lateral (select now() - (120 - n) * interval '1 month' as t) at
			where s.account = 'BEN-0000001'`,
		`insert into actions (kind, subscriber_id, actor, state, accepted_at, applied_at, confirmed_at)
			select 'payment', subscriber_id, 'mpesa', 'confirmed', occurred_at, occurred_at, occurred_at from payments
			where transaction_id like 'BENCH%'`,
		`insert into ledger_entries (subscriber_id, kind, amount_minor, currency, payment_id, action_id, plan_id, periods,
				period_start, period_end)
			select p.subscriber_id, k.kind, k.sign * 150000, 'KES', case when k.sign > 0 then p.id end, a.id,
				case when k.sign < 0 then s.plan_id end, case when k.sign < 0 then 1 end, p.occurred_at,
				p.occurred_at + interval '1 month'
			from payments p join subscribers s on s.id = p.subscriber_id
				join actions a on a.subscriber_id = s.id and a.accepted_at = p.occurred_at,
				(values ('payment', 1), ('renewal', -1)) k (kind, sign)
			where p.transaction_id like 'BENCH%' order by p.id, k.sign desc`,
		`insert into activity (subscriber_id, kind, actor, summary, at)
			select s.id, 'note', 'staff', 'Called about the line', now() - n * interval '8 hours'
			from subscribers s, generate_series(1, 10950) n where s.account = 'BEN-0000001'`,
		`insert into sessions (router_id, acct_session_id, username, started_at, seen_at, ended_at)
			select s.router_id, 'bench' || n, s.username, t.at, t.at + interval '7 hours',
				case when n > 1 then t.at + interval '7 hours' end
			from subscribers s, generate_series(1, 10950) n, lateral (select now() - n * interval '8 hours' as at) t
			where s.account = 'BEN-0000001'`,
	} {
		if _, err := r.pool.Exec(ctx, sql); err != nil {
			return fmt.Errorf("write ten years of history: %w", err)
		}
	}
	return nil
}

// look looks for somebody once, in one of the ways in which staff do.
func (r *registry) look(ctx context.Context, kind string) error {
	who := 1 + (r.turn*7919+17)%r.people
	var q string
	switch kind {
	case rowByKey:
		var number, name string
		err := r.pool.QueryRow(ctx, `select account, name from subscribers where id = $1`, who).Scan(&number, &name)
		if err != nil {
			return fmt.Errorf("read subscriber %d: %w", who, err)
		}
		return nil
	case profile:
		_, err := r.staff.Subscriber(ctx, "BEN-0000001")
		return err
	case "name":
		return r.lookByName(ctx, who)
	case "phone":
		digits := fmt.Sprintf("%08d", who*7919%100_000_000)
		q = []string{"07" + digits, "+254 7" + digits, "2547" + digits, "07" + digits[:5], digits[2:]}[r.turn%5]
	case "account":
		q = []string{fmt.Sprintf("BEN-%07d", who), fmt.Sprintf("ben %07d", who), fmt.Sprintf("BEN-%07d", who)[:8]}[r.turn%3]
	case "user name":
		q = fmt.Sprintf("home.%d", who)
	}
	return r.find(ctx, kind, q)
}

// lookByName looks for the words of a name, common and rare as they come: one, two in both orders, or as far as they have been
// typed.
func (r *registry) lookByName(ctx context.Context, who int) error {
	word := func(n int) string {
		syllables := strings.Fields("wa nji ka mu ki o che ru mbu nga jo mi ra lo te su be nya ko ma li ndo wi ga tho ni sa ba kwa re")
		name := syllables[n%30] + syllables[(n/30+n)%30]
		if n%3 > 0 {
			name += syllables[(n/7)%30]
		}
		return name
	}
	common, other := word(1+who%20), word((1+who%150)*7%3000+1)
	q := []string{common, common + " " + other, other + " " + common, other + " " + common[:1], common[:2] + " " + other[:2], common[:1]}[r.turn%6]
	return r.find(ctx, "name", q)
}

func (r *registry) find(ctx context.Context, kind, q string) error {
	page, err := r.staff.Find(ctx, console.FindQuery{Q: q, Limit: 20})
	if err != nil {
		return err
	}
	if len(page.Items) == 0 && kind != "name" { // not every pair of names is somebody's
		return fmt.Errorf("nobody was found by %s %q", kind, q)
	}
	return nil
}
