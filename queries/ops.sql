-- name: CountActions :many
-- Commands that have not come to their end, by kind and state. Those that are applied wait for provisions; offset and
-- limit have each looked up by its id, because there are few of them among very many.
with waiting as materialized (
    select distinct l.action_id from provisions p
    cross join lateral (select n.action_id from action_provisions n where n.provision_id = p.id and n.gen > p.done_gen offset 0) l
    where p.done_gen < p.want_gen
)
select a.kind, a.state, count(*) as actions from actions a where a.state = 'accepted' group by a.kind, a.state
union all
select a.kind, a.state, count(*) as actions
from waiting w cross join lateral (select n.kind, n.state from actions n where n.id = w.action_id limit 1) a
where a.state = 'applied' group by a.kind, a.state;

-- name: OldestWaiting :one
-- Since when the oldest row waits on three of the four lists; the zero instant stands for none.
select coalesce((select d.received_at from deliveries d where d.processed_at is null order by d.id limit 1),
        timestamptz '0001-01-01 00:00:00Z')::timestamptz as delivery,
    coalesce((select min(a.accepted_at) from actions a where a.state = 'accepted'),
        timestamptz '0001-01-01 00:00:00Z')::timestamptz as action,
    coalesce((select s.due_at from subscribers s where s.due_at <= @now::timestamptz order by s.due_at, s.id limit 1),
        timestamptz '0001-01-01 00:00:00Z')::timestamptz as due;

-- name: RouterHealth :many
-- The routers in use with what waits for them, the one that keeps the most waiting first. Nobody calls a router before its next try.
select r.name, r.mode, r.failures, r.unreachable, r.last_error, r.last_contact_at, r.next_try_at, w.unconfirmed,
    coalesce(w.oldest, timestamptz '0001-01-01 00:00:00Z')::timestamptz as oldest
from routers r cross join lateral (
    select count(*) as unconfirmed, min(p.wanted_at)::timestamptz as oldest
    from provisions p where p.router_id = r.id and p.done_gen < p.want_gen) w
where r.archived_at is null
order by w.unconfirmed desc, r.name;

-- name: SourcesHeard :many
-- When each payment source was last heard of; the zero instant stands for never.
select s.name, coalesce((select d.received_at from deliveries d where d.source_id = s.id order by d.id desc limit 1),
    timestamptz '0001-01-01 00:00:00Z')::timestamptz as heard
from payment_sources s where s.archived_at is null order by s.name;

-- name: CountWaiting :one
-- How many rows wait on each of the four lists.
select (select count(*) from deliveries d where d.processed_at is null) as deliveries,
    (select count(*) from actions a where a.state = 'accepted') as actions,
    (select count(*) from subscribers s where s.due_at <= @now::timestamptz) as dues,
    (select count(*) from provisions p where p.done_gen < p.want_gen) as provisions,
    coalesce((select min(p.wanted_at) from provisions p where p.done_gen < p.want_gen),
        timestamptz '0001-01-01 00:00:00Z')::timestamptz as provision;

-- name: WhyDeliveriesWait :many
select d.last_error as problem, count(*) as rows from deliveries d
where d.processed_at is null and d.last_error <> ''
group by d.last_error order by 2 desc, 1 limit @most;

-- name: WhyProvisionsWait :many
-- What a router said about one user, or else why the whole router is not served.
select coalesce(nullif(p.last_error, ''), r.last_error)::text as problem, count(*) as rows
from provisions p join routers r on r.id = p.router_id
where p.done_gen < p.want_gen and (p.last_error <> '' or r.last_error <> '')
group by 1 order by 2 desc, 1 limit @most;

-- name: WhyDeliveriesCameToNothing :many
-- Among the newest only: ignored ones may be very many.
select s.name as source, d.state, d.last_error as problem, count(*) as rows, max(d.received_at)::timestamptz as latest
from (select * from deliveries q where q.state in ('failed', 'ignored') order by q.id desc limit 10000) d
join payment_sources s on s.id = d.source_id
where d.received_at >= @since::timestamptz
group by s.name, d.state, d.last_error order by 4 desc, 1, 2, 3 limit @most;

-- name: DeliveriesPage :many
-- Newest first, without the bodies. Zero and empty ask for all. The last condition lets what waits be found by its index.
select d.id, s.name as source, s.kind, d.call, d.state, d.attempts, d.last_error, d.received_at, d.processed_at, d.repeats,
    octet_length(d.body)::int as size,
    coalesce((select array_agg(p.id order by p.id) from payments p where p.delivery_id = d.id), '{}')::bigint[] as payments
from deliveries d join payment_sources s on s.id = d.source_id
where d.id < @before::bigint
  and (@source_id::bigint = 0 or d.source_id = @source_id)
  and (@state::text = '' or d.state = @state)
  and (@state <> 'received' or d.processed_at is null)
order by d.id desc limit @most;

-- name: DeliveryByID :one
select d.id, s.name as source, s.kind, d.call, d.state, d.attempts, d.last_error, d.received_at, d.processed_at, d.repeats,
    octet_length(d.body)::int as size,
    coalesce((select array_agg(p.id order by p.id) from payments p where p.delivery_id = d.id), '{}')::bigint[] as payments,
    d.body
from deliveries d join payment_sources s on s.id = d.source_id where d.id = @id;

-- name: SourceIDByName :one
select id from payment_sources where name = @name;

-- name: LockEndedDelivery :one
-- Against a second person who has it processed again.
select d.state, (d.body <> '')::boolean as readable, s.name as source
from deliveries d join payment_sources s on s.id = d.source_id where d.id = @id for update of d;

-- name: DeliveryMayBeTriedNow :exec
-- One that failed or was ignored is processed once more, as if it had just come in.
update deliveries set state = 'received', processed_at = null, last_error = '' where id = @id;

-- name: KeepHouse :one
-- One worker at a time, until the end of its transaction. The number is any that nothing else uses.
select pg_try_advisory_xact_lock(7215501);

-- name: EmptyBodies :many
-- What nothing came of is not kept with its names and phone numbers for ever. after is where the last look ended.
update deliveries d set body = '' where d.id in (
    select q.id from deliveries q
    where q.id > @after::bigint and q.state in ('failed', 'ignored') and q.received_at < @before::timestamptz and q.body <> ''
    order by q.id limit @most for update skip locked)
returning d.id;

-- name: DropPresence :exec
delete from presence where seen_at < @before::timestamptz;

-- name: DropOnlineCounts :exec
delete from online_counts where at < @before::timestamptz;

-- name: CountOnline :execrows
-- One row a router and instant, whichever worker is first.
insert into online_counts (at, router_id, online)
select @at::timestamptz, r.id, online_on(r, @now::timestamptz, sqlc.arg(intervals)::int)
from routers r where r.archived_at is null
on conflict (at, router_id) do nothing;

-- name: DropNobodys :exec
delete from nobodys_sign_ins where tried_at < @before::timestamptz;
