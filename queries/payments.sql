-- name: InsertPayments :many
-- What is not returned was credited before, however often and by whatever door it is told again. In the order of the
-- money key, so that two transactions with the same payments do not hold each other up for ever.
insert into payments (provider, merchant, transaction_id, delivery_id, amount_minor, currency, occurred_at, received_at,
    reference, payer_name, payer_phone, payer_phone_hash, subscriber_id, unallocated)
select n.provider, n.merchant, n.transaction_id, n.delivery_id, n.amount_minor, n.currency, n.occurred_at, n.received_at,
    n.reference, n.payer_name, n.payer_phone, n.payer_phone_hash, nullif(n.subscriber_id, 0), n.unallocated
from (select unnest(@providers::text[]) as provider, unnest(@merchants::text[]) as merchant,
    unnest(@transaction_ids::text[]) as transaction_id, unnest(@delivery_ids::bigint[]) as delivery_id,
    unnest(@amounts_minor::bigint[]) as amount_minor, unnest(@currencies::text[]) as currency,
    unnest(@occurred_ats::timestamptz[]) as occurred_at, unnest(@received_ats::timestamptz[]) as received_at,
    unnest(@payer_references::text[]) as reference, unnest(@payer_names::text[]) as payer_name,
    unnest(@payer_phones::text[]) as payer_phone, unnest(@payer_phone_hashes::text[]) as payer_phone_hash,
    unnest(@subscriber_ids::bigint[]) as subscriber_id, unnest(@unallocated::text[]) as unallocated) n
order by n.provider, n.merchant, n.transaction_id
on conflict (provider, merchant, transaction_id) do nothing
returning id, delivery_id, transaction_id;

-- name: CountUnallocated :one
select count(*) from payments where subscriber_id is null;

-- name: PaymentsOf :many
select * from payments where subscriber_id = @subscriber_id order by id desc limit @most;
