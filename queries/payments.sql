-- name: InsertPayment :one
-- No row: this money was credited before, however often and by whatever door it is told again.
insert into payments (provider, merchant, transaction_id, delivery_id, amount_minor, currency, occurred_at, received_at,
    reference, payer_name, payer_phone, payer_phone_hash, subscriber_id, unallocated)
values (@provider, @merchant, @transaction_id, @delivery_id, @amount_minor, @currency, @occurred_at, @received_at,
    @reference, @payer_name, @payer_phone, @payer_phone_hash, @subscriber_id, @unallocated)
on conflict (provider, merchant, transaction_id) do nothing
returning id;

-- name: CountUnallocated :one
select count(*) from payments where subscriber_id is null;

-- name: PaymentsOf :many
select * from payments where subscriber_id = @subscriber_id order by id desc limit @most;
