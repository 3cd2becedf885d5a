-- name: SessionSeen :exec
-- Accounting start or interim; repeated and reordered records change nothing that a later one has said.
insert into sessions as s (router_id, acct_session_id, username, address, calling_station, rate, started_at, seen_at,
    input_octets, output_octets)
values (@router_id, @acct_session_id, @username, @address, @calling_station, @rate, @started_at, @seen_at,
    @input_octets, @output_octets)
on conflict (router_id, acct_session_id) do update set
    address = coalesce(excluded.address, s.address),
    started_at = least(s.started_at, excluded.started_at),
    seen_at = greatest(s.seen_at, excluded.seen_at),
    input_octets = greatest(s.input_octets, excluded.input_octets),
    output_octets = greatest(s.output_octets, excluded.output_octets);

-- name: CloseOlderSessions :exec
-- A new start of the same user means that the stop of the old session was lost.
update sessions set ended_at = @at::timestamptz, end_cause = 'replaced'
where router_id = @router_id and username = @username and acct_session_id <> @acct_session_id
  and ended_at is null and started_at <= @at::timestamptz;

-- name: SessionStopped :exec
insert into sessions as s (router_id, acct_session_id, username, address, calling_station, started_at, seen_at, ended_at,
    end_cause, input_octets, output_octets)
values (@router_id, @acct_session_id, @username, @address, @calling_station, @started_at, @at::timestamptz,
    @at::timestamptz, @end_cause, @input_octets, @output_octets)
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

-- name: SessionsHaveRate :exec
-- The router has confirmed the rate of these users' sessions. Without an API there is no other record of it.
update sessions s set rate = w.rate
from (select unnest(@usernames::text[]) as username, unnest(@rates::text[]) as rate) w
where s.router_id = @router_id and s.username = w.username and s.ended_at is null;
