-- What the console shows behind the counts of its home page.

-- name: PaymentsReceived :many
-- Money that came in within a time and was not taken back, newest first; of a payment that was split, its parts.
select sqlc.embed(p), coalesce(s.account, '')::text as account
from payments p left join subscribers s on s.id = p.subscriber_id
where p.received_at >= @since::timestamptz and p.received_at < @until::timestamptz and p.reversed_at is null and p.split_at is null
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
        -- The limits keep the planner from reading all actions, as in PaidUnconfirmed.
        from waiting w cross join lateral (select l.action_id from action_provisions l
                where l.provision_id = w.id and l.gen > w.done_gen limit 1000) l
            cross join lateral (select * from actions t where t.id = l.action_id and t.state = 'applied' and t.kind = 'payment' limit 1) a
        group by a.subscriber_id having min(a.id) > @after::bigint order by min(a.id) limit @most) n
    join subscribers s on s.id = n.subscriber_id join provisions v on v.id = n.provision_id join routers r on r.id = v.router_id
order by n.action_id;
