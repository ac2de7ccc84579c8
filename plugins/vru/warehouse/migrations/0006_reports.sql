-- Reports that were written, who was sent which, and what disclosure control let out on whose word (R10, R12, R16).

-- One row is a report that was written; the day is that of the platform's clock, beside (K, W).
create table ops.report (
    report_id    bigint generated always as identity primary key,
    kind         text not null,
    month        date not null,
    today        date not null,
    known_at     timestamptz,
    admitted_at  timestamptz,
    build_id     bigint,
    file_name    text not null,
    sha256       text not null,
    input_sha256 text not null,
    written_at   timestamptz not null default clock_timestamp(),
    summary      jsonb not null default '{}'
);
comment on column ops.report.input_sha256 is
    'SHA-256 of all that the page is made of: what was read for it, what was asked, and the program itself.';
comment on column ops.report.summary is 'The title and the statements with which the report opens: what its mail says.';

-- One row is one report to one recipient. A row that stays 'sending' is a mail of which nobody knows whether it left.
create table ops.mail (
    mail_id     bigint generated always as identity primary key,
    report_id   bigint not null references ops.report,
    recipient   text not null,
    message_id  text not null,
    status      text not null check (status in ('sending', 'sent', 'refused')),
    reason      text not null default '',
    begun_at    timestamptz not null default clock_timestamp(),
    ended_at    timestamptz,
    settled_by  text,
    unique (report_id, recipient)
);

-- One row is a release: content that disclosure control let out and that differs from the release before.
create table publish.release (
    release_id       bigint generated always as identity primary key,
    edition          text not null,
    policy_version   integer not null,
    content_sha256   text not null,
    exempt_cells     integer not null,
    protected_cells  integer not null,
    hidden_cells     integer not null,
    released_at      timestamptz not null default clock_timestamp(),
    author           text not null check (length(trim(author)) > 0),
    unique (release_id, author)
);
comment on table publish.release is
    'One row is a release: content that disclosure control let out and that differs from the release before.';
comment on column publish.release.release_id is 'Number of the release.';
comment on column publish.release.edition is 'Schema of the build it was made from; ''marts'' is the present one.';
comment on column publish.release.policy_version is 'Version of the disclosure policy applied.';
comment on column publish.release.content_sha256 is 'SHA-256 over every published row.';
comment on column publish.release.exempt_cells is 'Cells published exact under R12.';
comment on column publish.release.protected_cells is 'Cells rounded or hidden.';
comment on column publish.release.hidden_cells is 'Cells hidden.';
comment on column publish.release.released_at is 'When it was written.';
comment on column publish.release.author is 'Who had it made; somebody else approves it (R16).';

-- One row is a person's approval of a release; its author may not give it.
create table ops.release_approval (
    release_id   bigint not null,
    author       text not null,
    approved_by  text not null check (length(trim(approved_by)) > 0),
    approved_at  timestamptz not null default clock_timestamp(),
    reason       text not null default '',
    primary key (release_id, approved_by),
    foreign key (release_id, author) references publish.release (release_id, author),
    check (approved_by <> author)
);

-- One row is a row of a released table as it left. `exact_count` is the count behind a protected cell, which only the
-- publisher reads: it tells by how much the count changed until a later release.
create table ops.release_cell (
    release_id     bigint not null references publish.release,
    table_name     text not null,
    row_number     integer not null,
    definition_id  text,
    area_code      text,
    period_start   date,
    period_end     date,
    value_count    bigint,
    is_suppressed  boolean not null,
    is_exempt      boolean not null,
    exact_count    bigint,
    shown          jsonb not null,
    primary key (release_id, table_name, row_number)
);
create index on ops.release_cell (definition_id, area_code, period_start, period_end) where not is_exempt;

-- One row is a table that was not released, and why.
create table ops.release_refusal (
    release_refusal_id  bigint generated always as identity primary key,
    edition             text not null,
    table_name          text not null,
    kind                text not null check (kind in ('disagrees', 'unprotected', 'refused')),
    reason              text not null,
    policy_version      integer not null,
    refused_at          timestamptz not null default clock_timestamp()
);

-- One row is a person's word that these bytes, loaded by hand, are the publisher's own.
create table ops.confirmation (
    confirmation_id  bigint generated always as identity primary key,
    batch_id         bigint not null references ops.batch,
    feed             text not null references ops.feed,
    sha256           text not null,
    url              text not null check (url ~ '^https://[^/]'),
    reason           text not null check (length(trim(reason)) > 0),
    confirmed_by     text not null check (length(trim(confirmed_by)) > 0),
    confirmed_at     timestamptz not null default clock_timestamp(),
    unique (batch_id, url)
);
create index on ops.confirmation (feed, sha256);

-- One row is a batch whose landed bytes were counted again by their own columns. `fingerprint` covers how they were
-- counted: contract, policy, columns and values. Another one means counting again.
create table ops.recount (
    recount_id    bigint generated always as identity primary key,
    batch_id      bigint not null references ops.batch,
    fingerprint   text not null,
    counted_at    timestamptz not null default clock_timestamp(),
    unique (batch_id, fingerprint)
);

-- One row is the recounted sum of a month and an area; the area is null where the cell was blank.
create table ops.recount_cell (
    recount_id   bigint not null references ops.recount on delete cascade,
    month        date not null,
    area_name    text,
    event_count  bigint not null
);
create index on ops.recount_cell (recount_id);
