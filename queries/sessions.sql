-- name: SessionSeen :one
-- Accounting start or interim; repeated and reordered records change nothing that a later one has said.
-- Of a name that is nobody's, and that no router should hold, nothing is kept; no row.
-- A session is given what the line was at its Access-Accept, a moment before it begins and accounting tells of it. Of one that
-- is new, and whose line changed later than shortly before it began, that is unknown, and whoever drove the change may not have
-- met it: the line is looked at again, also if a look is under way. Both instants are of clocks of Qserve (a begin is counted
-- back from when it was told); the minute is for the dial and for what the clocks differ.
-- It ends by itself: wanted_at stays, and who dials again after a session that lived later than that was let in later still.
-- Otherwise a router that refuses the change, so that the session has to end, would be made to end the next one as well.
-- Nor is anything in doubt of a line that has not changed since it came to be.
with unsure as (
    update provisions p set want_gen = p.want_gen + 1, next_try_at = null
    where p.router_id = @router_id::bigint and p.username = @username::text and p.want_gen > 1
      and p.wanted_at + interval '1 minute' > @started_at::timestamptz
      and not exists (select 1 from sessions o where o.router_id = p.router_id and o.username = p.username
        and (o.acct_session_id = @acct_session_id::text or greatest(o.started_at, o.ended_at) > p.wanted_at))
    returning p.id
)
insert into sessions as s (router_id, acct_session_id, username, address, calling_station, rate, address_list, started_at,
    seen_at, input_octets, output_octets)
select @router_id::bigint, @acct_session_id::text, @username::text, @address, @calling_station::text,
    case when exists (select 1 from unsure) then '' else @rate::text end,
    @address_list::text, @started_at::timestamptz, @seen_at::timestamptz, @input_octets::bigint, @output_octets::bigint
where exists (select 1 from provisions p where p.router_id = @router_id and p.username = @username)
on conflict (router_id, acct_session_id) do update set
    address = coalesce(excluded.address, s.address),
    started_at = least(s.started_at, excluded.started_at),
    seen_at = greatest(s.seen_at, excluded.seen_at),
    input_octets = greatest(s.input_octets, excluded.input_octets),
    output_octets = greatest(s.output_octets, excluded.output_octets)
returning exists (select 1 from unsure) as unsure,
    coalesce((select max(a.action_id) from action_provisions a join unsure u on u.id = a.provision_id), 0)::bigint as action_id;

-- name: CloseOlderSessions :exec
-- A new start of the same user means that the stop of the old session was lost.
update sessions set ended_at = @at::timestamptz, end_cause = 'replaced'
where router_id = @router_id and username = @username and acct_session_id <> @acct_session_id
  and ended_at is null and started_at <= @at::timestamptz;

-- name: SessionStopped :exec
insert into sessions as s (router_id, acct_session_id, username, address, calling_station, started_at, seen_at, ended_at,
    end_cause, input_octets, output_octets)
select @router_id::bigint, @acct_session_id::text, @username::text, @address, @calling_station::text, @started_at::timestamptz,
    @at::timestamptz, @at::timestamptz, @end_cause::text, @input_octets::bigint, @output_octets::bigint
where exists (select 1 from provisions p where p.router_id = @router_id and p.username = @username)
on conflict (router_id, acct_session_id) do update set
    seen_at = greatest(s.seen_at, excluded.seen_at), ended_at = excluded.ended_at, end_cause = excluded.end_cause,
    input_octets = greatest(s.input_octets, excluded.input_octets),
    output_octets = greatest(s.output_octets, excluded.output_octets);

-- name: CloseAllSessions :exec
-- The router came up or goes down (Accounting-On, Accounting-Off): none of its sessions lives.
update sessions set ended_at = @at::timestamptz, end_cause = @end_cause
where router_id = @router_id and ended_at is null and started_at <= @at::timestamptz;

-- name: OpenSessions :many
select * from sessions where router_id = @router_id and username = @username and ended_at is null order by started_at;

