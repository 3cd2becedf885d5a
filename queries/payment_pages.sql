-- What the console shows behind the counts of its home page.

-- name: PaymentsReceived :many
-- Money that came in within a time and was not taken back, newest first. What was split is told as a whole, as it is counted.
select sqlc.embed(p), coalesce(s.account, '')::text as account
from payments p left join subscribers s on s.id = p.subscriber_id
where p.received_at >= @since::timestamptz and p.received_at < @until::timestamptz and p.reversed_at is null and p.split_of is null
  and p.id < @before::bigint
order by p.id desc limit @most;

-- name: PaidUnconfirmedPage :many
-- Accounts that paid and whose router has not confirmed what the payment changed, who waits longest first; among the first
-- that wait for a router, as they are counted.
with waiting as materialized (select v.id, v.done_gen from provisions v where v.done_gen < v.want_gen limit @looked)
select n.action_id::bigint as action_id, n.accepted_at::timestamptz as accepted_at, s.account, s.name, r.name as router, v.username,
    v.attempts, coalesce(v.next_try_at, r.next_try_at) as next_try_at,
    (case when v.last_error <> '' then v.last_error else r.last_error end)::text as last_error
from (select a.subscriber_id, min(a.id) as action_id, min(a.accepted_at) as accepted_at, max(w.id) as provision_id
        from waiting w join action_provisions l on l.provision_id = w.id and l.gen > w.done_gen
            join actions a on a.id = l.action_id and a.state = 'applied' and a.kind = 'payment'
        group by a.subscriber_id having min(a.id) > @after::bigint order by min(a.id) limit @most) n
    join subscribers s on s.id = n.subscriber_id join provisions v on v.id = n.provision_id join routers r on r.id = v.router_id
order by n.action_id;
