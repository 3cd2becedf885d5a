-- Finding subscribers. What a term is and how it is found: db/migrations/00002_search.sql.

-- name: FindByTerms :many
select h.term::text as term, sqlc.embed(s), p.name as plan, r.name as router, coalesce(n.name, '')::text as next_plan
from find_by_terms(@prefixes::text[], @receipts::text[], @after_term::text, @after_id::bigint,
        @besides::text[], @others::text[], @filtered::boolean, @status::text, @plan_id::bigint, @router_id::bigint,
        sqlc.narg('expiring_before')::timestamptz, @now::timestamptz, @most::int) h
    join subscribers s on s.id = h.subscriber_id join plans p on p.id = s.plan_id join routers r on r.id = s.router_id
    left join plans n on n.id = s.next_plan_id
order by h.term::text collate "C", s.id;

-- name: FindByPair :many
select h.term::text as term, sqlc.embed(s), p.name as plan, r.name as router, coalesce(n.name, '')::text as next_plan
from find_by_pair(@first::text, @second::text, @from_term::text, @after_term::text, @after_id::bigint,
        @besides::text[], @others::text[], @filtered::boolean, @status::text, @plan_id::bigint, @router_id::bigint,
        sqlc.narg('expiring_before')::timestamptz, @now::timestamptz, @most::int) h
    join subscribers s on s.id = h.subscriber_id join plans p on p.id = s.plan_id join routers r on r.id = s.router_id
    left join plans n on n.id = s.next_plan_id
order by h.term::text collate "C", s.id;

-- name: FindAll :many
-- All who pass the filters, in the order in which they came.
select sqlc.embed(s), p.name as plan, r.name as router, coalesce(n.name, '')::text as next_plan
from subscribers s join plans p on p.id = s.plan_id join routers r on r.id = s.router_id
    left join plans n on n.id = s.next_plan_id
where s.id > @after_id::bigint
  and passes(s, @status::text, @plan_id::bigint, @router_id::bigint, sqlc.narg('expiring_before')::timestamptz, @now::timestamptz)
order by s.id limit @most;

-- name: FindByLine :many
-- Who is online with an IP address or a MAC address, or has the IP address for ever.
select sqlc.embed(s), p.name as plan, r.name as router, coalesce(n.name, '')::text as next_plan
from (
    select o.router_id, o.username from sessions o where o.ended_at is null and o.address = sqlc.narg(address)::inet
    union select o.router_id, o.username from sessions o where o.ended_at is null and o.calling_station = @mac::text and @mac::text <> ''
    union select f.router_id, f.username from subscribers f where f.fixed_address = sqlc.narg(address)::inet) line
join subscribers s on s.router_id = line.router_id and s.username = line.username
join plans p on p.id = s.plan_id join routers r on r.id = s.router_id left join plans n on n.id = s.next_plan_id
where passes(s, @status::text, @plan_id::bigint, @router_id::bigint, sqlc.narg('expiring_before')::timestamptz, @now::timestamptz)
order by s.id limit @most;

-- name: FindExpiring :many
-- Those whose paid time ends soon, the next one first.
select sqlc.embed(s), p.name as plan, r.name as router, coalesce(n.name, '')::text as next_plan
from subscribers s join plans p on p.id = s.plan_id join routers r on r.id = s.router_id
    left join plans n on n.id = s.next_plan_id
where s.expires_at is not null and (s.expires_at, s.id) > (@after_time::timestamptz, @after_id::bigint)
  and passes(s, @status::text, @plan_id::bigint, @router_id::bigint, @expiring_before::timestamptz, @now::timestamptz)
order by s.expires_at, s.id limit @most;

-- name: FindOne :one
-- The profile in one round trip. The reference is an account number, or else an id. The session is the running one, or
-- else the one that was seen last; the zero instant stands for none.
select sqlc.embed(s), sqlc.embed(p), r.name as router, coalesce(n.name, '')::text as next_plan,
    r.interim_seconds, r.sessions_at,
    coalesce(e.acct_session_id, '')::text as session_id, e.address as session_address, coalesce(e.rate, '')::text as session_rate,
    coalesce(e.started_at, timestamptz '0001-01-01 00:00:00Z')::timestamptz as session_since,
    coalesce(e.seen_at, timestamptz '0001-01-01 00:00:00Z')::timestamptz as session_seen, e.ended_at as session_ended,
    (not exists (select 1 from provisions v where v.subscriber_id = s.id and v.done_gen < v.want_gen))::boolean as confirmed
from subscribers s join plans p on p.id = s.plan_id join routers r on r.id = s.router_id
    left join plans n on n.id = s.next_plan_id
    left join lateral (
        (select * from sessions o where o.router_id = s.router_id and o.username = s.username and o.ended_at is null
            order by o.seen_at desc limit 1)
        union all
        (select * from sessions o where o.router_id = s.router_id and o.username = s.username order by o.seen_at desc limit 1)
        limit 1) e on true
where s.id = (select c.id from (
    select 1 as rank, k.id from subscribers k where k.account_key = @account_key::text
    union all select 2, k.id from subscribers k where k.id = @id::bigint) c order by c.rank limit 1);
