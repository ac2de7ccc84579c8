-- Schemas, and the ledger of what was received: attempts, deliveries, batches.

create schema raw;
create schema quarantine;
create schema if not exists ops;
create schema publish;

-- The one row is what holds for the whole state, whichever machine works on it: the profile of its first run, for ever,
-- and the inbox of profile `files` as last given.
create table ops.state (
    is_only   boolean primary key default true check (is_only),
    profile   text not null check (profile in ('sandbox', 'files', 'live')),
    inbox     text,
    bound_at  timestamptz not null default now()
);

-- The instant at which something is received, admitted, withdrawn, held or withheld. Until its transaction ends,
-- `ops.settled_now` waits: nothing that bears an earlier instant can appear after it.
create function ops.stamp() returns timestamptz
language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock_shared(7656004);
    return clock_timestamp();
end
$$;

-- An instant before which the ledger will not change any more.
create function ops.settled_now() returns timestamptz
language plpgsql volatile as $$
declare
    settled timestamptz;
begin
    perform pg_advisory_lock(7656004);
    settled := clock_timestamp();
    perform pg_advisory_unlock(7656004);
    return settled;
end
$$;

-- One row is a feed, as its contract describes it now.
create table ops.feed (
    feed              text primary key,
    title             text not null,
    publisher         text not null,
    owner             text not null,
    licence           text not null,
    attribution       text not null,
    homepage          text not null,
    contract_version  integer not null,
    cadence_days      integer,  -- null: nothing more is ever due
    due_lag_days      integer not null,
    personal_data     boolean not null
);

-- One row is a resource of a feed: files of one shape, rows in one raw table. Rows of a resource with a parent belong to
-- the records of that one.
create table ops.resource (
    feed                  text not null references ops.feed,
    resource              text not null,
    delivery_mode         text not null check (delivery_mode in ('snapshot', 'period', 'append', 'upsert')),
    grain                 text not null check (grain in ('none', 'day', 'month', 'quarter', 'year')),
    parent_resource       text,
    withholdable_columns  text[] not null default '{}',
    primary key (feed, resource),
    foreign key (feed, parent_resource) references ops.resource (feed, resource) deferrable initially deferred
);

-- One row is one time that we asked a source; `asked_on` is the day by the platform's clock, the instants by the wall's.
create table ops.attempt (
    attempt_id    bigint generated always as identity primary key,
    feed          text not null references ops.feed,
    resource      text not null,
    partition     text not null default '',
    period_start  date,
    source_url    text not null,
    asked_on      date not null default (now() at time zone 'Europe/London')::date,
    started_at    timestamptz not null,
    finished_at   timestamptz not null,
    outcome       text not null check (outcome in ('new', 'unchanged', 'not_modified', 'not_yet', 'refused', 'failed')),
    sha256        text,
    size_bytes    bigint,
    etag          text,
    last_modified text,
    reason        text not null default ''
);
create index on ops.attempt (feed, attempt_id desc);
create index on ops.attempt (source_url, attempt_id desc);

-- One row is a content: these bytes for this feed, resource, partition and period, as far as file name, manifest or
-- request state them ('' and null where nothing does; two empty months are two contents). What is not stated is read
-- from the bytes, so it is a property of the parse and stands on the batch. `refusal` says `code: words` where the bytes
-- are not those that the partner announced: they are another content than the same bytes announced rightly.
create table ops.content (
    content_id        bigint generated always as identity primary key,
    feed              text not null references ops.feed,
    resource          text not null,
    partition         text not null default '',
    period_start      date,
    period_end        date,
    sha256            text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    container_sha256  text,
    member_name       text,
    refusal           text not null default '',
    check (period_start <= period_end),
    check ((container_sha256 is null) = (member_name is null)),
    unique (content_id, feed, resource, sha256)
);
create unique index content_identity
on ops.content (feed, resource, partition, period_start, period_end, sha256, (refusal <> '')) nulls not distinct;
create index on ops.content (sha256);

-- One row is a partner's statement: this content is how things stood at vintage_at.
create table ops.delivery (
    delivery_id      bigint generated always as identity primary key,
    content_id       bigint not null references ops.content,
    vintage_at       timestamptz not null,
    vintage_source   text not null check (vintage_source in ('manifest', 'catalogue', 'last_modified', 'received')),
    received_at      timestamptz not null default ops.stamp(),
    manifest_line    integer,
    manifest_rows    bigint,
    is_whole         boolean,
    source_url       text not null,
    file_name        text not null,
    size_bytes       bigint not null,
    warning          text not null default '',
    check (vintage_at <= received_at),
    unique (content_id, vintage_at)
);

