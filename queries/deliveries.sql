-- name: InsertDeliveries :many
-- One group of webhooks that waited together. A row that was there already is a repeated delivery; it is not returned.
insert into deliveries (source_id, delivery_key, digest, call, body, received_at)
select unnest(@source_ids::bigint[]), unnest(@delivery_keys::text[]), unnest(@digests::bytea[]),
    unnest(@calls::text[]), unnest(@bodies::bytea[]), unnest(@received_ats::timestamptz[])
on conflict (source_id, delivery_key) do nothing
returning id, source_id, delivery_key;

-- name: LockDelivery :many
-- For update: a task may come twice. One that is locked is in somebody's hands, and is skipped.
select d.id, d.source_id, d.call, d.body, d.received_at, d.attempts,
    s.kind as source_kind, s.name as source_name, s.merchant, s.currency
from deliveries d join payment_sources s on s.id = d.source_id
where d.id = @id and d.processed_at is null
for update of d skip locked;

-- name: LockMoreDeliveries :many
-- The oldest that wait, to be processed together with one that does. Those that failed before are left to themselves.
select d.id, d.source_id, d.call, d.body, d.received_at, d.attempts,
    s.kind as source_kind, s.name as source_name, s.merchant, s.currency
from deliveries d join payment_sources s on s.id = d.source_id
where d.processed_at is null and d.attempts = 0 and d.id <> @beside
order by d.id limit @most
for update of d skip locked;

-- name: FinishDeliveries :exec
update deliveries d set state = f.state, last_error = f.problem, attempts = d.attempts + 1, processed_at = @now::timestamptz,
    -- What repeats a payment of an account that was deleted since tells about nobody any more.
    repeats = f.known, body = case when f.repeats <> '' and f.known = '' then '' else d.body end
from (select n.*, case when n.repeats <> '' and exists (select 1 from payments p where p.transaction_id = n.repeats
            and not exists (select 1 from spent_money_keys k where k.hash = money_key(p.provider, p.merchant, p.transaction_id)))
        then n.repeats else '' end as known
    from (select unnest(@ids::bigint[]) as id, unnest(@states::text[]) as state, unnest(@problems::text[]) as problem,
        unnest(@repeats::text[]) as repeats) n) f
where d.id = f.id;

-- name: DeliveryFailed :exec
update deliveries set attempts = attempts + 1, last_error = @last_error where id = @id and processed_at is null;

-- name: WaitingDeliveries :many
-- The sweep of the first list.
select id from deliveries where processed_at is null and received_at <= @older_than::timestamptz order by id limit @most;

-- name: CountWaitingDeliveries :one
select count(*) from deliveries where processed_at is null;
