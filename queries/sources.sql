-- name: CreateSource :one
insert into payment_sources (id, name, kind, token_hash, token_sealed, merchant, currency)
overriding system value
values (@id, @name, @kind, @token_hash, @token_sealed, @merchant, @currency)
returning *;

-- name: NextSourceID :one
select nextval(pg_get_serial_sequence('payment_sources', 'id'))::bigint;

-- name: ListSources :many
select * from payment_sources where archived_at is null order by name;

-- name: ListSourcesWithTraffic :many
-- For staff. The last delivery is looked for among the newest of all only; the zero instant stands for none.
with newest as materialized (
    select source_id, received_at from deliveries order by id desc limit 100000
)
select sqlc.embed(s), (select count(*) from deliveries d where d.processed_at is null and d.source_id = s.id) as waiting,
    (select coalesce(max(n.received_at), timestamptz '0001-01-01 00:00:00Z')
        from newest n where n.source_id = s.id)::timestamptz as last_delivery_at
from payment_sources s
where sqlc.narg(name)::text is null or s.name = sqlc.narg(name)::text
order by s.archived_at is not null, s.name;

-- name: LockSource :one
select * from payment_sources where name = @name for update;

-- name: RenameSource :exec
update payment_sources set name = @name where id = @id;

-- name: ArchiveSource :exec
update payment_sources set archived_at = @now::timestamptz where id = @id;

-- name: AddSourceSecret :one
insert into source_secrets (id, source_id, sealed, not_before, not_after)
overriding system value
values (@id, @source_id, @sealed, @not_before, @not_after)
returning *;

-- name: NextSecretID :one
select nextval(pg_get_serial_sequence('source_secrets', 'id'))::bigint;

-- name: ActiveSecrets :many
select * from source_secrets
where not_before <= @now::timestamptz and (not_after is null or not_after > @now::timestamptz)
order by source_id, id desc;

-- name: EndOlderSecrets :exec
-- A rotation: what is in force now stays so until the given instant.
update source_secrets set not_after = @not_after::timestamptz
where source_id = @source_id and (not_after is null or not_after > @not_after::timestamptz);
