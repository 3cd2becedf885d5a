-- +goose Up

-- People who sign in to the console.
create table staff (
    id             bigint generated always as identity primary key,
    -- What they type: an e-mail address or a short name, in lower case.
    login          text        not null check (login = lower(btrim(login)) and length(login) between 1 and 100),
    name           text        not null check (name = btrim(name) and length(name) between 1 and 100),
    role           text        not null check (role in ('owner', 'manager', 'support', 'viewer', 'ops')),
    -- argon2id, in the form of the PHC string format.
    password_hash  text        not null check (password_hash like '$argon2id$%'),
    -- The password was chosen by somebody else, and has to be changed before anything else.
    must_change    boolean     not null default true,
    -- The secret of the second factor (RFC 6238); null: there is none.
    totp_sealed    bytea,
    -- The last time step whose code was used: a code counts once (RFC 6238 §5.2).
    totp_step      bigint      not null default 0,
    failures       integer     not null default 0 check (failures >= 0),
    locked_until   timestamptz,
    -- Sessions of an earlier generation are over: after signing out everywhere, a new password, another role.
    generation     bigint      not null default 1,
    last_sign_in_at timestamptz,
    removed_at     timestamptz,
    created_at     timestamptz not null
);
-- Somebody who left may come back.
create unique index staff_login_key on staff (login) where removed_at is null;

-- Sessions of the console. A cookie holds the token, the table only its hash.
create table staff_sessions (
    token_hash bytea       primary key check (length(token_hash) = 32),
    data       bytea       not null,
    expires_at timestamptz not null
);
create index staff_sessions_expired on staff_sessions (expires_at);

-- Wrong sign-ins of logins that are nobody's, counted as those of a person are, so that a lock does not tell who is there.
-- A login is not stored: somebody may have typed a password in its place. Its bucket is a few bits of a hash that nobody
-- outside can compute, and there are no more rows than buckets.
create table nobodys_sign_ins (
    bucket       integer     primary key check (bucket between 0 and 1048575),
    failures     integer     not null default 0 check (failures >= 0),
    locked_until timestamptz,
    tried_at     timestamptz not null
);
create index nobodys_sign_ins_tried on nobodys_sign_ins (tried_at);
-- +goose StatementBegin
create function nobodys_bucket(login text) returns integer language sql stable parallel safe as $$
    select ('x' || left(encode(sha256(salt || convert_to('login' || chr(10) || login, 'UTF8')), 'hex'), 5))::bit(20)::integer from money_salt;
$$;
-- +goose StatementEnd

-- Who looks at which account at this moment. Unlogged: worth nothing after a crash.
create unlogged table presence (
    subscriber_id bigint      not null,
    staff_id      bigint      not null,
    -- What the person is about to do, in the words of the button; empty: only looks.
    doing         text        not null default '',
    seen_at       timestamptz not null,
    primary key (subscriber_id, staff_id)
);

-- How many customers were online, every few minutes and router.
create table online_counts (
    at        timestamptz not null,
    router_id bigint      not null references routers,
    online    integer     not null check (online >= 0),
    primary key (at, router_id)
);

-- How many customers of a router are online: those with a session that has not ended and of which the router was heard
-- within so many of its intervals, by a record of the session or a list of all of them. This is the rule of package console
-- (viewConnection), and everything that counts who is online counts by it. Where all sessions were listed of late, indexes
-- alone answer.
-- +goose StatementBegin
create function online_on(r routers, at timestamptz, intervals integer) returns bigint language sql stable parallel safe as $$
    select case when r.sessions_at >= w.heard then (
            select count(distinct o.username) from sessions o join subscribers s on s.router_id = o.router_id and s.username = o.username
            where o.router_id = r.id and o.ended_at is null)
        else (
            select count(distinct o.username) from sessions o join subscribers s on s.router_id = o.router_id and s.username = o.username
            where o.router_id = r.id and o.ended_at is null and o.seen_at >= w.heard)
        end
    from (select at - r.interim_seconds * interval '1 second' * intervals as heard) w;
$$;
-- +goose StatementEnd

-- The charts of the home page look at days; rows of a day lie together, and such an index costs a payment next to nothing.
create index payments_received on payments using brin (received_at) with (pages_per_range = 16);
-- Since when an account has its user name on its router, and what was taken back on it.
create index activity_moved on activity (subscriber_id, id)
    where kind = 'create' or after ->> 'username' is not null or after ->> 'router' is not null;
create index actions_undo on actions (subscriber_id, id) where kind = 'undo';
create index actions_when on actions using brin (accepted_at) with (pages_per_range = 16);
create index deliveries_of_source on deliveries (source_id, id);
create index deliveries_in_question on deliveries (id) where state in ('failed', 'ignored');

-- +goose Down
drop index activity_moved, actions_undo, deliveries_in_question, deliveries_of_source, actions_when, payments_received;
drop function online_on, nobodys_bucket;
drop table online_counts, presence, nobodys_sign_ins, staff_sessions, staff;
