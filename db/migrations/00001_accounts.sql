-- +goose Up

-- What is sold. A plan in use is archived, never deleted.
create table plans (
    id             bigint generated always as identity primary key,
    name           text        not null unique check (name = btrim(name) and length(name) between 1 and 100),
    rate           text        not null check (length(rate) between 1 and 247),
    duration_count integer     not null check (duration_count > 0),
    duration_unit  text        not null check (duration_unit in ('hours', 'days', 'months')),
    price_minor    bigint      not null check (price_minor > 0),
    currency       text        not null check (currency ~ '^[A-Z]{3}$'),
    on_expiry      text        not null default 'cut' check (on_expiry in ('cut')),
    pool           text        not null default '',
    archived_at    timestamptz,
    created_at     timestamptz not null default now()
);

create table routers (
    id                        bigint generated always as identity primary key,
    name                      text    not null unique check (name = btrim(name) and length(name) between 1 and 100),
    mode                      text    not null check (mode in ('local', 'radius')),
    -- Grows with every change of a setting, so that a worker drops a connection made with the old ones.
    revision                  bigint  not null default 1,
    api_address               text    not null default '',
    api_user                  text    not null default '',
    api_password_sealed       bytea,
    api_plain                 boolean not null default false,
    api_pin_sha256            bytea check (length(api_pin_sha256) = 32),
    api_ca_pem                text,
    -- The source address of the router's RADIUS requests; it tells one router from another there.
    nas_address               inet unique,
    coa_address               text    not null default '',
    radius_secret_sealed      bytea,
    coa_message_authenticator boolean not null default false,
    coa_event_timestamp       boolean not null default false,
    local_address             text    not null default '',
    pool                      text    not null default '',
    interim_seconds           integer not null default 300 check (interim_seconds between 60 and 86400),
    -- The breaker: while next_try_at lies ahead, nobody calls the router.
    failures                  integer not null default 0,
    -- The last failure was that nothing answered: then a sign of life is worth an attempt before next_try_at.
    unreachable               boolean not null default false,
    next_try_at               timestamptz,
    last_error                text    not null default '',
    last_contact_at           timestamptz,
    archived_at               timestamptz,
    created_at                timestamptz not null default now(),
    constraint local_mode_needs_the_api check (mode <> 'local' or api_address <> ''),
    constraint radius_mode_needs_a_secret_and_addresses
        check (mode <> 'radius' or (radius_secret_sealed is not null and nas_address is not null and coa_address <> '')),
    constraint the_api_needs_tls_unless_plain_is_asked_for
        check (api_address = '' or api_plain or api_pin_sha256 is not null or api_ca_pem is not null)
);

-- Who drives a router at this moment. Unlogged: a lease is worth nothing after a crash, and costs no disk before one.
create unlogged table router_leases (
    router_id bigint      not null primary key,
    owner     text        not null,
    until     timestamptz not null
);

create table subscribers (
    id                  bigint generated always as identity primary key,
    account             text   not null unique check (length(account) between 1 and 40),
    -- The account number as people type it: letters and digits only (account.NormalizeReference is the same rule).
    account_key         text   not null unique
        generated always as (upper(regexp_replace(account, '[^A-Za-z0-9]', '', 'g') collate "C")) stored
        check (account_key <> ''),
    name                text   not null check (length(name) between 1 and 200),
    phone               text   not null default '' check (phone = '' or phone ~ '^\+[0-9]{6,15}$'),
    -- Safaricom sends the payer's number as SHA-256 of its digits (C2B version 1).
    phone_hash          text generated always as
        (case when phone = '' then null else encode(sha256(ltrim(phone, '+')::bytea), 'hex') end) stored,
    email               text   not null default '',
    address             text   not null default '',
    router_id           bigint not null references routers,
    username            text   not null check (length(username) between 1 and 253),
    password_sealed     bytea  not null,
    credential_gen      bigint not null default 1,
    fixed_address       inet,
    plan_id             bigint not null references plans,
    currency            text   not null check (currency ~ '^[A-Z]{3}$'),
    -- Moved by the ledger's trigger, and by nothing else: see balance_is_the_ledgers.
    balance_minor       bigint not null default 0,
    expires_at          timestamptz,
    anchor_day          smallint check (anchor_day between 1 and 31),
    grace_until         timestamptz,
    suspended_at        timestamptz,
    suspension_category text check (suspension_category in ('non-payment', 'equipment', 'customer-request', 'other')),
    suspension_reason   text   not null default '',
    -- The next instant at which the facts alone change the status; in the past: nobody has handled it yet.
    due_at              timestamptz,
    created_at          timestamptz not null default now(),
    unique (router_id, username),
    unique (id, currency),
    constraint a_suspension_has_a_category check ((suspended_at is null) = (suspension_category is null))
);
create index subscribers_due on subscribers (due_at) where due_at is not null;
create index subscribers_phone on subscribers (phone) where phone <> '';
create index subscribers_phone_hash on subscribers (phone_hash) where phone_hash is not null;
create index subscribers_username on subscribers (username);

