-- name: CreateSubscriber :one
insert into subscribers (id, account, name, phone, email, address, router_id, username, password_sealed, fixed_address,
    plan_id, currency)
overriding system value
values (@id, @account, @name, @phone, @email, @address, @router_id, @username, @password_sealed, @fixed_address,
    @plan_id, @currency)
returning id;

-- name: NextSubscriberID :one
select nextval(pg_get_serial_sequence('subscribers', 'id'))::bigint;

-- name: FindAccount :many
-- Whom a payer may mean. rank says how: 1 account number, 2 phone, 3 user name.
select id, 1::int as rank from subscribers where account_key = any(@account_keys::text[])
union all
select id, 2::int from subscribers where phone = any(@phones::text[])
union all
select id, 3::int from subscribers where username = any(@usernames::text[])
order by 2, 1 limit 20;

-- name: FindAccountByPhoneHash :many
select id from subscribers where phone_hash = @phone_hash::text limit 2;

-- name: LockAccount :one
-- For update: the commands of one account are applied one after the other.
select sqlc.embed(s), sqlc.embed(p)
from subscribers s join plans p on p.id = s.plan_id
where s.id = @id
for update of s;

-- name: SaveFacts :exec
update subscribers set expires_at = @expires_at, anchor_day = @anchor_day, grace_until = @grace_until,
    suspended_at = @suspended_at, suspension_category = @suspension_category, suspension_reason = @suspension_reason,
    due_at = @due_at
where id = @id;

-- name: DueAccounts :many
-- The sweep of the third list, and the look ahead that gives near dues a task of their own.
select id, due_at from subscribers where due_at <= @until::timestamptz order by due_at limit @most;

-- name: SubscriberByKey :one
-- The key is account.NormalizeReference of the number as somebody typed it.
select sqlc.embed(s), sqlc.embed(p), r.name as router_name
from subscribers s join plans p on p.id = s.plan_id join routers r on r.id = s.router_id
where s.account_key = @account_key;

-- name: ListSubscribers :many
select sqlc.embed(s), sqlc.embed(p), r.name as router_name
from subscribers s join plans p on p.id = s.plan_id join routers r on r.id = s.router_id
where s.account > @after::text
order by s.account limit @most;

-- name: Dial :one
-- What the RADIUS server needs to know of a user name, in one index look-up.
select sqlc.embed(s), sqlc.embed(p)
from subscribers s join plans p on p.id = s.plan_id
where s.router_id = @router_id and s.username = @username;
