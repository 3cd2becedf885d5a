-- name: InsertAction :one
-- No row: the request was made before.
insert into actions (kind, subscriber_id, actor, source, request_key, arguments, state, accepted_at)
values (@kind, @subscriber_id::bigint, @actor, @source, nullif(@request_key::text, ''), @arguments, 'accepted', @accepted_at)
on conflict (request_key) do nothing
returning id;

-- name: NameRequest :exec
-- Of an action that was applied in the transaction that wrote it.
update actions set request_key = @request_key::text where id = @id;

-- name: ActionOfRequest :one
select * from actions where request_key = @request_key::text;

-- name: InsertAppliedActions :many
-- Actions that are applied in the transaction that writes them.
insert into actions (kind, subscriber_id, actor, source, state, accepted_at, applied_at)
select n.kind, n.subscriber_id, n.actor, n.source, 'applied', n.accepted_at, @now::timestamptz
from (select generate_subscripts(@kinds::text[], 1) as i, unnest(@kinds::text[]) as kind,
    unnest(@subscriber_ids::bigint[]) as subscriber_id, unnest(@actors::text[]) as actor,
    unnest(@sources::text[]) as source, unnest(@accepted_ats::timestamptz[]) as accepted_at) n
order by n.i
returning id, subscriber_id::bigint as subscriber_id;

-- name: AcceptedActions :many
-- The waiting commands of one subscriber, in the order they were given. Called under the lock of the account.
select * from actions where subscriber_id = @subscriber_id::bigint and state = 'accepted' order by id;

-- name: SubscriberOfAction :one
select subscriber_id::bigint as subscriber_id from actions where id = @id and state = 'accepted';

-- name: ActionsApplied :exec
-- A sealed password that an edit brought is with the account now.
update actions set state = 'applied', applied_at = @now::timestamptz, arguments = arguments - 'password_sealed'
where id = any(@ids::bigint[]) and state = 'accepted';

-- name: KeepForUndo :exec
-- What it takes to take an applied action back.
update actions set arguments = jsonb_set(arguments, '{kept}', @kept::jsonb) where id = @id;

-- name: UndoneAction :one
-- An action with whether it was taken back, and what was the first to move the paid time of the account since.
select sqlc.embed(a), exists (select 1 from actions u where u.subscriber_id = a.subscriber_id and u.id > a.id and u.kind = 'undo'
        and u.arguments ->> 'action' = a.id::text and (u.state in ('applied', 'confirmed') or @waiting::boolean and u.state = 'accepted')) as undone,
    coalesce((select v.summary from activity v where v.subscriber_id = a.subscriber_id and v.action_id <> a.id and v.after ?| array['expires_at', 'plan', 'next_plan', 'grace_until']
        and v.id > (select max(o.id) from activity o where o.action_id = a.id) order by v.id limit 1), '')::text as since
from actions a where a.id = @id;

-- name: ConfirmAtOnce :exec
-- Actions that changed nothing on a router are confirmed as soon as they are applied.
update actions set state = 'confirmed', confirmed_at = @now::timestamptz where id = any(@ids::bigint[]) and state = 'applied';

-- name: ActionRefused :exec
update actions set state = 'refused', refusal = @refusal where id = @id and state = 'accepted';

-- name: ActionByID :one
select * from actions where id = @id;

-- name: WaitingActions :many
-- The sweep of the second list.
select id, kind from actions where state = 'accepted' and accepted_at <= @older_than::timestamptz
order by subscriber_id, id limit @most;

-- name: LockSharedActions :exec
-- Actions that wait for more than these provisions. Two routers may confirm the last two parts of one at the same moment;
-- the second waits here, and the next statement of its transaction sees what the first has confirmed.
select a.id from action_provisions mine
join action_provisions other on other.action_id = mine.action_id and other.provision_id <> mine.provision_id
join actions a on a.id = mine.action_id and a.state = 'applied'
where mine.provision_id = any(@provision_ids::bigint[])
order by a.id for update of a;

-- name: ConfirmActions :many
-- Confirms every applied action all of whose provisions have reached the generation that it set.
update actions a set state = 'confirmed', confirmed_at = @now::timestamptz
where a.state = 'applied'
  and a.id in (select ap.action_id from action_provisions ap where ap.provision_id = any(@provision_ids::bigint[]))
  and not exists (select 1 from action_provisions ap join provisions p on p.id = ap.provision_id
      where ap.action_id = a.id and p.done_gen < ap.gen)
returning a.id, a.kind, coalesce(a.subscriber_id, 0)::bigint as subscriber_id, a.accepted_at, a.applied_at;
