-- name: NewestAccounts :many
-- The newest accounts, from which the next account number is made.
select id, account from subscribers order by id desc limit @most;

-- name: LastSubscriberID :one
-- The newest number of a subscriber that was given out, also to those who were deleted since; 0 for none.
select coalesce(pg_sequence_last_value(pg_get_serial_sequence('subscribers', 'id')::regclass), 0)::bigint;

-- name: TakenAccountKeys :many
select account_key from subscribers where account_key = any(@keys::text[]);
