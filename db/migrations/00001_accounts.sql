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
    on_expiry      text        not null default 'cut' check (on_expiry in ('cut', 'garden')),
    -- The rate of a customer in the garden.
    garden_rate    text        not null default '' check (length(garden_rate) <= 247),
    pool           text        not null default '',
    archived_at    timestamptz,
    created_at     timestamptz not null default now(),
    constraint a_garden_has_a_rate check ((on_expiry = 'garden') = (garden_rate <> ''))
);

create table routers (
    id                        bigint generated always as identity primary key,
    name                      text    not null check (name = btrim(name) and length(name) between 1 and 100),
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
    nas_address               inet,
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
    -- When all of its sessions were last listed.
    sessions_at               timestamptz,
    archived_at               timestamptz,
    created_at                timestamptz not null default now(),
    constraint local_mode_needs_the_api check (mode <> 'local' or api_address <> ''),
    constraint radius_mode_needs_a_secret_and_addresses
        check (mode <> 'radius' or (radius_secret_sealed is not null and nas_address is not null and coa_address <> '')),
    constraint the_api_needs_tls_unless_plain_is_asked_for
        check (api_address = '' or api_plain or api_pin_sha256 is not null or api_ca_pem is not null)
);

-- A router that was removed may come back.
create unique index routers_name_key on routers (name) where archived_at is null;
create unique index routers_nas_address_key on routers (nas_address) where archived_at is null;

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
    -- A suspension that stops the clock: up to here the paid time has been used.
    clock_stopped_at    timestamptz,
    -- When time itself ends the suspension; it is part of due_at.
    suspended_until     timestamptz,
    -- The package that takes over at the end of the time that was paid when it was chosen.
    next_plan_id        bigint references plans,
    next_plan_at        timestamptz,
    -- What every agent should see first.
    pinned_note         text   not null default '' check (length(pinned_note) <= 2000),
    -- Grows with every edit of the row by staff, so that nobody overwrites what somebody else has just changed.
    revision            bigint not null default 1,
    -- The next instant at which the facts alone change the status; in the past: nobody has handled it yet.
    due_at              timestamptz,
    created_at          timestamptz not null default now(),
    unique (router_id, username),
    unique (id, currency),
    constraint a_suspension_has_a_category check ((suspended_at is null) = (suspension_category is null)),
    constraint only_a_suspension_stops_the_clock check (clock_stopped_at is null or suspended_at is not null),
    constraint a_suspension_ends_after_its_begin
        check (suspended_until is null or (suspended_at is not null and suspended_until > suspended_at)),
    constraint a_next_plan_has_its_time check ((next_plan_id is null) = (next_plan_at is null))
);
create index subscribers_due on subscribers (due_at, id) where due_at is not null;
create index subscribers_phone on subscribers (phone) where phone <> '';
create index subscribers_phone_hash on subscribers (phone_hash) where phone_hash is not null;
create index subscribers_username on subscribers (username);
create index subscribers_plan on subscribers (plan_id, id);
create index subscribers_next_plan on subscribers (next_plan_id) where next_plan_id is not null;
create unique index subscribers_fixed_address on subscribers (router_id, fixed_address) where fixed_address is not null;

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
    -- The transaction that it tells again, after another delivery: so that a deletion finds this body too.
    repeats      text        not null default '',
    unique (source_id, delivery_key),
    constraint received_means_not_processed check ((state = 'received') = (processed_at is null))
);
create index deliveries_waiting on deliveries (id) where processed_at is null;
create index deliveries_repeats on deliveries (repeats) where repeats <> '';