-- One row is one content, parsed once under one contract version; partition and period are what is stated of them, else
-- what the parse read. Feed, resource and bytes are the content's, repeated so that no reader need join for them; the
-- foreign key keeps them the same.
create table ops.batch (
    batch_id          bigint generated always as identity primary key,
    content_id        bigint not null,
    feed              text not null,
    resource          text not null,
    sha256            text not null,
    partition         text not null default '',
    period_start      date,
    period_end        date,
    contract_version  integer not null,
    status            text not null check (status in ('parsed', 'admitted', 'held', 'rejected', 'withdrawn')),
    reason            text not null default '',
    file_name         text not null,
    parsed_at         timestamptz not null default clock_timestamp(),
    audited_at        timestamptz,
    admitted_at       timestamptz,
    withdrawn_at      timestamptz,
    rows_parsed       bigint not null default 0,
    rows_admitted     bigint not null default 0,
    rows_quarantined  bigint not null default 0,
    mandatory_cells   bigint not null default 0,
    blank_cells       bigint not null default 0,
    headers           text[] not null default '{}',
    warnings          text[] not null default '{}',
    -- its name outside ops where the feed is restricted: a hash or file name would tell of its rows
    public_id         uuid not null default gen_random_uuid() unique,
    check ((status in ('admitted', 'withdrawn')) = (admitted_at is not null)),
    check ((status = 'withdrawn') = (withdrawn_at is not null)),
    foreign key (content_id, feed, resource, sha256)
    references ops.content (content_id, feed, resource, sha256) on update cascade,
    unique (content_id, contract_version)
);
create index on ops.batch (sha256);
create index on ops.batch (feed, resource, partition);

-- One row is a delivery with its content: partition and period are what the newest parse of it read, else what is stated.
create view ops.stated as
    select
        d.*, c.feed, c.resource, c.sha256,
        case when b.batch_id is null then c.partition else b.partition end as partition,
        case when b.batch_id is null then c.period_start else b.period_start end as period_start,
        case when b.batch_id is null then c.period_end else b.period_end end as period_end
    from ops.delivery d
    join ops.content c on c.content_id = d.content_id
    left join lateral (
        select x.* from ops.batch x
        where x.content_id = d.content_id and x.status <> 'rejected'
        order by x.contract_version desc limit 1
    ) b on true;

-- One row is a status that a batch had, and why, from `since` until its next row. What stood at a past instant is
-- read from here, never from ops.batch, which says only what is. A trigger writes it, so that no writer can forget to.
create table ops.batch_status (
    batch_status_id  bigint generated always as identity primary key,
    batch_id         bigint not null references ops.batch,
    status           text not null,
    reason           text not null,
    since            timestamptz not null
);
create index on ops.batch_status (batch_id);

create function ops.note_batch_status() returns trigger
language plpgsql as $$
begin
    if tg_op = 'UPDATE' and (new.status, new.reason, new.admitted_at, new.withdrawn_at)
        is not distinct from (old.status, old.reason, old.admitted_at, old.withdrawn_at) then
        return null;
    end if;
    insert into ops.batch_status (batch_id, status, reason, since) values (
        new.batch_id, new.status, new.reason,
        case
            when new.status = 'admitted' then new.admitted_at
            when new.status = 'withdrawn' then new.withdrawn_at
            when tg_op = 'INSERT' then new.parsed_at
            else ops.stamp()
        end
    );
    return null;
end
$$;
create trigger note_batch_status
after insert or update of status, reason, admitted_at, withdrawn_at on ops.batch
for each row execute function ops.note_batch_status();

-- One row is a column of an admitted batch that no measure may use.
create table ops.withheld_column (
    batch_id     bigint not null references ops.batch,
    column_name  text not null,
    check_id     text not null,
    reason       text not null,
    withheld_at  timestamptz not null default ops.stamp(),
    lifted_at    timestamptz,
    primary key (batch_id, column_name, withheld_at)
);

