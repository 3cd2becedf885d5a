-- name: InsertLedgerEntries :exec
-- One statement for all of a change, because each moves the balances once.
insert into ledger_entries (subscriber_id, kind, amount_minor, currency, payment_id, action_id, plan_id, periods,
    period_start, period_end)
select n.subscriber_id, n.kind, n.amount_minor, n.currency, nullif(n.payment_id, 0), n.action_id, nullif(n.plan_id, 0),
    nullif(n.periods, 0), nullif(n.period_start, timestamptz '0001-01-01 00:00:00Z'),
    nullif(n.period_end, timestamptz '0001-01-01 00:00:00Z')
from (select generate_subscripts(@kinds::text[], 1) as i, unnest(@kinds::text[]) as kind,
    unnest(@subscriber_ids::bigint[]) as subscriber_id, unnest(@amounts_minor::bigint[]) as amount_minor,
    unnest(@currencies::text[]) as currency, unnest(@payment_ids::bigint[]) as payment_id,
    unnest(@action_ids::bigint[]) as action_id, unnest(@plan_ids::bigint[]) as plan_id,
    unnest(@periods::int[]) as periods, unnest(@period_starts::timestamptz[]) as period_start,
    unnest(@period_ends::timestamptz[]) as period_end) n
order by n.i;

-- name: InsertActivity :exec
insert into activity (subscriber_id, action_id, kind, actor, summary, before, after, at)
select n.subscriber_id, n.action_id, n.kind, n.actor, n.summary, n.before::jsonb, n.after::jsonb, @now::timestamptz
from (select generate_subscripts(@kinds::text[], 1) as i, unnest(@kinds::text[]) as kind,
    unnest(@subscriber_ids::bigint[]) as subscriber_id, unnest(@action_ids::bigint[]) as action_id,
    unnest(@actors::text[]) as actor, unnest(@summaries::text[]) as summary, unnest(@befores::text[]) as before,
    unnest(@afters::text[]) as after) n
order by n.i;

-- name: ActivityOf :many
select * from activity where subscriber_id = @subscriber_id order by id desc limit @most;