-- Where payments come from: one row for each webhook address that is given to a provider.
create table payment_sources (
    id           bigint generated always as identity primary key,
    name         text  not null unique check (name = btrim(name) and length(name) between 1 and 100),
    kind         text  not null check (kind ~ '^[a-z]+$'),
    -- The token is the secret part of the address: found by its hash, shown again by opening the sealed copy.
    token_hash   bytea not null unique check (length(token_hash) = 32),
    token_sealed bytea not null,
    -- The provider's name for the receiver of the money (an M-Pesa short code).
    merchant     text  not null check (merchant <> ''),
    currency     text  not null check (currency ~ '^[A-Z]{3}$'),
    archived_at  timestamptz,
    created_at   timestamptz not null default now()
);

-- Two rows are active while a secret is rotated.
create table source_secrets (
    id         bigint generated always as identity primary key,
    source_id  bigint      not null references payment_sources,
    sealed     bytea       not null,
    not_before timestamptz not null default now(),
    not_after  timestamptz
);
create index source_secrets_source on source_secrets (source_id);

-- One row for each webhook that was accepted, before anything is done about it.
create table deliveries (
    id           bigint generated always as identity primary key,
    source_id    bigint      not null references payment_sources,
    delivery_key text        not null check (length(delivery_key) between 1 and 256),
    digest       bytea       not null check (length(digest) = 32),
    call         text        not null default '',
    body         bytea       not null,
    received_at  timestamptz not null,
    state        text        not null default 'received' check (state in ('received', 'processed', 'ignored', 'failed')),
    attempts     integer     not null default 0,
    last_error   text        not null default '',
    processed_at timestamptz,
    unique (source_id, delivery_key),
    constraint received_means_not_processed check ((state = 'received') = (processed_at is null))
);
create index deliveries_waiting on deliveries (id) where processed_at is null;

create table payments (
    id               bigint generated always as identity primary key,
    provider         text        not null check (provider <> ''),
    merchant         text        not null check (merchant <> ''),
    transaction_id   text        not null check (length(transaction_id) between 1 and 200),
    delivery_id      bigint references deliveries,
    amount_minor     bigint      not null check (amount_minor > 0),
    currency         text        not null check (currency ~ '^[A-Z]{3}$'),
    occurred_at      timestamptz not null,
    received_at      timestamptz not null,
    reference        text        not null default '',
    payer_name       text        not null default '',
    payer_phone      text        not null default '',
    payer_phone_hash text        not null default '',
    subscriber_id    bigint references subscribers,
    -- Why the money belongs to nobody yet, in words for the person who will allocate it.
    unallocated      text        not null default '',
    created_at       timestamptz not null default now(),
    constraint one_credit_for_ever unique (provider, merchant, transaction_id),
    constraint unallocated_says_why check ((subscriber_id is null) = (unallocated <> ''))
);
create index payments_unallocated on payments (id) where subscriber_id is null;
create index payments_subscriber on payments (subscriber_id, id) where subscriber_id is not null;

-- A command on an account and how far it has come.
create table actions (
    id            bigint generated always as identity primary key,
    kind          text        not null check (kind in ('payment', 'expire', 'suspend', 'reconnect', 'create')),
    subscriber_id bigint      not null references subscribers,
    actor         text        not null check (actor <> ''),
    arguments     jsonb       not null default '{}',
    state         text        not null check (state in ('accepted', 'applied', 'confirmed', 'refused')),
    refusal       text        not null default '',
    accepted_at   timestamptz not null,
    applied_at    timestamptz,
    confirmed_at  timestamptz,
    constraint refused_says_why check ((state = 'refused') = (refusal <> '')),
    constraint applied_has_its_time check ((state in ('applied', 'confirmed')) = (applied_at is not null)),
    constraint confirmed_has_its_time check ((state = 'confirmed') = (confirmed_at is not null))
);
create index actions_accepted on actions (subscriber_id, id) where state = 'accepted';
create index actions_subscriber on actions (subscriber_id, id);