create table payments (
    id               bigint generated always as identity primary key,
    provider         text        not null check (provider <> ''),
    merchant         text        not null check (merchant <> ''),
    transaction_id   text        not null,
    delivery_id      bigint references deliveries,
    amount_minor     bigint      not null check (amount_minor > 0),
    currency         text        not null check (currency ~ '^[A-Z]{3}$'),
    occurred_at      timestamptz not null,
    received_at      timestamptz not null,
    reference        text        not null default '',
    payer_name       text        not null default '',
    payer_phone      text        not null default '',
    payer_phone_hash text        not null default '',
    -- The payer, however the provider told the phone number: see subscribers.phone_hash.
    payer_key        text generated always as (case when payer_phone_hash <> '' then payer_phone_hash
        when payer_phone ~ '^\+[0-9]+$' then encode(sha256(ltrim(payer_phone, '+')::bytea), 'hex') end) stored,
    subscriber_id    bigint references subscribers,
    -- Why the money belongs to nobody yet, in words for the person who will allocate it.
    unallocated      text        not null default '',
    -- How often it was taken back from an account; the ledger credits it once each time.
    allocation       integer     not null default 0,
    -- Who entered it by hand; empty for what a provider told.
    entered_by       text        not null default '',
    reversed_at      timestamptz,
    reversal_reason  text        not null default '',
    -- Since then its parts stand for it: what they add up to was paid once.
    split_at         timestamptz,
    split_of         bigint references payments,
    created_at       timestamptz not null default now(),
    constraint payments_transaction_id_check check (length(transaction_id) between 1 and case when split_of is null then 200 else 250 end),
    constraint unallocated_says_why
        check ((subscriber_id is null and reversed_at is null and split_at is null) = (unallocated <> '')),
    constraint what_was_split_is_nobodys check (split_at is null or (subscriber_id is null and reversed_at is null))
);
-- A part is numbered by us: it has no key that a provider could tell.
create unique index one_credit_for_ever on payments (provider, merchant, transaction_id) where split_of is null;
create unique index payments_split_of on payments (split_of, transaction_id) where split_of is not null;
create index payments_unallocated on payments (id) where subscriber_id is null and reversed_at is null and split_at is null;
create index payments_split on payments (id) where split_at is not null;
create index payments_payer on payments (payer_key, id) where payer_key is not null;
create index payments_delivery on payments (delivery_id) where delivery_id is not null;
create index payments_transaction on payments (transaction_id);
create index payments_subscriber on payments (subscriber_id, id) where subscriber_id is not null;

-- A command on an account and how far it has come.
create table actions (
    id            bigint generated always as identity primary key,
    kind          text        not null check (kind in ('payment', 'expire', 'create', 'suspend', 'reconnect', 'change-package',
        'cancel-change', 'extend', 'edit', 'note', 'undo', 'delete', 'reverse', 'unallocate')),
    -- Null once the account was deleted.
    subscriber_id bigint references subscribers on delete set null,
    actor         text        not null check (actor <> ''),
    -- Where the request came from; empty when not over the network.
    source        text        not null default '',
    -- Names the request, so that one which is repeated after a crash does not give the command twice.
    request_key   text unique,
    arguments     jsonb       not null default '{}' check (jsonb_typeof(arguments) = 'object'),
    state         text        not null check (state in ('accepted', 'applied', 'confirmed', 'refused')),
    refusal       text        not null default '',
    accepted_at   timestamptz not null,
    applied_at    timestamptz,
    confirmed_at  timestamptz,
    constraint refused_says_why check ((state = 'refused') = (refusal <> '')),
    constraint applied_has_its_time check ((state in ('applied', 'confirmed')) = (applied_at is not null)),
    constraint confirmed_has_its_time check ((state = 'confirmed') = (confirmed_at is not null)),
    constraint accepted_has_an_account check (state <> 'accepted' or subscriber_id is not null)
);
create index actions_accepted on actions (subscriber_id, id) where state = 'accepted';
create index actions_subscriber on actions (subscriber_id, id);

create table ledger_entries (
    id            bigint generated always as identity primary key,
    subscriber_id bigint      not null,
    kind          text        not null check (kind in ('payment', 'renewal', 'reversal', 'refund')),
    amount_minor  bigint      not null,
    currency      text        not null,
    payment_id    bigint references payments,
    allocation    integer     not null default 0,
    action_id     bigint      not null references actions,
    plan_id       bigint references plans,
    periods       integer,
    period_start  timestamptz,
    period_end    timestamptz,
    created_at    timestamptz not null default now(),
    foreign key (subscriber_id, currency) references subscribers (id, currency),
    constraint a_payment_adds_and_names_it check (kind <> 'payment' or (amount_minor > 0 and payment_id is not null)),
    constraint a_reversal_takes_and_names_it check (kind <> 'reversal' or (amount_minor < 0 and payment_id is not null)),
    constraint a_renewal_takes_and_says_what_for check (kind <> 'renewal'
        or (amount_minor < 0 and plan_id is not null and periods > 0 and period_start < period_end)),
    constraint a_refund_gives_back_what_was_bought check (kind <> 'refund'
        or (amount_minor > 0 and plan_id is not null and periods > 0 and period_start < period_end))
);
create unique index ledger_entries_once_a_payment on ledger_entries (payment_id, allocation, kind) where payment_id is not null;
create index ledger_entries_action on ledger_entries (action_id);
create index ledger_entries_subscriber on ledger_entries (subscriber_id, id);

-- Numbered without gaps in each year, in the order of their commits: the counter's row is held until then.
create table invoice_counters (
    year smallint primary key,
    last integer not null check (last > 0)
);

