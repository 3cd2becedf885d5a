-- name: InsertDeliveries :many
-- One group of webhooks that waited together. A row that was there already is a repeated delivery; it is not returned.
insert into deliveries (source_id, delivery_key, digest, call, body, received_at)
select unnest(@source_ids::bigint[]), unnest(@delivery_keys::text[]), unnest(@digests::bytea[]),
    unnest(@calls::text[]), unnest(@bodies::bytea[]), unnest(@received_ats::timestamptz[])
on conflict (source_id, delivery_key) do nothing
returning id, source_id, delivery_key;

-- name: LockDelivery :one
-- For update: two workers may hold the same task after a crash, and one of them must wait and then see it processed.
select d.id, d.source_id, d.call, d.body, d.received_at, d.attempts,
    s.kind as source_kind, s.name as source_name, s.merchant, s.currency
from deliveries d join payment_sources s on s.id = d.source_id
where d.id = @id and d.processed_at is null
for update of d;

-- name: FinishDelivery :exec
update deliveries set state = @state, last_error = @last_error, attempts = attempts + 1, processed_at = @now::timestamptz
where id = @id;

-- name: DeliveryFailed :exec
update deliveries set attempts = attempts + 1, last_error = @last_error where id = @id and processed_at is null;

-- name: WaitingDeliveries :many
-- The sweep of the first list.
select id from deliveries where processed_at is null and received_at <= @older_than::timestamptz order by id limit @most;

-- name: CountWaitingDeliveries :one
select count(*) from deliveries where processed_at is null;
