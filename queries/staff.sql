-- People who sign in to the console, and their sessions.

-- name: StaffByLogin :one
select * from staff where login = @login and removed_at is null;

-- name: StaffByID :one
-- Every request of the console asks this, so that a removal or another role counts from the next request on.
select * from staff where id = @id;

-- name: ListStaff :many
select * from staff where removed_at is null order by login;

-- name: AddStaff :one
insert into staff (login, name, role, password_hash, created_at)
values (@login, @name, @role, @password_hash, @created_at)
returning *;

-- name: LockStaff :one
select * from staff where id = @id for update;

-- name: LockStaffByLogin :one
select * from staff where login = @login and removed_at is null for update;

-- name: LockOwners :many
-- All of them, so that two of them who are taken away at once are taken away one after the other.
select id from staff where role = 'owner' and removed_at is null order by id for update;

-- name: SaveStaff :exec
-- Everything of a person that changes; the row is locked.
update staff set name = @name, role = @role, password_hash = @password_hash, must_change = @must_change,
    totp_sealed = @totp_sealed, totp_step = @totp_step, failures = @failures, locked_until = @locked_until,
    generation = @generation, last_sign_in_at = @last_sign_in_at, removed_at = @removed_at
where id = @id;

-- name: NobodysLock :one
-- Until when a login that is nobody's is locked, if it is; the zero instant stands for none. Asked of every login, because
-- an answer that takes longer tells something too.
select coalesce((select n.locked_until from nobodys_sign_ins n where n.bucket = nobodys_bucket(@login::text)),
    timestamptz '0001-01-01 00:00:00Z')::timestamptz as locked_until;

-- name: HoldNobody :one
-- The wrong sign-ins of a login that is nobody's, locked.
insert into nobodys_sign_ins as n (bucket, tried_at) values (nobodys_bucket(@login::text), @now::timestamptz)
on conflict (bucket) do update set tried_at = excluded.tried_at
returning *;

-- name: SaveNobody :exec
update nobodys_sign_ins set failures = @failures, locked_until = @locked_until where bucket = @bucket;

-- name: FindSession :one
select data from staff_sessions where token_hash = @token_hash and expires_at > @now::timestamptz;

-- name: SaveSession :exec
insert into staff_sessions (token_hash, data, expires_at) values (@token_hash, @data, @expires_at)
on conflict (token_hash) do update set data = excluded.data, expires_at = excluded.expires_at;

-- name: DeleteSession :exec
delete from staff_sessions where token_hash = @token_hash;

-- name: DeleteExpiredSessions :execrows
delete from staff_sessions where expires_at <= @now::timestamptz;
