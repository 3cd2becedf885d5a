-- name: CreateSource :one
insert into payment_sources (id, name, kind, token_hash, token_sealed, merchant, currency)
overriding system value
values (@id, @name, @kind, @token_hash, @token_sealed, @merchant, @currency)
returning *;

-- name: NextSourceID :one
select nextval(pg_get_serial_sequence('payment_sources', 'id'))::bigint;

-- name: ListSources :many
select * from payment_sources where archived_at is null order by name;

-- name: SourceByID :one
select * from payment_sources where id = @id;

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
