-- name: CreateRouter :one
-- The id comes first, because secrets are sealed to it.
insert into routers (name, mode, api_address, api_user, api_password_sealed, api_plain, api_pin_sha256, api_ca_pem,
    nas_address, coa_address, radius_secret_sealed, coa_message_authenticator, coa_event_timestamp,
    local_address, pool, interim_seconds, id)
overriding system value
values (@name, @mode, @api_address, @api_user, @api_password_sealed, @api_plain, @api_pin_sha256, @api_ca_pem,
    @nas_address, @coa_address, @radius_secret_sealed, @coa_message_authenticator, @coa_event_timestamp,
    @local_address, @pool, @interim_seconds, @id)
returning *;

-- name: NextRouterID :one
select nextval(pg_get_serial_sequence('routers', 'id'))::bigint;

-- name: ListRouters :many
-- With their health, and how many customers are on them; of one router also how many are online, which takes long to count
-- of all. The zero instant stands for none.
select sqlc.embed(r), w.unconfirmed, w.oldest,
    (select count(*) from subscribers s where s.router_id = r.id) as subscribers,
    (case when sqlc.narg(name)::text is null then 0 else online_on(r, @now::timestamptz, sqlc.arg(intervals)::int) end)::bigint as online
from routers r cross join lateral (
    select count(*) as unconfirmed,
        coalesce(min(p.wanted_at), timestamptz '0001-01-01 00:00:00Z')::timestamptz as oldest
    from provisions p where p.router_id = r.id and p.done_gen < p.want_gen) w
where r.archived_at is null and (sqlc.narg(name)::text is null or r.name = sqlc.narg(name)::text)
order by r.name;

-- name: RouterNames :many
select name from routers where archived_at is null order by name;

-- name: RouterByName :one
-- Locked against its removal, so that a subscriber can be put on it.
select * from routers where name = @name and archived_at is null for key share;

-- name: LockRouter :one
-- Against other changes, and against new subscribers and provisions, which refer to it.
select * from routers where name = @name and archived_at is null for update;

-- name: ChangeRouter :exec
-- New settings deserve an attempt at once.
update routers set name = @name, mode = @mode, revision = revision + 1, api_address = @api_address, api_user = @api_user,
    api_password_sealed = @api_password_sealed, api_plain = @api_plain, api_pin_sha256 = @api_pin_sha256,
    api_ca_pem = @api_ca_pem, nas_address = @nas_address, coa_address = @coa_address,
    radius_secret_sealed = @radius_secret_sealed, coa_message_authenticator = @coa_message_authenticator,
    coa_event_timestamp = @coa_event_timestamp, local_address = @local_address, pool = @pool,
    interim_seconds = @interim_seconds, failures = 0, unreachable = false, next_try_at = null, last_error = ''
where id = @id;

-- name: LookAtRouterAgain :exec
-- Makes everything on a router be looked at once more, because another one may answer there now, or in another mode. In
-- the order of user names, as everything that locks provisions.
update provisions set want_gen = want_gen + 1, wanted_at = @now::timestamptz, next_try_at = null
where id in (select p.id from provisions p
    where p.router_id = @router_id and p.done_gen = p.want_gen order by p.username for update);

-- name: RouterProvisionsMayBeTriedNow :exec
update provisions set next_try_at = null where router_id = @router_id and done_gen < want_gen and next_try_at is not null;

-- name: RouterHolds :one
-- What keeps a router from being removed.
select (select count(*) from subscribers s where s.router_id = @id) as subscribers,
    (select count(*) from provisions p where p.router_id = @id and p.done_gen < p.want_gen) as unconfirmed;

-- name: ArchiveRouter :exec
update routers set archived_at = @now::timestamptz, revision = revision + 1 where id = @id;

-- name: RadiusClients :many
-- Every router that may ask, for the memory of the RADIUS server.
select id, name, nas_address, radius_secret_sealed, interim_seconds, pool, revision
from routers where nas_address is not null and radius_secret_sealed is not null and archived_at is null;

-- name: LeaseRouter :one
-- Takes or renews the right to drive a router, and reads it; no row: somebody else has it.
with lease as (
    insert into router_leases (router_id, owner, until)
    values (@id, @owner, @until::timestamptz)
    on conflict (router_id) do update set owner = excluded.owner, until = excluded.until
        where router_leases.owner = excluded.owner or router_leases.until < @now::timestamptz
    returning router_id
)
select r.* from routers r join lease on lease.router_id = r.id;

-- name: ReleaseRouter :exec
delete from router_leases where router_id = @id and owner = @owner;

-- name: RouterAnswered :exec
-- Written when the last contact is stale, and at once after a failure.
update routers set failures = 0, unreachable = false, next_try_at = null, last_error = '', last_contact_at = @now::timestamptz
where id = @id and (failures > 0 or last_contact_at is null or last_contact_at < @stale::timestamptz);

-- name: RouterFailed :exec
update routers set failures = failures + 1, unreachable = @unreachable, next_try_at = @next_try_at::timestamptz,
    last_error = @last_error
where id = @id;

-- name: RouterMayBeTriedNow :execrows
update routers set next_try_at = null where id = @id and next_try_at is not null;

-- name: RoutersWithWork :many
-- The sweep of the fourth list: routers that have unconfirmed provisions which may be tried and that nobody drives.
select r.id from routers r
where (r.next_try_at is null or r.next_try_at <= @now::timestamptz)
  and exists (select 1 from provisions p where p.router_id = r.id and p.done_gen < p.want_gen
      and p.wanted_at <= @older_than::timestamptz and (p.next_try_at is null or p.next_try_at <= @now::timestamptz))
  and not exists (select 1 from router_leases l where l.router_id = r.id and l.until > @now::timestamptz)
limit @most;

-- name: RoutersToProbe :many
-- Routers that did not answer, have work, and are not due for a while: worth a look whether they are back.
select r.* from routers r
where r.unreachable and r.next_try_at > @now::timestamptz
  and exists (select 1 from provisions p where p.router_id = r.id and p.done_gen < p.want_gen)
order by r.next_try_at limit @most;
