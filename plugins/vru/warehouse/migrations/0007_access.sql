-- Who may do what. Roles are made by `vru.warehouse.roles`; nobody but these has any right.

revoke all on all functions in schema ops from public;

grant usage on schema raw to loader, checker, transformer;
grant usage on schema quarantine to loader, checker;
grant usage on schema ops to loader, checker, transformer, publisher, analyst, analyst_restricted;
grant usage on schema publish to publisher, analyst, analyst_restricted, report_reader;
grant create on schema publish to publisher;

alter default privileges in schema raw grant select on tables to checker, transformer;
alter default privileges in schema raw grant select, insert, delete on tables to loader;

grant select, insert on all tables in schema quarantine to loader;
grant delete on all tables in schema quarantine to loader;
grant select on all tables in schema quarantine to checker;

grant select, insert, update, delete on all tables in schema ops to loader;
grant select on all tables in schema ops to checker, transformer, publisher;
revoke insert, update, delete on ops.score_weight from loader;
revoke all on ops.mail from loader, checker, transformer;
grant insert on ops.check_result to checker;
grant insert, update on ops.build, ops.model_run to transformer;
grant insert, update, delete on ops.lease to transformer;
grant insert on ops.check_result to transformer;
grant insert, update (input_sha256) on ops.report to publisher;
-- exact counts behind protected cells: for who judges the next release
revoke all on ops.release_cell from loader, checker, transformer;
revoke update, delete on ops.confirmation, ops.release_refusal, ops.recount, ops.recount_cell from loader;
revoke insert, update, delete on ops.release_approval from loader;
grant insert on ops.release_cell, ops.release_refusal, ops.recount, ops.recount_cell to publisher;
grant select, insert on publish.release to publisher;
grant select on publish.release to analyst, analyst_restricted, report_reader;
grant select, insert, update on ops.mail to publisher;
grant execute on function ops.next_unit, ops.current_input to loader, checker, transformer, publisher;
grant execute on function ops.stamp to loader;
grant execute on function
    ops.key_part(text), ops.key_part(bigint), ops.key_part(numeric), ops.key_part(boolean), ops.key_part(date),
    ops.key_part(timestamptz)
to loader, checker;
grant execute on function ops.settled_now to loader, transformer;
grant execute on function ops.is_sound, ops.is_displaced, ops.earlier_sound_batch, ops.earlier_periods
to loader, checker;
grant execute on function
    ops.t_99, ops.units, ops.weighted, ops.stated_at, ops.quality_score, ops.unanswered, ops.owed
to loader, checker, transformer, publisher;
grant execute on function ops.today, ops.feed_status
to loader, checker, transformer, publisher, analyst, analyst_restricted;
grant execute on function ops.incomplete_gamma, ops.gamma_quantile, ops.poisson_interval
to checker, transformer, publisher, analyst, analyst_restricted;

-- What an analyst may see of the ledger: no values, no rows; of a restricted feed no name, size, hash, line or count (R12a).
create function ops.shown_reason(reason text, personal_data boolean) returns text
language sql immutable parallel safe as $$
    select case when personal_data then coalesce(substring(reason from '^([a-z0-9_]+):'), '') else reason end
$$;
revoke all on function ops.shown_reason from public;
grant execute on function ops.shown_reason to publisher, analyst, analyst_restricted;
comment on function ops.shown_reason is 'A reason as others may read it: of a restricted feed only the name of the check.';

create view ops.v_feed as
    select feed, title, publisher, owner, licence, attribution, homepage, contract_version, cadence_days from ops.feed;
create view ops.v_feed_status as
    select s.* from ops.feed_status(null, null, ops.today()) s order by s.severity, s.title;
create view ops.v_batch as
    select
        b.batch_id, b.content_id, b.feed, b.resource, b.partition, b.period_start, b.period_end, b.status,
        ops.shown_reason(b.reason, f.personal_data) as reason,
        case when not f.personal_data then b.file_name end as file_name,
        case when not f.personal_data then b.sha256 end as sha256,
        b.contract_version, b.parsed_at, b.admitted_at, b.withdrawn_at,
        case when not f.personal_data then b.rows_parsed end as rows_parsed,
        case when not f.personal_data then b.rows_admitted end as rows_admitted,
        case when not f.personal_data then b.rows_quarantined end as rows_quarantined,
        b.public_id
    from ops.batch b join ops.feed f on f.feed = b.feed;
create view ops.v_batch_status as
    select s.batch_id, s.status, ops.shown_reason(s.reason, f.personal_data) as reason, s.since
    from ops.batch_status s join ops.batch b on b.batch_id = s.batch_id join ops.feed f on f.feed = b.feed;
create view ops.v_delivery as
    select
        d.delivery_id, d.content_id, d.feed, d.resource, d.partition, d.period_start, d.period_end,
        case when not f.personal_data then d.sha256 end as sha256, d.vintage_at, d.vintage_source, d.received_at,
        case when not f.personal_data then d.source_url end as source_url,
        case when not f.personal_data then d.file_name end as file_name,
        case when not f.personal_data then d.size_bytes end as size_bytes
    from ops.stated d join ops.feed f on f.feed = d.feed;
create view ops.v_attempt as
    select
        a.attempt_id, a.feed, a.resource, a.partition, a.asked_on, a.started_at, a.finished_at, a.outcome,
        case when not f.personal_data then a.size_bytes end as size_bytes,
        ops.shown_reason(a.reason, f.personal_data) as reason
    from ops.attempt a join ops.feed f on f.feed = a.feed;
create view ops.v_check_result as
    select
        c.batch_id, c.build_id, c.suite, c.check_id, c.check_type, c.column_name, c.severity, c.reason, c.is_success,
        case when not coalesce(f.personal_data, false) then c.element_count end as element_count,
        case when not coalesce(f.personal_data, false) then c.unexpected_count end as unexpected_count, c.checked_at
    from ops.check_result c
    left join ops.batch b on b.batch_id = c.batch_id
    left join ops.feed f on f.feed = b.feed;
create view ops.v_withheld_column as
    select
        w.batch_id, w.column_name, w.check_id,
        case when f.personal_data then w.check_id else w.reason end as reason, w.withheld_at, w.lifted_at
    from ops.withheld_column w join ops.batch b on b.batch_id = w.batch_id join ops.feed f on f.feed = b.feed;
-- of a restricted feed one row is a fault that some row has: lines would count its rows
create view ops.v_quarantine as
    select b.feed, b.resource, b.partition, q.batch_id, q.line_number, q.part, q.column_name, q.check_id, q.reason
    from quarantine.row q
    join ops.batch b on b.batch_id = q.batch_id
    join ops.feed f on f.feed = b.feed and not f.personal_data
    union all
    select distinct b.feed, b.resource, b.partition, q.batch_id, null::bigint, null::integer, q.column_name, q.check_id, q.check_id
    from quarantine.row q
    join ops.batch b on b.batch_id = q.batch_id
    join ops.feed f on f.feed = b.feed and f.personal_data;
create view ops.v_build as
    select build_id, schema_name, status, known_at, admitted_at, is_full, unit_count, started_at, finished_at, reason
    from ops.build;
grant select on
    ops.v_feed, ops.v_feed_status, ops.v_batch, ops.v_batch_status, ops.v_delivery, ops.v_attempt, ops.v_check_result, ops.v_withheld_column,
    ops.v_quarantine, ops.v_build
to analyst, analyst_restricted, publisher;
