-- name: WantLines :many
-- Sets what routers should hold. A generation grows only when that differs from what was wanted before; such a row alone
-- is returned. In the order of router and user name, as everything that locks provisions.
insert into provisions as p (router_id, username, subscriber_id, state, rate, pool, address, address_list, credential_gen, wanted_at)
select n.router_id, n.username, nullif(n.subscriber_id, 0), n.state, n.rate, n.pool, n.address, n.address_list, n.credential_gen,
    @now::timestamptz
from (select unnest(@router_ids::bigint[]) as router_id, unnest(@usernames::text[]) as username,
    unnest(@subscriber_ids::bigint[]) as subscriber_id, unnest(@states::text[]) as state, unnest(@rates::text[]) as rate,
    unnest(@pools::text[]) as pool, unnest(@addresses::text[]) as address,
    unnest(@address_lists::text[]) as address_list, unnest(@credential_gens::bigint[]) as credential_gen) n
order by n.router_id, n.username
on conflict (router_id, username) do update set
    subscriber_id = excluded.subscriber_id, state = excluded.state, rate = excluded.rate, pool = excluded.pool,
    address = excluded.address, address_list = excluded.address_list, credential_gen = excluded.credential_gen,
    want_gen = p.want_gen + 1, wanted_at = excluded.wanted_at, attempts = 0, next_try_at = null
where (p.subscriber_id, p.state, p.rate, p.pool, p.address, p.address_list, p.credential_gen) is distinct from
    (excluded.subscriber_id, excluded.state, excluded.rate, excluded.pool, excluded.address, excluded.address_list,
        excluded.credential_gen)
returning id, router_id, username, want_gen, done_gen;

-- name: ProvisionsOf :many
select p.id, p.router_id, p.username, p.want_gen, p.done_gen
from provisions p join (select unnest(@router_ids::bigint[]) as router_id, unnest(@usernames::text[]) as username) n
    on p.router_id = n.router_id and p.username = n.username;

-- name: LinkActions :exec
insert into action_provisions (action_id, provision_id, gen)
select unnest(@action_ids::bigint[]), unnest(@provision_ids::bigint[]), unnest(@gens::bigint[]);

-- name: UnconfirmedProvisions :many
-- What a router still has to be driven to, oldest first, with the password to write.
select p.id, p.username, p.state, p.rate, p.pool, p.address, p.address_list, p.credential_gen, p.want_gen, p.attempts, p.wanted_at,
    s.id as subscriber_id, s.password_sealed
from provisions p left join subscribers s on s.id = p.subscriber_id
where p.router_id = @router_id and p.done_gen < p.want_gen
  and (p.next_try_at is null or p.next_try_at <= @now::timestamptz)
order by p.wanted_at limit @most;

-- name: LockProvisions :exec
-- For update, in the order of router and user name: a payment may be changing what is wanted of several at the moment.
select id from provisions where id = any(@ids::bigint[]) order by router_id, username for update;

-- name: ConfirmProvisions :exec
-- The generation that was confirmed, which may be older than the one that is wanted by now.
update provisions p set done_gen = d.gen, confirmed_at = @now::timestamptz, attempts = 0, next_try_at = null, last_error = ''
from (select unnest(@ids::bigint[]) as id, unnest(@gens::bigint[]) as gen) d
where p.id = d.id and p.done_gen < d.gen;

-- name: DropTombstones :exec
-- Credentials that have left their router for good leave no trace here either.
with gone as (
    delete from provisions p
    where p.id = any(@ids::bigint[]) and p.state = 'absent' and p.subscriber_id is null and p.done_gen = p.want_gen
    returning p.router_id, p.username
)
delete from sessions s using gone g where s.router_id = g.router_id and s.username = g.username;

-- name: ProvisionFailed :exec
update provisions set attempts = attempts + 1, next_try_at = @next_try_at::timestamptz, last_error = @last_error
where id = @id and want_gen = @gen;

-- name: NextProvisionTry :one
-- When the earliest unconfirmed provision of a router may be tried again, and how many there are; no row: none.
select min(coalesce(next_try_at, wanted_at))::timestamptz as at, count(*) as count, max(last_error)::text as last_error
from provisions where router_id = @router_id and done_gen < want_gen having count(*) > 0;

-- name: LookAgain :exec
-- Makes a confirmed provision be looked at once more, because the router showed something else.
update provisions set want_gen = want_gen + 1, wanted_at = @now::timestamptz, next_try_at = null
where router_id = @router_id and username = @username and done_gen = want_gen;

-- name: CountUnconfirmed :many
select r.name, count(*) as unconfirmed, extract(epoch from now() - min(p.wanted_at))::float8 as oldest_seconds
from provisions p join routers r on r.id = p.router_id
where p.done_gen < p.want_gen group by r.name;
