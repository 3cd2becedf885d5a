-- What the pages of the console show beside the lists: the timeline of an account, who looks at it, and the home page.

-- name: TimelineActivity :many
-- In the order of the ids, which is that of the instants except where transactions overtook each other.
select sqlc.embed(a) from activity a
where a.subscriber_id = @subscriber_id and (a.at, a.id) < (@before::timestamptz, @before_id::bigint)
order by a.id desc limit @most;

-- name: TimelineActivityOf :many
-- A query of its own, because PostgreSQL plans one that may leave a condition out anew each time.
select sqlc.embed(a) from activity a
where a.subscriber_id = @subscriber_id and (a.at, a.id) < (@before::timestamptz, @before_id::bigint)
  and (cardinality(@kinds::text[]) = 0 or a.kind = any(@kinds::text[])) and a.kind <> all(@but::text[])
order by a.id desc limit @most;

-- name: TimelineDeliveries :many
-- The webhooks that told of the payments of an account, the first time and again. Of a part it told when it told of the whole.
with told as materialized (
    select p.id, p.provider, p.merchant, coalesce(w.transaction_id, p.transaction_id) as transaction_id,
        coalesce(w.delivery_id, p.delivery_id) as delivery_id, coalesce(w.amount_minor, p.amount_minor) as amount_minor,
        p.amount_minor as part_minor, p.currency
    from (select n.* from payments n where n.subscriber_id = @subscriber_id::bigint and n.received_at <= @before::timestamptz
            order by n.id desc limit @reach) p
        left join payments w on w.id = p.split_of
), calls as (
    select t.delivery_id as call_id, false as again, t.id, t.provider, t.merchant, t.transaction_id, t.amount_minor, t.part_minor, t.currency
    from told t where t.delivery_id is not null
    union all
    select r.id as call_id, true as again, t.id, t.provider, t.merchant, t.transaction_id, t.amount_minor, t.part_minor, t.currency
    from told t join deliveries r on r.repeats = t.transaction_id and r.repeats <> ''
)
select d.id, d.received_at, s.name as source, c.again, c.id as payment_id, c.transaction_id, c.amount_minor, c.part_minor, c.currency,
    coalesce((select l.action_id from ledger_entries l where l.payment_id = c.id and l.kind = 'payment'
        order by l.allocation desc limit 1), 0)::bigint as action_id
from calls c join deliveries d on d.id = c.call_id
    join payment_sources s on s.id = d.source_id and (not c.again or s.kind = c.provider and s.merchant = c.merchant)
where (d.received_at, d.id, c.id) < (@before::timestamptz, @before_id::bigint, @before_of::bigint)
order by d.received_at desc, d.id desc, c.id desc limit @most;

-- name: TimelineAnswers :many
-- What the routers answered to the actions of an account. A generation that several actions wanted is told once, with the
-- first of them; an action that was confirmed as it was applied asked nothing of a router. Of a provision only the last
-- confirmation is known: it is this one as long as no later generation was confirmed. Looked through are the newest actions, or
-- the newest that had to be confirmed.
select a.id as action_id, a.kind, a.accepted_at, p.id as provision_id, p.username, r.name as router,
    (p.subscriber_id is distinct from a.subscriber_id)::boolean as was_left, (p.done_gen >= ap.gen)::boolean as confirmed, h.at::timestamptz as at,
    (case when p.last_error <> '' then p.last_error else r.last_error end)::text as last_error
from (select n.* from (select t.* from actions t
            where t.subscriber_id = @subscriber_id::bigint and t.accepted_at <= @before::timestamptz
              and (@any_action::boolean or t.state in ('applied', 'confirmed') and t.confirmed_at is distinct from t.applied_at
                  and t.kind <> all(@but::text[]))
            order by t.id desc limit @reach) n
        where n.state in ('applied', 'confirmed') and n.confirmed_at is distinct from n.applied_at) a
    join action_provisions ap on ap.action_id = a.id
    join provisions p on p.id = ap.provision_id join routers r on r.id = p.router_id
    cross join lateral (select greatest(a.applied_at, case when p.done_gen < ap.gen then a.applied_at
        when p.done_gen = ap.gen then least(p.confirmed_at, a.confirmed_at)
        else coalesce(a.confirmed_at, p.confirmed_at) end) as at) h
where (h.at, a.id, p.id) < (@before::timestamptz, @before_id::bigint, @before_of::bigint)
  and not exists (select 1 from action_provisions e
      where e.provision_id = ap.provision_id and e.gen = ap.gen and e.action_id < ap.action_id)
