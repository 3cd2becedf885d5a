-- name: InsertLedgerEntries :exec
-- One statement for all of a change, because each moves the balances once.
insert into ledger_entries (subscriber_id, kind, amount_minor, currency, payment_id, allocation, action_id, plan_id, periods,
    period_start, period_end)
select n.subscriber_id, n.kind, n.amount_minor, n.currency, nullif(n.payment_id, 0), n.allocation, n.action_id, nullif(n.plan_id, 0),
    nullif(n.periods, 0), nullif(n.period_start, timestamptz '0001-01-01 00:00:00Z'),
    nullif(n.period_end, timestamptz '0001-01-01 00:00:00Z')
from (select generate_subscripts(@kinds::text[], 1) as i, unnest(@kinds::text[]) as kind,
    unnest(@subscriber_ids::bigint[]) as subscriber_id, unnest(@amounts_minor::bigint[]) as amount_minor,
    unnest(@currencies::text[]) as currency, unnest(@payment_ids::bigint[]) as payment_id,
    unnest(@allocations::int[]) as allocation, unnest(@action_ids::bigint[]) as action_id, unnest(@plan_ids::bigint[]) as plan_id,
    unnest(@periods::int[]) as periods, unnest(@period_starts::timestamptz[]) as period_start,
    unnest(@period_ends::timestamptz[]) as period_end) n
order by n.i;

-- name: InsertInvoices :exec
-- Takes the numbers of a year from its counter, whose row is then held until the commit: so there are no gaps, and this is
-- the last statement of its transaction.
with n as (
    select generate_subscripts(@years::smallint[], 1) as i, unnest(@years::smallint[]) as year,
        unnest(@subscriber_ids::bigint[]) as subscriber_id, unnest(@action_ids::bigint[]) as action_id,
        unnest(@plans::text[]) as plan, unnest(@periods::int[]) as periods, unnest(@totals_minor::bigint[]) as total_minor,
        unnest(@currencies::text[]) as currency, unnest(@period_starts::timestamptz[]) as period_start,
        unnest(@period_ends::timestamptz[]) as period_end
), c as (
    insert into invoice_counters as k (year, last)
    select n.year, count(*)::int from n group by n.year order by n.year
    on conflict (year) do update set last = k.last + excluded.last
    returning k.year, k.last
)
insert into invoices (year, number, subscriber_id, action_id, plan, periods, total_minor, currency, period_start, period_end, issued_at)
select n.year, (c.last - count(*) over (partition by n.year) + row_number() over (partition by n.year order by n.i))::int,
    n.subscriber_id, n.action_id, n.plan, n.periods, n.total_minor, n.currency, n.period_start, n.period_end, @now::timestamptz
from n join c on c.year = n.year
order by n.i;

-- name: RenewalsBoughtWith :many
-- What the action bought that credited a payment, oldest first.
select sqlc.embed(p), l.periods::int as periods, l.amount_minor, l.currency,
    l.period_start::timestamptz as period_start, l.period_end::timestamptz as period_end
from ledger_entries c
    join ledger_entries l on l.action_id = c.action_id and l.kind = 'renewal' join plans p on p.id = l.plan_id
where c.payment_id = @payment_id::bigint and c.allocation = @allocation and c.kind = 'payment'
order by l.id;

-- name: InsertActivity :exec
-- A fact names its router as it is called at that time; the rules know only ids.
insert into activity (subscriber_id, action_id, kind, actor, summary, before, after, at)
select n.subscriber_id, n.action_id, n.kind, n.actor, n.summary,
    coalesce(n.before::jsonb || (select jsonb_build_object('router', r.name) from routers r where r.id = (n.before::jsonb ->> 'router')::bigint), n.before::jsonb),
    coalesce(n.after::jsonb || (select jsonb_build_object('router', r.name) from routers r where r.id = (n.after::jsonb ->> 'router')::bigint), n.after::jsonb),
    @now::timestamptz
from (select generate_subscripts(@kinds::text[], 1) as i, unnest(@kinds::text[]) as kind,
    unnest(@subscriber_ids::bigint[]) as subscriber_id, unnest(@action_ids::bigint[]) as action_id,
    unnest(@actors::text[]) as actor, unnest(@summaries::text[]) as summary, unnest(@befores::text[]) as before,
    unnest(@afters::text[]) as after) n
order by n.i;
