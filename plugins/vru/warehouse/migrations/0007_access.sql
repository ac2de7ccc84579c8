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
grant insert on ops.report to publisher;
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

-- What an analyst may see of the ledger: no values, no rows, no file of a restricted feed.
create view ops.v_feed as
    select feed, title, publisher, owner, licence, attribution, homepage, contract_version, cadence_days from ops.feed;
create view ops.v_feed_status as
    select s.* from ops.feed_status(null, null, ops.today()) s order by s.severity, s.title;
create view ops.v_batch as
    select
        batch_id, content_id, feed, resource, partition, period_start, period_end, status, reason, file_name, sha256,
        contract_version, parsed_at, admitted_at, withdrawn_at, rows_parsed, rows_admitted, rows_quarantined
    from ops.batch;
create view ops.v_batch_status as select batch_id, status, reason, since from ops.batch_status;
create view ops.v_delivery as
    select
        delivery_id, content_id, feed, resource, partition, period_start, period_end, sha256, vintage_at, vintage_source,
        received_at, source_url, file_name, size_bytes
    from ops.stated;
create view ops.v_attempt as
    select attempt_id, feed, resource, partition, asked_on, started_at, finished_at, outcome, size_bytes, reason from ops.attempt;
create view ops.v_check_result as
    select
        batch_id, build_id, suite, check_id, check_type, column_name, severity, reason, is_success, element_count,
        unexpected_count, checked_at
    from ops.check_result;
create view ops.v_withheld_column as
    select batch_id, column_name, check_id, reason, withheld_at, lifted_at from ops.withheld_column;
create view ops.v_quarantine as
    select b.feed, b.resource, b.partition, q.batch_id, q.line_number, q.part, q.column_name, q.check_id, q.reason
    from quarantine.row q join ops.batch b using (batch_id);
create view ops.v_build as
    select build_id, schema_name, status, known_at, admitted_at, is_full, unit_count, started_at, finished_at, reason
    from ops.build;
grant select on
    ops.v_feed, ops.v_feed_status, ops.v_batch, ops.v_batch_status, ops.v_delivery, ops.v_attempt, ops.v_check_result, ops.v_withheld_column,
    ops.v_quarantine, ops.v_build
to analyst, analyst_restricted, publisher;