order by h.at desc, a.id desc, p.id desc limit @most;

-- name: TimelineSessions :many
-- The sessions of a subscriber since it has its user name on its router; before, the name may have been somebody
-- else's. One that was seen after the instant may have begun before it: of those that follow each other that is one.
with place as materialized (
    select s.router_id, s.username, coalesce((select v.at - interval '1 minute' from activity v where v.subscriber_id = s.id
            and (v.kind = 'create' or v.after ->> 'username' is not null or v.after ->> 'router' is not null)
        order by v.id desc limit 1), timestamptz '0001-01-01 00:00:00Z') as since
    from subscribers s where s.id = @subscriber_id
)
select n.router_id, n.acct_session_id, n.address, n.rate, n.started_at, n.ended_at, n.end_cause
from place w cross join lateral (
    (select * from sessions o where o.router_id = w.router_id and o.username = w.username and o.seen_at <= @before::timestamptz
        order by o.seen_at desc limit @most)
    union all
    (select * from sessions o where o.router_id = w.router_id and o.username = w.username and o.seen_at > @before::timestamptz
        order by o.seen_at limit @most)) n
where n.started_at >= w.since and n.started_at <= @before::timestamptz;

-- name: ServiceGiven :many
-- The actions that may have brought a customer back, among the newest of the account until an instant.
select n.id, n.kind, n.accepted_at from (select a.* from actions a
        where a.subscriber_id = @subscriber_id::bigint and a.accepted_at <= @until::timestamptz order by a.id desc limit @reach) n
where n.kind in ('payment', 'reconnect', 'extend') and n.state in ('applied', 'confirmed');

-- name: UndoneActions :many
-- Which actions of an account were taken back, of late.
select (u.arguments ->> 'action')::bigint from actions u
where u.subscriber_id = @subscriber_id::bigint and u.kind = 'undo' and u.state in ('applied', 'confirmed')
order by u.id desc limit 1000;

-- name: RecentActions :many
-- The newest actions of an account that are not at their end or were given since an instant. Those that wait for a router are found
-- by what it has not confirmed. An expiry that changed nothing has no line of activity.
select a.* from actions a
where a.id in (
    select n.id from (select t.id, t.state, t.accepted_at from actions t where t.subscriber_id = @subscriber_id::bigint order by t.id desc limit 40) n
        where n.state in ('accepted', 'applied') or n.accepted_at >= @since::timestamptz
    union
    select t.id from actions t where t.subscriber_id = @subscriber_id::bigint and t.state = 'accepted'
    union
    select ap.action_id from provisions p join action_provisions ap on ap.provision_id = p.id and ap.gen > p.done_gen
        where p.subscriber_id = @subscriber_id::bigint and p.done_gen < p.want_gen)
  and a.subscriber_id = @subscriber_id::bigint
  and (a.state in ('accepted', 'applied') or a.accepted_at >= @since::timestamptz)
  and (a.kind <> 'expire' or exists (select 1 from activity v where v.action_id = a.id))
order by a.id desc limit @most;

-- name: LookAtSubscriber :exec
-- Says that somebody looks at an account. What somebody is about to do stands for a minute; until then it is not overwritten by a
-- look.
insert into presence as p (subscriber_id, staff_id, doing, seen_at) values (@subscriber_id, @staff_id, @doing, @now::timestamptz)
on conflict (subscriber_id, staff_id) do update set doing = excluded.doing, seen_at = excluded.seen_at
    where excluded.doing <> '' or p.doing = '' or p.seen_at <= @doing_since::timestamptz;

-- name: WhoLooks :many
-- Who else looks at an account, or is about to do something there.
select t.name, case when o.seen_at > @doing_since::timestamptz then o.doing else '' end::text as doing, o.seen_at
from presence o join staff t on t.id = o.staff_id and t.removed_at is null
where o.subscriber_id = @subscriber_id and o.staff_id <> @staff_id
  and (o.seen_at > @seen_since::timestamptz or o.doing <> '' and o.seen_at > @doing_since::timestamptz)
order by t.name, o.staff_id;

-- name: LookAway :exec
delete from presence where subscriber_id = @subscriber_id and staff_id = @staff_id;

-- name: OnlineByRouter :many
-- How many customers of each router are online.
select r.name, online_on(r, @now::timestamptz, sqlc.arg(intervals)::int)::bigint as online from routers r where r.archived_at is null;

