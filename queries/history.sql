-- What happened, newest first. A page begins before an id, so that what is added meanwhile moves nothing.

-- name: ActivityPage :many
select sqlc.embed(a), coalesce(c.source, '')::text as source
from activity a left join actions c on c.id = a.action_id
where a.subscriber_id = @subscriber_id and a.id < @before::bigint
  and (cardinality(@kinds::text[]) = 0 or a.kind = any(@kinds::text[]))
order by a.id desc limit @most;

-- name: RoutersOfActions :many
-- What the routers answered to some actions, so far.
select ap.action_id, r.name as router, p.username, (p.done_gen >= ap.gen)::boolean as confirmed, p.attempts,
    coalesce(p.next_try_at, r.next_try_at) as next_try_at,
    (case when p.last_error <> '' then p.last_error else r.last_error end)::text as last_error
from action_provisions ap join provisions p on p.id = ap.provision_id join routers r on r.id = p.router_id
where ap.action_id = any(@action_ids::bigint[])
order by ap.action_id, r.name, p.username;

-- name: PaymentsPage :many
select sqlc.embed(p), s.account
from payments p join subscribers s on s.id = p.subscriber_id
where p.subscriber_id = @subscriber_id::bigint and p.id < @before::bigint
order by p.id desc limit @most;

-- name: AllPayments :many
-- Over all accounts; by receipt number, which is that of the parts too, or by the reference as the payer typed it, without its punctuation.
select sqlc.embed(p), coalesce(s.account, '')::text as account
from payments p left join subscribers s on s.id = p.subscriber_id
where p.id < @before::bigint
  and (@status::text = ''
      or @status::text = 'unallocated' and p.subscriber_id is null and p.reversed_at is null and p.split_at is null
      or @status::text = 'credited' and p.subscriber_id is not null and p.reversed_at is null
      or @status::text = 'reversed' and p.reversed_at is not null
      or @status::text = 'split' and p.split_at is not null)
  and (cardinality(@receipts::text[]) = 0 or p.transaction_id = any(@receipts::text[])
      or p.split_of is not null and p.split_of = any(array(select w.id from payments w
          where w.transaction_id = any(@receipts::text[]) and w.split_at is not null))
      or upper(regexp_replace(p.reference, '[^A-Za-z0-9]', '', 'g') collate "C") = @reference_key::text and p.reference <> '' and @reference_key::text <> '')
order by p.id desc limit @most;

-- name: PaymentByID :one
select sqlc.embed(p), coalesce(s.account, '')::text as account, coalesce(s.name, '')::text as name
from payments p left join subscribers s on s.id = p.subscriber_id
where p.id = @id;

-- name: InvoicesPage :many
select * from invoices where subscriber_id = @subscriber_id and id < @before::bigint order by id desc limit @most;

-- name: LedgerPage :many
-- The balance after a line is the sum of the lines up to it, whatever page it is shown on.
select l.id, l.kind, l.amount_minor, l.currency, l.balance_minor::bigint as balance_minor, l.payment_id, l.action_id, l.periods,
    l.period_end, l.created_at, coalesce(n.name, '')::text as plan, coalesce(p.transaction_id, '')::text as receipt,
    coalesce(p.provider, '')::text as method, coalesce(p.occurred_at, l.created_at)::timestamptz as paid_at
from (select e.*, sum(e.amount_minor) over (order by e.id) as balance_minor from ledger_entries e
        where e.subscriber_id = @subscriber_id) l
    left join plans n on n.id = l.plan_id left join payments p on p.id = l.payment_id
where l.id < @before::bigint
order by l.id desc limit @most;

-- name: AuditPage :many
-- Everything that was done, to accounts (list 1) and to settings (list 2). The cursor is an instant, a list and an id.
select h.at::timestamptz as at, h.list::int as list, h.id::bigint as id, h.actor::text as actor, h.source::text as source,
    h.kind::text as kind, h.object::text as object, h.summary::text as summary, h.before::jsonb as before, h.after::jsonb as after
from (
    (select a.at, 1 as list, a.id, a.actor, coalesce(c.source, '') as source, a.kind, s.account as object, a.summary, a.before, a.after
        from activity a join subscribers s on s.id = a.subscriber_id left join actions c on c.id = a.action_id
        where (a.at, a.id) < (@before_at::timestamptz, case when @before_list::int > 1 then 9223372036854775807 else @before_id::bigint end)
          and (cardinality(@kinds::text[]) = 0 or a.kind = any(@kinds::text[]))
          and (@actor::text = '' or a.actor = @actor::text)
        order by a.at desc, a.id desc limit @most)
    union all
    (select u.at, 2 as list, u.id, u.actor, u.source, u.kind, u.object, u.summary, u.before, u.after
        from audit u
        where (u.at, u.id) < (@before_at::timestamptz, case when @before_list::int < 2 then 0 else @before_id::bigint end)
          and (cardinality(@kinds::text[]) = 0 or u.kind = any(@kinds::text[]))
          and (@actor::text = '' or u.actor = @actor::text)
        order by u.at desc, u.id desc limit @most)
) h
order by h.at desc, h.list desc, h.id desc limit @most;
