-- name: CreateToken :one
insert into api_tokens (name, hash, scopes, rate_per_second, created_at, expires_at)
values (@name, @hash, @scopes, @rate_per_second, @created_at, @expires_at)
returning *;

-- name: ListTokens :many
select * from api_tokens order by name;

-- name: TokenByName :one
select * from api_tokens where name = @name;

-- name: TokenByHash :one
-- Every request of the staff API asks this, so that a revocation counts from the next request on.
select * from api_tokens where hash = @hash;

-- name: TokenUsed :exec
-- A note of when a token was last used, written once in a while: before is how old the note must be.
update api_tokens set last_used_at = @now::timestamptz
where id = @id and (last_used_at is null or last_used_at <= @before::timestamptz);

-- name: RevokeToken :one
update api_tokens set revoked_at = @now::timestamptz where name = @name and revoked_at is null returning *;

-- name: ClaimAnswer :one
-- Reserves a key for the request that is about to be carried out. No row: the key has been used. One whose request never
-- came to its end may be taken over by the same request, once it is too old to be still running.
insert into api_answers (token_id, key, digest, created_at) values (@token_id, @key, @digest, @now::timestamptz)
on conflict (token_id, key) do update set created_at = excluded.created_at
where api_answers.status is null and api_answers.digest = excluded.digest
  and api_answers.created_at <= @abandoned::timestamptz
returning created_at;

-- name: AnswerByKey :one
select * from api_answers where token_id = @token_id and key = @key;

-- name: StoreAnswer :exec
-- claimed tells this run of the request from one that took it over meanwhile.
update api_answers set status = @status::integer, headers = @headers, sealed = @sealed
where token_id = @token_id and key = @key and status is null and created_at = @claimed::timestamptz;

-- name: ReleaseAnswer :exec
delete from api_answers
where token_id = @token_id and key = @key and status is null and created_at = @claimed::timestamptz;

-- name: DropAnswers :exec
delete from api_answers where (token_id, key) in (
    select a.token_id, a.key from api_answers a where a.created_at < @before::timestamptz order by a.created_at limit @most);
