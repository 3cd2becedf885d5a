-- name: InsertLedgerEntry :exec
insert into ledger_entries (subscriber_id, kind, amount_minor, currency, payment_id, action_id, plan_id, periods,
    period_start, period_end)
values (@subscriber_id, @kind, @amount_minor, @currency, @payment_id, @action_id, @plan_id, @periods,
    @period_start, @period_end);

-- name: InsertActivity :exec
insert into activity (subscriber_id, action_id, kind, actor, summary, before, after, at)
values (@subscriber_id, @action_id, @kind, @actor, @summary, @before, @after, @at);

-- name: ActivityOf :many
select * from activity where subscriber_id = @subscriber_id order by id desc limit @most;
