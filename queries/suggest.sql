-- Whose an unallocated payment may be.

-- name: PaidBefore :many
-- For whom the same payer has paid lately, the most recent first. Whoever pays for half a town is looked at no further.
select n.subscriber_id::bigint as subscriber_id, count(*) as payments
from (select p.id, p.subscriber_id, p.reversed_at from payments p where p.payer_key = @payer_key::text order by p.id desc limit 100) n
where n.subscriber_id is not null and n.reversed_at is null
group by n.subscriber_id order by max(n.id) desc limit @most;

-- name: AccountKeysLately :many
-- The numbers that are given out these days, to see what they begin with.
select account_key::text as account_key from subscribers order by id desc limit @most;

-- name: SubscribersByID :many
select sqlc.embed(s), p.name as plan, r.name as router, coalesce(n.name, '')::text as next_plan
from subscribers s join plans p on p.id = s.plan_id join routers r on r.id = s.router_id left join plans n on n.id = s.next_plan_id
where s.id = any(@ids::bigint[]);

-- name: AccountsAmong :many
-- Which of very many account keys exist. Each is looked up by itself: the planner would rather read all subscribers.
select s.id, k.key::text as key
from unnest(@account_keys::text[]) as k (key)
cross join lateral (select f.id from subscribers f where f.account_key = k.key limit 1) s;