-- name: HomeCounts :one
-- Numbers of accounts, each counted as the list behind it would show them, and no further than to a bound.
select (select count(*) from (select 1 from subscribers s
        where passes(s, 'suspended', 0, 0, null, @now::timestamptz) limit @most) n) as suspended,
    (select count(*) from (select 1 from subscribers s
        where s.grace_until > @now::timestamptz and passes(s, 'grace', 0, 0, null, @now::timestamptz) limit @most) n) as grace,
    e.soon, e.later
from (select count(*) filter (where n.expires_at <= @soon::timestamptz) as soon, count(*) as later
    from (select s.expires_at from subscribers s where s.expires_at > @now::timestamptz
            and passes(s, '', 0, 0, @later::timestamptz, @now::timestamptz)
        order by s.expires_at limit @most) n) e;

-- name: TakenSince :many
-- Money that came in and was not taken back; of a payment that was split, its parts.
select p.currency, count(*) as payments, sum(p.amount_minor)::bigint as amount_minor
from payments p where p.received_at >= @since::timestamptz and p.reversed_at is null and p.split_at is null
group by p.currency order by p.currency;

-- name: UnallocatedMoney :many
select p.currency, count(*) as payments, sum(p.amount_minor)::bigint as amount_minor
from payments p where p.subscriber_id is null and p.reversed_at is null and p.split_at is null
group by p.currency order by p.currency;

-- name: PaidUnconfirmed :one
-- Accounts that paid and whose router has not confirmed what the payment changed, among the first that wait for a router.
with waiting as materialized (select v.id, v.done_gen from provisions v where v.done_gen < v.want_gen limit @most)
select count(*) as accounts, coalesce(min(n.accepted_at), timestamptz '0001-01-01 00:00:00Z')::timestamptz as oldest,
    (select count(*) from waiting) as looked
from (select a.subscriber_id, min(a.accepted_at) as accepted_at
    -- The limits keep the planner from reading all actions: it does not see how few of them wait.
    from waiting p cross join lateral (select l.action_id from action_provisions l
            where l.provision_id = p.id and l.gen > p.done_gen limit 1000) l
        cross join lateral (select * from actions t where t.id = l.action_id and t.state = 'applied' and t.kind = 'payment' limit 1) a
    group by a.subscriber_id) n;

-- name: OldestUnfinished :many
-- The oldest row of each of the four lists of unfinished work, as far as they have one.
(select 1 as list, d.received_at::timestamptz as since, ''::text as account, s.name::text as what, d.last_error::text as problem
    from deliveries d join payment_sources s on s.id = d.source_id where d.processed_at is null order by d.id limit 1)
union all
(select 2, a.accepted_at, s.account, a.kind, '' from actions a join subscribers s on s.id = a.subscriber_id
    where a.state = 'accepted' order by a.accepted_at, a.id limit 1)
union all
(select 3, s.due_at, s.account, '', '' from subscribers s where s.due_at <= @now::timestamptz order by s.due_at, s.id limit 1)
union all
(select 4, p.wanted_at, coalesce(s.account, ''), r.name, case when p.last_error <> '' then p.last_error else r.last_error end
    from routers r cross join lateral (
        select * from provisions v where v.router_id = r.id and v.done_gen < v.want_gen order by v.wanted_at limit 1) p
    left join subscribers s on s.id = p.subscriber_id order by p.wanted_at, p.id limit 1);

-- name: PaymentsPerDay :many
select to_char(p.received_at at time zone @zone::text, 'YYYY-MM-DD') as day, count(*) as payments, sum(p.amount_minor)::bigint as amount_minor
from payments p where p.received_at >= @since::timestamptz and p.currency = @currency and p.reversed_at is null and p.split_at is null
group by 1 order by 1;

-- name: OnlineOverTime :many
select c.at, sum(c.online)::bigint as online from online_counts c where c.at >= @since::timestamptz group by c.at order by c.at;

-- name: ConfirmationPerDay :many
-- How long payments took from the webhook to the confirmation of the router, in seconds.
select to_char(a.accepted_at at time zone @zone::text, 'YYYY-MM-DD') as day, count(*) as payments,
    percentile_cont(0.5) within group (order by extract(epoch from a.confirmed_at - a.accepted_at))::float8 as median,
    percentile_cont(0.95) within group (order by extract(epoch from a.confirmed_at - a.accepted_at))::float8 as p95
from actions a where a.accepted_at >= @since::timestamptz and a.kind = 'payment' and a.state = 'confirmed'
group by 1 order by 1;
