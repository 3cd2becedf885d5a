-- name: CreateSubscriber :one
insert into subscribers (id, account, name, phone, email, address, router_id, username, password_sealed, fixed_address,
    plan_id, currency)
overriding system value
values (@id, @account, @name, @phone, @email, @address, @router_id, @username, @password_sealed, @fixed_address,
    @plan_id, @currency)
returning id;

-- name: NextSubscriberID :one
select nextval(pg_get_serial_sequence('subscribers', 'id'))::bigint;

-- name: FindAccounts :many
-- Whom payers may mean. rank says how: 1 account number, 2 phone, 3 user name, 4 hash of the phone; key is what was found.
select id, 1::int as rank, account_key as key from subscribers where account_key = any(@account_keys::text[])
union all
select id, 2::int, phone from subscribers where phone = any(@phones::text[]) and phone <> ''
union all
select id, 3::int, username from subscribers where username = any(@usernames::text[])
union all
select id, 4::int, phone_hash from subscribers where phone_hash = any(@phone_hashes::text[]) and phone_hash is not null;

-- name: LockAccounts :many
-- For update: the commands of one account are applied one after the other. In the order of their ids, so that two
-- transactions that want several of the same accounts do not hold each other up for ever.
select sqlc.embed(s), sqlc.embed(p)
from subscribers s join plans p on p.id = s.plan_id
where s.id = any(@ids::bigint[])
order by s.id
for update of s;

-- name: SaveFacts :exec
-- The zero instant stands for none.
update subscribers s set
    plan_id = f.plan_id, next_plan_id = nullif(f.next_plan_id, 0),
    next_plan_at = nullif(f.next_plan_at, timestamptz '0001-01-01 00:00:00Z'),
    clock_stopped_at = nullif(f.clock_stopped_at, timestamptz '0001-01-01 00:00:00Z'),
    expires_at = nullif(f.expires_at, timestamptz '0001-01-01 00:00:00Z'), anchor_day = nullif(f.anchor_day, 0),
    grace_until = nullif(f.grace_until, timestamptz '0001-01-01 00:00:00Z'),
    suspended_at = nullif(f.suspended_at, timestamptz '0001-01-01 00:00:00Z'),
    suspension_category = nullif(f.suspension_category, ''), suspension_reason = f.suspension_reason,
    suspended_until = nullif(f.suspended_until, timestamptz '0001-01-01 00:00:00Z'),
    due_at = nullif(f.due_at, timestamptz '0001-01-01 00:00:00Z')
from (select unnest(@ids::bigint[]) as id, unnest(@expires_ats::timestamptz[]) as expires_at,
    unnest(@anchor_days::smallint[]) as anchor_day, unnest(@grace_untils::timestamptz[]) as grace_until,
    unnest(@suspended_ats::timestamptz[]) as suspended_at, unnest(@suspension_categories::text[]) as suspension_category,
    unnest(@suspension_reasons::text[]) as suspension_reason, unnest(@due_ats::timestamptz[]) as due_at,
    unnest(@plan_ids::bigint[]) as plan_id, unnest(@next_plan_ids::bigint[]) as next_plan_id,
    unnest(@next_plan_ats::timestamptz[]) as next_plan_at, unnest(@clock_stopped_ats::timestamptz[]) as clock_stopped_at,
    unnest(@suspended_untils::timestamptz[]) as suspended_until) f
where s.id = f.id;

-- name: SaveIdentity :exec
-- What staff edit. An empty password stays as it is.
update subscribers set name = @name, phone = @phone, email = @email, address = @address, router_id = @router_id,
    username = @username, fixed_address = @fixed_address, credential_gen = @credential_gen, pinned_note = @pinned_note,
    revision = @revision,
    password_sealed = coalesce(@password_sealed::bytea, password_sealed)
where id = @id;

-- name: UsernameTaken :one
select exists (select 1 from subscribers where router_id = @router_id and username = @username and id <> @but);

-- name: FixedAddressTaken :one
select exists (select 1 from subscribers where router_id = @router_id and fixed_address = @fixed_address and id <> @but);

-- name: DueAt :one
select due_at from subscribers where id = @id;

-- name: LockDueAccounts :many
-- Accounts of a router whose due time has come, to be handled together with one: the router then gets them in one turn. One
-- that somebody holds is skipped.
select sqlc.embed(s), sqlc.embed(p)
from subscribers s join plans p on p.id = s.plan_id
where s.due_at <= @now::timestamptz and s.router_id = @router_id and s.id <> @beside
order by s.due_at limit @most
for update of s skip locked;

-- name: DueAccounts :many
-- The sweep of the third list, and the look ahead that gives near dues a task of their own: page by page, after one.
select id, due_at from subscribers
where due_at <= @until::timestamptz and (due_at, id) > (@after::timestamptz, @after_id::bigint)
order by due_at, id limit @most;

-- name: SubscriberByKey :one
-- The key is account.NormalizeReference of the number as somebody typed it.
select sqlc.embed(s), sqlc.embed(p), r.name as router_name, r.mode as router_mode
from subscribers s join plans p on p.id = s.plan_id join routers r on r.id = s.router_id
where s.account_key = @account_key;

-- name: SubscriberByID :one
select sqlc.embed(s), sqlc.embed(p), r.name as router_name, r.mode as router_mode
from subscribers s join plans p on p.id = s.plan_id join routers r on r.id = s.router_id
where s.id = @id;

-- name: Dial :one
-- What the RADIUS server needs to know of a user name, in one index look-up.
select sqlc.embed(s), sqlc.embed(p)
from subscribers s join plans p on p.id = s.plan_id
where s.router_id = @router_id and s.username = @username;
