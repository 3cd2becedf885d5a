-- +goose Up

-- Finding a subscriber by what people remember: a part of a name, the last digits of a number.
--
-- A search reads one range of an index, in its order, and stops when the page is full, however common the word is. So
-- each subscriber has a row for every way in. A row's term is one of
--   'jane'            a word of the name, or account number, user name or e-mail without their punctuation
--   ' jane wanjiru'   two words of the name, in both orders, so that two common words are one range too
--   '+254712345678'   the phone number
--   '<876543217452'   its digits backwards, so that its end is a beginning

-- Without accents and case. Package console folds what is searched for by the same rule.
-- +goose StatementBegin
create function fold_text(text text) returns text language sql immutable strict parallel safe as $$
    select translate(replace(replace(replace(
        lower(regexp_replace(normalize(text, NFKD), '[\u0300-\u036f]', '', 'g') collate "und-x-icu"),
        'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'øłđðħıς''’ʼ`', 'olddhiσ');
$$;
-- +goose StatementEnd

-- The words of a text, without repetition, in their order. Apostrophes are dropped, as in Ng'ang'a.
-- +goose StatementBegin
create function fold_words(text text) returns text[] language sql immutable strict parallel safe as $$
    select coalesce(array_agg(word order by first), '{}') from (
        select left(word, 60) as word, min(n) as first
        from string_to_table(regexp_replace(fold_text(text) collate "C", '[\u0001-\u002f\u003a-\u0060\u007b-\u007f–—]+', ' ', 'g'), ' ')
            with ordinality as w (word, n)
        where word <> '' group by left(word, 60)) words;
$$;
-- +goose StatementEnd

-- A text without what separates its words.
-- +goose StatementBegin
create function fold_key(text text) returns text language sql immutable strict parallel safe as $$
    select left(regexp_replace(fold_text(text) collate "C", '[\u0001-\u002f\u003a-\u0060\u007b-\u007f–—]+', '', 'g'), 60);
$$;
-- +goose StatementEnd

create table subscriber_terms (
    term          text   collate "C" not null,
    subscriber_id bigint not null references subscribers on delete cascade,
    primary key (term, subscriber_id)
);
create unique index subscriber_terms_subscriber on subscriber_terms (subscriber_id, term);

-- Names of more than eight words are found by pairs of their first eight.
-- +goose StatementBegin
create function terms_of(name text, phone text, email text, username text, account_key text) returns table (term text)
language sql immutable parallel safe as $$
    with words as materialized (
        select word, n from unnest(fold_words(name)) with ordinality as w (word, n) where n <= 30)
    select word from words
    union select ' ' || a.word || ' ' || b.word from words a join words b on a.n <> b.n where a.n <= 8 and b.n <= 8
    union select phone where phone <> ''
    union select '<' || reverse(ltrim(phone, '+')) where phone <> ''
    union select key from unnest(array[fold_key(account_key), fold_key(username), fold_key(email)]) as key where key <> '';
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function add_terms() returns trigger language plpgsql as $$
begin
    insert into subscriber_terms (term, subscriber_id)
        select n.term, s.id from added s, terms_of(s.name, s.phone, s.email, s.username, s.account_key) n;
    return null;
end $$;
-- +goose StatementEnd
create trigger a_subscriber_has_terms after insert on subscribers
    referencing new table as added for each statement execute function add_terms();

-- +goose StatementBegin
create function change_terms() returns trigger language plpgsql as $$
begin
    delete from subscriber_terms t where t.subscriber_id = new.id and not exists (
        select 1 from terms_of(new.name, new.phone, new.email, new.username, new.account_key) n where n.term = t.term);
    insert into subscriber_terms (term, subscriber_id)
        select n.term, new.id from terms_of(new.name, new.phone, new.email, new.username, new.account_key) n
        on conflict do nothing;
    return null;
end $$;
-- +goose StatementEnd
create trigger terms_follow_an_edit after update of name, phone, email, username, account on subscribers for each row
    when ((old.name, old.phone, old.email, old.username, old.account) is distinct from
        (new.name, new.phone, new.email, new.username, new.account)) execute function change_terms();

insert into subscriber_terms (term, subscriber_id)
    select n.term, s.id from subscribers s, terms_of(s.name, s.phone, s.email, s.username, s.account_key) n;

-- Whether a subscriber passes the filters of a list; an empty one passes everybody. The statuses are account.Status'. Whose
-- clock stands does not run out. Plain enough to be inlined, so that the filters find their indexes.
-- +goose StatementBegin
create function passes(s subscribers, status text, plan bigint, router bigint, expiring_before timestamptz, at timestamptz)
returns boolean language sql immutable parallel safe as $$
    select (status = ''
            or status = 'suspended' and s.suspended_at is not null
            or status = 'active' and s.suspended_at is null and s.expires_at > at
            or status = 'grace' and s.suspended_at is null and (s.expires_at is null or s.expires_at <= at) and s.grace_until > at
            or status = 'expired' and s.suspended_at is null and (s.expires_at is null or s.expires_at <= at)
                and (s.grace_until is null or s.grace_until <= at))
        and (plan = 0 or s.plan_id = plan)
        and (router = 0 or s.router_id = router)
        and (expiring_before is null or s.clock_stopped_at is null and s.expires_at > at and s.expires_at <= expiring_before);
$$;
-- +goose StatementEnd

-- The searches. They are functions so that each is planned once a connection, whatever is searched for: planning takes
-- longer than a search does, and PostgreSQL would do it every time, because it takes a plan for all values to be slow.
--
-- chr(1114111), the last character of Unicode, ends the range of what begins with a text. A condition on a hit is a scalar
-- sub-select with coalesce: the planner would make a join of an "exists", guess that it leaves nothing, and then not count
-- on the page being full early. For the same reason there is a limit with a number, the largest page and one, around the
-- limits whose number it does not know.

-- Whom one of the prefixes fits, in the order of the terms, and before them who paid with one of the receipts. The prefixes
-- are in their order and none is the beginning of another, so that their ranges come one after the other. Each
-- subscriber comes at the first term that fits. Each of the others has to fit one too. Whom besides fits was found before.
-- +goose StatementBegin
create function find_by_terms(prefixes text[], receipts text[],
    after_term text, after_id bigint, besides text[], others text[], filtered boolean, only_status text, only_plan bigint,
    only_router bigint, expiring_before timestamptz, at timestamptz, most int)
returns table (term text, subscriber_id bigint) language plpgsql stable rows 50 set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
    return query
    with paid as (
        select distinct p.subscriber_id from payments p
        where p.transaction_id = any(receipts) and p.subscriber_id is not null
        union
        -- A payment that was split is whose its parts are.
        select part.subscriber_id from payments whole join payments part on part.split_of = whole.id
        where whole.transaction_id = any(receipts) and whole.split_at is not null and part.subscriber_id is not null
    ), hits as (
        select '' collate "C" as term, f.id as subscriber_id
        from paid join subscribers f on f.id = paid.subscriber_id
        where after_term = '' and f.id > after_id
          and passes(f, only_status, only_plan, only_router, expiring_before, at)
        union all
        select h.term, h.subscriber_id
        from (select unnest(prefixes) collate "C" as prefix) r
        cross join lateral (select * from (
            select t.term, t.subscriber_id from subscriber_terms t
            where (t.term, t.subscriber_id) > (greatest(r.prefix, after_term),
                    case when r.prefix > after_term then 0 else after_id end)
              and t.term < r.prefix || chr(1114111)
              and coalesce((select false from subscriber_terms e, unnest(prefixes) as x (prefix)
                  where e.subscriber_id = t.subscriber_id and e.term < t.term
                    and e.term >= x.prefix and e.term < x.prefix || chr(1114111) limit 1), true)
              and coalesce((select false from subscriber_terms e, unnest(besides) as x (prefix)
                  where e.subscriber_id = t.subscriber_id and e.term >= x.prefix and e.term < x.prefix || chr(1114111) limit 1), true)
              and coalesce((select false from unnest(others) as x (prefix) where not exists (
                  select 1 from subscriber_terms e where e.subscriber_id = t.subscriber_id
                    and e.term >= x.prefix and e.term < x.prefix || chr(1114111)) limit 1), true)
              and coalesce((select false from paid where paid.subscriber_id = t.subscriber_id limit 1), true)
              and (not filtered or coalesce((select passes(f, only_status, only_plan, only_router,
                  expiring_before, at) from subscribers f where f.id = t.subscriber_id), false))
            order by t.term, t.subscriber_id limit most
        ) f limit 201) h
        limit most
    )
    select hits.term, hits.subscriber_id from hits limit 201;
end $$;
-- +goose StatementEnd

-- Whom two words fit, of which only the beginnings are known: steps over the distinct first words, and reads the range of
-- each with the second. The steps come in the order of the terms, and stop when the page is full.
-- +goose StatementBegin
create function find_by_pair(first_word text, second_word text, from_term text,
    after_term text, after_id bigint, besides text[], others text[], filtered boolean, only_status text, only_plan bigint,
    only_router bigint, expiring_before timestamptz, at timestamptz, most int)
returns table (term text, subscriber_id bigint) language plpgsql stable rows 50 set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
    return query
    with recursive firsts as (
        select n.word::text as word from (select split_part(t.term, ' ', 2) as word from subscriber_terms t
            where t.term >= from_term and t.term < ' ' || first_word || chr(1114111)
            order by t.term limit 1) n
        union all
        select n.word::text as word from firsts f
        cross join lateral (select split_part(t.term, ' ', 2) as word from subscriber_terms t
            where t.term > ' ' || f.word || ' ' || chr(1114111) and t.term < ' ' || first_word || chr(1114111)
            order by t.term limit 1) n
    ), hits as (
        select h.term, h.subscriber_id
        from (select ' ' || f.word || ' ' || second_word collate "C" as prefix from firsts f) r
        cross join lateral (select * from (
            select t.term, t.subscriber_id from subscriber_terms t
            where (t.term, t.subscriber_id) > (greatest(r.prefix, after_term),
                    case when r.prefix > after_term then 0 else after_id end)
              and t.term < r.prefix || chr(1114111)
              and coalesce((select false from subscriber_terms e where e.subscriber_id = t.subscriber_id and e.term < t.term
                  and e.term >= ' ' || first_word and starts_with(split_part(e.term, ' ', 3), second_word) limit 1), true)
              and coalesce((select false from subscriber_terms e, unnest(besides) as x (prefix)
                  where e.subscriber_id = t.subscriber_id and e.term >= x.prefix and e.term < x.prefix || chr(1114111) limit 1), true)
              and coalesce((select false from unnest(others) as x (prefix) where not exists (
                  select 1 from subscriber_terms e where e.subscriber_id = t.subscriber_id
                    and e.term >= x.prefix and e.term < x.prefix || chr(1114111)) limit 1), true)
              and (not filtered or coalesce((select passes(f, only_status, only_plan, only_router,
                  expiring_before, at) from subscribers f where f.id = t.subscriber_id), false))
            order by t.term, t.subscriber_id limit most
        ) f limit 201) h
        limit most
    )
    select hits.term, hits.subscriber_id from hits limit 201;
end $$;
-- +goose StatementEnd

create index subscribers_expiring on subscribers (expires_at, id) where expires_at is not null;
create index subscribers_router on subscribers (router_id, id);
create index subscribers_suspended on subscribers (id) where suspended_at is not null;
create index subscribers_in_grace on subscribers (grace_until) where grace_until is not null;

-- Who has a line now, by its address or the device behind it.
create index sessions_address on sessions (address) where ended_at is null and address is not null;
create index sessions_device on sessions (calling_station) where ended_at is null and calling_station <> '';

-- The histories over all accounts.
create index activity_kind on activity (kind, at, id);
create index activity_actor on activity (actor, at, id);
create index payments_reference on payments ((upper(regexp_replace(reference, '[^A-Za-z0-9]', '', 'g') collate "C")))
    where reference <> '';
create index payments_reversed on payments (id) where reversed_at is not null;

-- +goose Down
drop index sessions_device, sessions_address, payments_reversed, payments_reference, activity_actor, activity_kind, subscribers_in_grace, subscribers_suspended, subscribers_router, subscribers_expiring;
drop trigger terms_follow_an_edit on subscribers;
drop trigger a_subscriber_has_terms on subscribers;
drop table subscriber_terms;
drop function find_by_pair, find_by_terms, change_terms, add_terms, terms_of, fold_key, fold_words, fold_text, passes;
