-- Reports that were written, and who was sent which.

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
    written_at   timestamptz not null default clock_timestamp(),
    summary      jsonb not null default '{}'
);
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