-- What a renewal sold, as the customer is billed for it. One that gives back has a negative total.
create table invoices (
    id            bigint generated always as identity primary key,
    year          smallint    not null,
    number        integer     not null check (number > 0),
    subscriber_id bigint      not null references subscribers,
    action_id     bigint      not null references actions,
    plan          text        not null,
    periods       integer     not null,
    total_minor   bigint      not null check (sign(total_minor) = sign(periods)),
    currency      text        not null,
    period_start  timestamptz not null,
    period_end    timestamptz not null,
    issued_at     timestamptz not null,
    unique (year, number)
);
create index invoices_subscriber on invoices (subscriber_id, id);
create index invoices_action on invoices (action_id);

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
create index activity_action on activity (action_id) where action_id is not null;
create index activity_at on activity (at, id);

-- What staff changed outside of accounts, and that an account was deleted.
create table audit (
    id      bigint generated always as identity primary key,
    at      timestamptz not null,
    actor   text        not null check (actor <> ''),
    source  text        not null default '',
    kind    text        not null check (kind <> ''),
    object  text        not null,
    summary text        not null,
    before  jsonb       not null default '{}',
    after   jsonb       not null default '{}'
);
create index audit_at on audit (at, id);

-- Who may use the staff API. The token is the secret: found by its hash, shown once.
create table api_tokens (
    id              bigint generated always as identity primary key,
    name            text        not null unique check (name = btrim(name) and length(name) between 1 and 100),
    hash            bytea       not null unique check (length(hash) = 32),
    scopes          text[]      not null check (cardinality(scopes) > 0),
    rate_per_second integer     not null default 50 check (rate_per_second > 0),
    created_at      timestamptz not null,
    expires_at      timestamptz,
    revoked_at      timestamptz,
    last_used_at    timestamptz
);

-- Answers to requests with an Idempotency-Key, for a day or two.
create table api_answers (
    token_id   bigint      not null references api_tokens on delete cascade,
    key        text        not null check (length(key) between 1 and 200),
    -- Of method, path and body: another request may not use the key again.
    digest     bytea       not null check (length(digest) = 32),
    status     integer,
    headers    jsonb       not null default '{}',
    -- Sealed, because an answer may show a password that was made.
    sealed     bytea,
    created_at timestamptz not null,
    primary key (token_id, key)
);
create index api_answers_created on api_answers (created_at);

-- What remains of the payments of deleted accounts: that they were credited, so that none of them is credited again, and
-- the totals without a name.
create table money_salt (
    one  boolean primary key default true check (one),
    salt bytea not null default decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
);
insert into money_salt default values;
create table spent_money_keys (
    hash bytea primary key
);
-- +goose StatementBegin
create function money_key(provider text, merchant text, transaction_id text) returns bytea language sql stable parallel safe as $$
    select sha256(salt || convert_to(concat_ws(chr(10), provider, merchant, transaction_id), 'UTF8')) from money_salt;
$$;
-- +goose StatementEnd
create table monthly_totals (
    month        date   not null,
    provider     text   not null,
    currency     text   not null,
    payments     bigint not null,
    amount_minor bigint not null,
    primary key (month, provider, currency)
);

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
    address_list   text    not null default '',
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
    -- The same for the address list.
    address_list    text        not null default '',
    started_at      timestamptz not null,
    seen_at         timestamptz not null,
    ended_at        timestamptz,
    end_cause       text        not null default '',
    input_octets    bigint      not null default 0,
    output_octets   bigint      not null default 0,
    primary key (router_id, acct_session_id)
);
create index sessions_open on sessions (router_id, username) where ended_at is null;
create index sessions_user on sessions (router_id, username, seen_at);

-- +goose StatementBegin
create function refuse_change() returns trigger language plpgsql as $$
begin
    -- The deletion of an account, and only its own rows.
    if tg_op = 'DELETE' and to_jsonb(old) ->> 'subscriber_id' = current_setting('qserve.forgetting', true) then
        return old;
    end if;
    raise exception '% is append-only', tg_table_name using errcode = 'integrity_constraint_violation';
end $$;
-- +goose StatementEnd
create trigger append_only before update or delete on ledger_entries for each row execute function refuse_change();
create trigger append_only before update or delete on invoices for each row execute function refuse_change();
create trigger append_only before update or delete on activity for each row execute function refuse_change();
create trigger append_only before update or delete on audit for each row execute function refuse_change();
create trigger never_emptied before truncate on ledger_entries for each statement execute function refuse_change();
create trigger never_emptied before truncate on invoices for each statement execute function refuse_change();
create trigger never_emptied before truncate on activity for each statement execute function refuse_change();
create trigger never_emptied before truncate on audit for each statement execute function refuse_change();

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
drop table sessions, action_provisions, provisions, monthly_totals, spent_money_keys, api_answers, api_tokens, audit, activity,
    invoices, invoice_counters, ledger_entries, actions, payments, deliveries, source_secrets, payment_sources, subscribers,
    router_leases, routers, plans;
drop function money_key;
drop table money_salt;
drop function refuse_change, ledger_moves_balance, refuse_balance;
