-- name: WaitingOnRouter :many
-- What a router has not confirmed yet, and whose it is; oldest first. The zero account stands for somebody who was deleted.
select p.username, p.state, p.wanted_at, p.attempts, p.next_try_at, p.last_error,
    coalesce(s.account, '')::text as account, coalesce(s.name, '')::text as name
from provisions p join routers r on r.id = p.router_id left join subscribers s on s.id = p.subscriber_id
where r.name = @router and r.archived_at is null and p.done_gen < p.want_gen
order by p.wanted_at limit @most;