-- One row is a decision that a person took about a batch.
create table ops.decision (
    decision_id  bigint generated always as identity primary key,
    batch_id     bigint not null references ops.batch,
    decision     text not null check (decision in ('release', 'release_column', 'withdraw')),
    column_name  text,
    reason       text not null check (length(trim(reason)) > 0),
    decided_by   text not null,
    decided_at   timestamptz not null default clock_timestamp()
);

-- One cell of a replace key, as typed: what to_jsonb makes of it, in no way that a setting could change.
create function ops.key_part(cell text) returns jsonb language sql immutable strict parallel safe as 'select to_jsonb($1)';
create function ops.key_part(cell bigint) returns jsonb language sql immutable strict parallel safe as 'select to_jsonb($1)';
create function ops.key_part(cell numeric) returns jsonb
language sql immutable strict parallel safe as 'select to_jsonb(trim_scale($1))';
create function ops.key_part(cell boolean) returns jsonb language sql immutable strict parallel safe as 'select to_jsonb($1)';
create function ops.key_part(cell date) returns jsonb language sql immutable strict parallel safe as 'select to_jsonb($1)';
create function ops.key_part(cell timestamptz) returns jsonb
language sql immutable strict parallel safe as $$ select to_jsonb($1 at time zone 'UTC') $$;

-- One row is one replace key of which a batch of an upsert resource has rows: a JSON array of its cells, as typed.
create table ops.batch_key (
    batch_id      bigint not null references ops.batch,
    unit_key      jsonb not null,
    is_withdrawn  boolean not null default false,
    primary key (batch_id, unit_key)
);

-- One row is the outcome of one check on one batch or one build. It never holds a value of the data.
create table ops.check_result (
    check_result_id   bigint generated always as identity primary key,
    batch_id          bigint references ops.batch,
    build_id          bigint,
    suite             text not null,
    check_id          text not null,
    check_type        text not null,
    column_name       text,
    severity          text not null check (severity in ('critical', 'warning', 'withhold')),
    reason            text not null,
    is_success        boolean not null,
    element_count     bigint,
    unexpected_count  bigint,
    detail            text not null default '',
    checked_at        timestamptz not null default clock_timestamp(),
    check ((batch_id is null) <> (build_id is null))
);
create index on ops.check_result (batch_id);
create index on ops.check_result (build_id);

-- One row is one reason why one row stands in quarantine; the row itself is in `record`. `part` is that of the raw row, 0
-- for a record as a whole.
create table quarantine.row (
    batch_id        bigint not null references ops.batch,
    line_number     bigint not null,
    part            integer not null default 0,
    column_name     text not null default '',
    check_id        text not null,
    stage           text not null check (stage in ('parse', 'audit')),
    reason          text not null,
    record          jsonb not null,
    quarantined_at  timestamptz not null default clock_timestamp(),
    primary key (batch_id, line_number, part, column_name, check_id)
);

-- One row is a cell that was made null because its value is unknown to the contract; the row still counts.
create table quarantine.cell (
    batch_id        bigint not null references ops.batch,
    line_number     bigint not null,
    part            integer not null default 0,
    column_name     text not null,
    check_id        text not null,
    reason          text not null,
    received_value  text not null,
    primary key (batch_id, line_number, part, column_name)
);

-- One row is one attempt to build a schema of marts.
create table ops.build (
    build_id        bigint generated always as identity primary key,
    schema_name     text not null,
    status          text not null check (status in ('running', 'failed', 'swapped', 'built')),
    known_at        timestamptz,
    admitted_at     timestamptz,
    fingerprint     text not null,
    is_full         boolean not null default false,
    unit_count      integer not null default 0,
    started_at      timestamptz not null default clock_timestamp(),
    finished_at     timestamptz,
    reason          text not null default ''
);

-- One row is the outcome of one dbt node in one build.
create table ops.model_run (
    build_id     bigint not null references ops.build,
    node         text not null,
    status       text not null,
    seconds      numeric not null,
    row_count    bigint,
    message      text not null default '',
    primary key (build_id, node)
);

-- One row is a piece of work that only one process may do at a time.
create table ops.lease (
    name          text primary key,
    owner         text not null,
    taken_at      timestamptz not null,
    heartbeat_at  timestamptz not null,
    -- the session that works under it now; null between the steps of a build. Once it has ended, the lease is dead
    session_pid    integer,
    session_start  timestamptz,
    check ((session_pid is null) = (session_start is null))
);
