-- The deletion of an account, in the order in which it is done. The first one allows deleting the append-only rows of that
-- account until the transaction ends.

-- name: AllowForgetting :exec
select set_config('qserve.forgetting', @subscriber_id::text, true);

-- name: ForgetPayers :exec
-- What was split told of the account too, and is kept for its other parts: without a person. Before anything else of its
-- payments is removed, so that of two deletions at once the second sees what the first has left.
with recursive w as (
    select p.split_of as id from payments p where p.subscriber_id = @subscriber_id::bigint and p.split_of is not null
    union select p.split_of from w join payments p on p.id = w.id where p.split_of is not null
), locked as (
    select p.id from payments p where p.id in (select w.id from w) order by p.id for update
)
update payments p set reference = '', payer_name = '', payer_phone = '', payer_phone_hash = '' from locked where p.id = locked.id;

-- name: SpendMoneyKeys :exec
-- The keys that a provider can tell: of payments, and of those that they are parts of.
with recursive w as (
    select p.id, p.split_of from payments p where p.subscriber_id = @subscriber_id::bigint
    union select p.id, p.split_of from w join payments p on p.id = w.split_of
)
insert into spent_money_keys (hash)
select distinct money_key(p.provider, p.merchant, p.transaction_id) from w join payments p on p.id = w.id where p.split_of is null
on conflict do nothing;

-- name: KeepMonthlyTotals :exec
insert into monthly_totals as t (month, provider, currency, payments, amount_minor)
select date_trunc('month', p.received_at at time zone @zone::text)::date, p.provider, p.currency, count(*), sum(p.amount_minor)::bigint
from payments p where p.subscriber_id = @subscriber_id::bigint and p.reversed_at is null
group by 1, 2, 3
on conflict (month, provider, currency) do update
    set payments = t.payments + excluded.payments, amount_minor = t.amount_minor + excluded.amount_minor;

-- name: RefuseWaitingActions :exec
update actions set state = 'refused', refusal = @refusal, subscriber_id = null, arguments = '{}'
where subscriber_id = @subscriber_id::bigint and state = 'accepted';

-- name: ForgetInvoices :exec
delete from invoices where subscriber_id = @subscriber_id;

-- name: ForgetLedger :exec
delete from ledger_entries where subscriber_id = @subscriber_id;

-- name: ForgetActivity :exec
delete from activity where subscriber_id = @subscriber_id;

-- name: ForgetActions :exec
-- All but the deletion itself, which is followed until the router confirms.
delete from actions where subscriber_id = @subscriber_id::bigint and id <> @but;

-- name: ForgetArguments :exec
update actions set arguments = '{}' where id = @id;

-- name: ForgetBodies :exec
-- The webhooks that told the payments, and those that repeated them. A body that tells other payments too is emptied.
with recursive p as (
    select delivery_id, transaction_id, split_of from payments where subscriber_id = @subscriber_id::bigint
    union select w.delivery_id, w.transaction_id, w.split_of from p join payments w on w.id = p.split_of
)
update deliveries d set body = '', last_error = '', repeats = ''
where d.id in (select p.delivery_id from p
    union all select r.id from p join deliveries r on r.repeats = p.transaction_id and r.repeats <> '');

-- name: ForgetPayments :many
-- Money that was another account's before is still in that ledger; what stays of it has no person.
with others as (
    update payments p set subscriber_id = null, reversed_at = @now::timestamptz, reversal_reason = 'the account was deleted',
        reference = '', payer_name = '', payer_phone = '', payer_phone_hash = '', unallocated = ''
    where p.subscriber_id = @subscriber_id::bigint
      and exists (select 1 from ledger_entries l where l.payment_id = p.id and l.kind = 'payment' and l.subscriber_id <> @subscriber_id::bigint)
)
delete from payments p where p.subscriber_id = @subscriber_id::bigint
  and not exists (select 1 from ledger_entries l where l.payment_id = p.id and l.kind = 'payment' and l.subscriber_id <> @subscriber_id::bigint)
returning p.delivery_id, p.split_of;

-- name: ForgetSplit :many
-- What was split goes with the last of its parts, unless it was an account's before: then it is in that ledger.
delete from payments p where p.id = any(@ids::bigint[]) and p.split_at is not null
  and not exists (select 1 from payments r where r.split_of = p.id)
  and not exists (select 1 from ledger_entries l where l.payment_id = p.id)
returning p.delivery_id, p.split_of;

-- name: ForgetDeliveries :exec
delete from deliveries d where d.id = any(@ids::bigint[]) and d.body = ''
  and not exists (select 1 from payments p where p.delivery_id = d.id);

-- name: ForgetSessions :exec
delete from sessions s using (select unnest(@router_ids::bigint[]) as router_id, unnest(@usernames::text[]) as username) n
where s.router_id = n.router_id and s.username = n.username and s.ended_at is not null;

-- name: ForgetSubscriber :exec
delete from subscribers where id = @id;

-- name: InsertAudit :exec
insert into audit (at, actor, source, kind, object, summary, before, after)
values (@at, @actor, @source, @kind, @object, @summary, @before, @after);
