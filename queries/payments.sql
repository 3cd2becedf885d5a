-- name: InsertPayments :many
-- What is not returned was credited before, however often and by whatever door it is told again, if need be to an account
-- that has been deleted since. In the order of the
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
where not exists (select 1 from spent_money_keys k where k.hash = money_key(n.provider, n.merchant, n.transaction_id))
order by n.provider, n.merchant, n.transaction_id
on conflict (provider, merchant, transaction_id) where split_of is null do nothing
returning id, delivery_id, transaction_id;

-- name: CountUnallocated :one
select count(*) from payments where subscriber_id is null and reversed_at is null and split_at is null;

-- name: EnterPayment :one
-- A payment that staff took; no row: its money was credited before.
insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, reference,
    unallocated, entered_by)
select @provider::text, @merchant::text, @transaction_id::text, @amount_minor::bigint, @currency::text, @occurred_at::timestamptz,
    @received_at::timestamptz, @reference::text, @unallocated::text, @entered_by::text
where not exists (select 1 from spent_money_keys k
    where k.hash = money_key(@provider::text, @merchant::text, @transaction_id::text))
on conflict (provider, merchant, transaction_id) where split_of is null do nothing
returning *;

-- name: PaymentByKey :one
select * from payments where provider = @provider and merchant = @merchant and transaction_id = @transaction_id and split_of is null;

-- name: LockPayment :one
-- For update; spent is true when the same money was credited to an account that has been deleted since.
select sqlc.embed(p), (p.split_of is null and exists (select 1 from spent_money_keys k
    where k.hash = money_key(p.provider, p.merchant, p.transaction_id)))::boolean as spent
from payments p where p.id = @id
for update of p;

-- name: AllocatePayment :exec
update payments set subscriber_id = @subscriber_id::bigint, unallocated = '' where id = @id;

-- name: UnallocatePayment :exec
update payments set subscriber_id = null, unallocated = @reason, allocation = allocation + 1 where id = @id;

-- name: PaymentReversed :exec
update payments set reversed_at = @now::timestamptz, reversal_reason = @reason, unallocated = '', allocation = allocation + 1
where id = @id;

-- name: PaymentSplit :exec
update payments set split_at = @now::timestamptz, unallocated = '' where id = @id;

-- name: InsertParts :many
-- The parts of a payment in their order, each with who paid when and for which reference.
insert into payments (provider, merchant, transaction_id, delivery_id, amount_minor, currency, occurred_at, received_at,
    reference, payer_name, payer_phone, payer_phone_hash, unallocated, entered_by, split_of)
select w.provider, w.merchant, w.transaction_id || '/' || n.i, w.delivery_id, n.amount_minor, w.currency, w.occurred_at, w.received_at,
    w.reference, w.payer_name, w.payer_phone, w.payer_phone_hash, n.unallocated, w.entered_by, w.id
from payments w, (select generate_subscripts(@amounts_minor::bigint[], 1) as i, unnest(@amounts_minor::bigint[]) as amount_minor,
    unnest(@unallocated::text[]) as unallocated) n
where w.id = @id
order by n.i
returning id;

-- name: PartsOf :many
select id from payments where split_of = @id::bigint order by id;

-- name: MoneyOrderWaits :one
-- Whether a payment is about to be credited or taken back. Few actions wait.
select exists (select 1 from actions a where a.state = 'accepted' and a.kind in ('payment', 'reverse', 'unallocate')
    and (a.arguments ->> 'payment_id') = cast(@payment_id::bigint as text));