-- name: DoubtSessions :exec
-- A change of these sessions is about to be asked of a router that cannot be looked at. Until it confirms one, their rate is
-- unknown; those that are in no address list may come to be in this one.
update sessions set rate = '', address_list = case when address_list = '' then @address_list::text else address_list end
where router_id = @router_id and username = @username and ended_at is null
  and (rate <> '' or address_list = '' and @address_list::text <> '');

-- name: SessionsHaveRate :exec
-- The router has confirmed the rate and the address list of the sessions of these users. A generation that is not wanted any
-- more says nothing: whoever drives the router by now may have changed the sessions since.
update sessions s set rate = w.rate, address_list = w.address_list
from (select unnest(@usernames::text[]) as username, unnest(@gens::bigint[]) as gen, unnest(@rates::text[]) as rate,
    unnest(@address_lists::text[]) as address_list) w
join provisions p on p.router_id = @router_id and p.username = w.username and p.want_gen = w.gen
where s.router_id = @router_id and s.username = w.username and s.ended_at is null
  and (s.rate, s.address_list) is distinct from (w.rate, w.address_list);

-- name: SessionsGone :exec
-- The router has confirmed that it runs no session of these users. A generation that is not wanted any more says nothing of
-- those that have begun since.
update sessions s set ended_at = @at::timestamptz, end_cause = 'ended by Qserve'
from (select unnest(@usernames::text[]) as username, unnest(@gens::bigint[]) as gen) w
where s.router_id = @router_id and s.username = w.username and s.ended_at is null
  and not exists (select 1 from provisions p where p.router_id = @router_id and p.username = w.username and p.want_gen > w.gen);

-- name: RoutersToList :many
-- Routers whose sessions have not been listed for a while. Where the router is the only one who knows (mode local) that is
-- soon, and sooner after it was changed; elsewhere accounting tells, and the list mends what was lost of it.
select r.id from routers r
where r.api_address <> '' and r.archived_at is null and (r.next_try_at is null or r.next_try_at <= @now::timestamptz)
  and (r.sessions_at is null
    or r.mode = 'local' and (r.sessions_at < @stale::timestamptz
        or r.last_contact_at > r.sessions_at and r.sessions_at < @soon::timestamptz)
    or r.sessions_at < @very_stale::timestamptz)
order by r.sessions_at nulls first limit @most;

-- name: SessionsListed :exec
-- What a router of mode local runs at this moment, of the names that it should hold.
insert into sessions as s (router_id, acct_session_id, username, address, rate, address_list, started_at, seen_at)
select p.router_id, n.acct_session_id, n.username, nullif(n.address, '')::inet, n.rate, n.address_list, n.started_at, @at::timestamptz
from (select unnest(@acct_session_ids::text[]) as acct_session_id, unnest(@usernames::text[]) as username,
    unnest(@addresses::text[]) as address, unnest(@rates::text[]) as rate, unnest(@address_lists::text[]) as address_list,
    unnest(@started_ats::timestamptz[]) as started_at) n
join provisions p on p.router_id = @router_id::bigint and p.username = n.username
on conflict (router_id, acct_session_id) do update set
    address = excluded.address, rate = excluded.rate, address_list = excluded.address_list, seen_at = excluded.seen_at,
    started_at = case when s.ended_at is null then least(s.started_at, excluded.started_at) else excluded.started_at end,
    ended_at = null, end_cause = '';

-- name: CloseUnlisted :exec
-- Sessions that the router does not list any more, other than those that began while it was being asked.
update sessions set ended_at = @at::timestamptz, end_cause = 'not listed by the router'
where router_id = @router_id and ended_at is null and seen_at < @at::timestamptz and started_at < @at::timestamptz
  and (not (username = any(@usernames::text[])) or @exact::boolean and not (acct_session_id = any(@acct_session_ids::text[])));

-- name: RouterListed :exec
update routers set sessions_at = @at::timestamptz where id = @id;

-- name: RouterByID :one
select * from routers where id = @id;

-- name: GardenInUse :one
-- Whether customers may come to be in the garden; those on a plan that is sold no more too.
select exists (select 1 from plans where on_expiry = 'garden');
