-- Every sealed value, for sealing it anew under a new key. Each update names the value it replaces, so that one which
-- was changed meanwhile is left alone.

-- name: SealedPasswords :many
select id, password_sealed as sealed from subscribers where id > @after order by id limit @most;

-- name: ResealPassword :exec
update subscribers set password_sealed = @sealed where id = @id and password_sealed = @old;

-- name: SealedAPIPasswords :many
select id, api_password_sealed as sealed from routers where id > @after and api_password_sealed is not null
order by id limit @most;

-- name: ResealAPIPassword :exec
update routers set api_password_sealed = @sealed where id = @id and api_password_sealed = @old;

-- name: SealedRadiusSecrets :many
select id, radius_secret_sealed as sealed from routers where id > @after and radius_secret_sealed is not null
order by id limit @most;

-- name: ResealRadiusSecret :exec
update routers set radius_secret_sealed = @sealed where id = @id and radius_secret_sealed = @old;

-- name: SealedTokens :many
select id, token_sealed as sealed from payment_sources where id > @after order by id limit @most;

-- name: ResealToken :exec
update payment_sources set token_sealed = @sealed where id = @id and token_sealed = @old;

-- name: SealedSecrets :many
select id, sealed from source_secrets where id > @after order by id limit @most;

-- name: ResealSecret :exec
update source_secrets set sealed = @sealed where id = @id and sealed = @old;

-- name: SealedSecondFactors :many
select id, totp_sealed as sealed from staff where id > @after and totp_sealed is not null order by id limit @most;

-- name: ResealSecondFactor :exec
update staff set totp_sealed = @sealed where id = @id and totp_sealed = @old;

-- name: SealedAnswers :many
select token_id, key, sealed from api_answers
where (token_id, key) > (@after_token::bigint, @after_key::text) and sealed is not null
order by token_id, key limit @most;

-- name: ResealAnswer :exec
update api_answers set sealed = @sealed where token_id = @token_id and key = @key and sealed = @old;