create table ledger_entries (
    id            bigint generated always as identity primary key,
    subscriber_id bigint      not null,
    kind          text        not null check (kind in ('payment', 'renewal')),
    amount_minor  bigint      not null,
    currency      text        not null,
    payment_id    bigint references payments,
    action_id     bigint      not null references actions,
    plan_id       bigint references plans,
    periods       integer,
    period_start  timestamptz,
    period_end    timestamptz,
    created_at    timestamptz not null default now(),
    foreign key (subscriber_id, currency) references subscribers (id, currency),
    constraint a_payment_adds_and_names_it check (kind <> 'payment' or (amount_minor > 0 and payment_id is not null)),
    constraint a_renewal_takes_and_says_what_for check (kind <> 'renewal'
        or (amount_minor < 0 and plan_id is not null and periods > 0 and period_start < period_end))
);
create unique index ledger_entries_one_credit_a_payment on ledger_entries (payment_id) where kind = 'payment';
create index ledger_entries_subscriber on ledger_entries (subscriber_id, id);

-- What happened to an account, for people.
create table activity (
    id            bigint generated always as identity primary key,
    subscriber_id bigint      not null references subscribers,
    action_id     bigint references actions,
    kind          text        not null,
    actor         text        not null,
    summary       text        not null,
    before        jsonb       not null default '{}',
    after         jsonb       not null default '{}',
    at            timestamptz not null
);
create index activity_subscriber on activity (subscriber_id, id);

-- What a router should hold for a PPPoE user name (want_gen) and what it was seen to hold (done_gen).
-- It outlives the subscriber, so that a deletion or a new name also takes the old credentials off the router.
create table provisions (
    id             bigint generated always as identity primary key,
    router_id      bigint  not null references routers,
    username       text    not null,
    subscriber_id  bigint references subscribers on delete set null,
    state          text    not null check (state in ('absent', 'disabled', 'enabled')),
    rate           text    not null default '',
    pool           text    not null default '',
    address        text    not null default '',
    credential_gen bigint  not null default 0,
    want_gen       bigint  not null default 1,
    done_gen       bigint  not null default 0,
    wanted_at      timestamptz not null,
    confirmed_at   timestamptz,
    attempts       integer not null default 0,
    next_try_at    timestamptz,
    last_error     text    not null default '',
    unique (router_id, username),
    check (done_gen <= want_gen),
    constraint present_belongs_to_a_subscriber check (state = 'absent' or subscriber_id is not null)
);
create index provisions_unconfirmed on provisions (router_id, wanted_at) where done_gen < want_gen;
create index provisions_subscriber on provisions (subscriber_id);

-- An action is confirmed once every provision it touched has reached the generation it set.
create table action_provisions (
    action_id    bigint not null references actions on delete cascade,
    provision_id bigint not null references provisions on delete cascade,
    gen          bigint not null,
    primary key (action_id, provision_id)
);
create index action_provisions_provision on action_provisions (provision_id, gen);

-- PPPoE sessions as RADIUS accounting tells them.
create table sessions (
    router_id       bigint      not null references routers,
    acct_session_id text        not null,
    username        text        not null,
    address         inet,
    calling_station text        not null default '',
    -- The rate that the session was let in with, or that the router has confirmed since; empty when unknown.
    rate            text        not null default '',
    started_at      timestamptz not null,
    seen_at         timestamptz not null,
    ended_at        timestamptz,
    end_cause       text        not null default '',
    input_octets    bigint      not null default 0,
    output_octets   bigint      not null default 0,
    primary key (router_id, acct_session_id)
);
create index sessions_open on sessions (router_id, username) where ended_at is null;

-- +goose StatementBegin
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'integrity_constraint_violation';
end $$;
-- +goose StatementEnd
create trigger append_only before update or delete or truncate on ledger_entries
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on activity
    for each statement execute function refuse_change();

-- A balance is the sum of its ledger because nothing else ever moves it.
-- +goose StatementBegin
create function ledger_moves_balance() returns trigger language plpgsql as $$
begin
    update subscribers s set balance_minor = s.balance_minor + e.total
    from (select subscriber_id, sum(amount_minor)::bigint as total from inserted group by subscriber_id) e
    where s.id = e.subscriber_id;
    return null;
end $$;
-- +goose StatementEnd
create trigger ledger_moves_balance after insert on ledger_entries
    referencing new table as inserted for each statement execute function ledger_moves_balance();

-- +goose StatementBegin
create function refuse_balance() returns trigger language plpgsql as $$
begin
    raise exception 'a balance moves only by an entry in the ledger' using errcode = 'integrity_constraint_violation';
end $$;
-- +goose StatementEnd
create trigger balance_begins_at_zero before insert on subscribers
    for each row when (new.balance_minor <> 0) execute function refuse_balance();
create trigger balance_is_the_ledgers before update of balance_minor on subscribers
    for each row when (pg_trigger_depth() = 0) execute function refuse_balance();

-- +goose Down
drop table sessions, action_provisions, provisions, activity, ledger_entries, actions, payments, deliveries,
    source_secrets, payment_sources, subscribers, router_leases, routers, plans;
drop function refuse_change, ledger_moves_balance, refuse_balance;
