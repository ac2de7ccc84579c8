-- Everything that happened can be seen, and nothing that is unknown is read as zero.

-- The days within which a refused record may lie, as far as its readable parts tell (a year without a month: that year);
-- null where nothing tells, and for what was refused before this was noted.
alter table quarantine.row
    add unit_first date,
    add unit_last date,
    add check ((unit_first is null) = (unit_last is null) and unit_first <= unit_last);

-- One row is a batch and its refused records that may lie within the same days and were refused for the same columns ('' is
-- the record as a whole): how many they are, and whether the batch has more of them than its contract tolerates, so that
-- a person let it in. Records without any cell, and second copies of one that counts, stand for nothing and are left out.
create view ops.refused_row as
    select
        r.batch_id, r.unit_first, r.unit_last, r.column_names, count(distinct r.line_number) as row_count,
        exists (
            select 1 from ops.check_result c
            where c.batch_id = r.batch_id and c.check_id = 'quarantine_over_tolerance' and not c.is_success
        ) as is_over_tolerance
    from (
        select
            q.batch_id, q.line_number, q.part,
            case when bool_and(q.unit_first is not null) then min(q.unit_first) end as unit_first,
            case when bool_and(q.unit_first is not null) then max(q.unit_last) end as unit_last,
            array_agg(distinct q.column_name order by q.column_name) as column_names
        from quarantine.row q
        where q.check_id not in ('blank_row', 'repeated_row_of_a_key')
        group by q.batch_id, q.line_number, q.part
    ) r
    group by r.batch_id, r.unit_first, r.unit_last, r.column_names;
grant select on ops.refused_row to transformer;

-- The first lines at fault of a check on rows, as examples of place.
alter table ops.check_result add example_lines bigint[] not null default '{}';

-- What an analyst may see of all this: of a restricted feed the names of checks and columns, and nothing that counts its
-- rows or holds a value (R12a). Of an open feed a cell that the contract does not know is the publisher's own public word.
create or replace view ops.v_check_result as
    select
        c.batch_id, c.build_id, c.suite, c.check_id, c.check_type, c.column_name, c.severity, c.reason, c.is_success,
        case when not coalesce(f.personal_data, false) then c.element_count end as element_count,
        case when not coalesce(f.personal_data, false) then c.unexpected_count end as unexpected_count, c.checked_at,
        case when not coalesce(f.personal_data, false) then c.detail end as detail,
        case when not coalesce(f.personal_data, false) then c.example_lines end as example_lines
    from ops.check_result c
    left join ops.batch b on b.batch_id = c.batch_id
    left join ops.feed f on f.feed = b.feed;
comment on view ops.v_check_result is
    'One row is the outcome of one check on one batch or build; detail is what it measured beside its limit, example_lines the '
    'first lines at fault. A check that was made again has a row each time; the newest (checked_at) holds.';

create view ops.v_quarantine_cell as
    select
        b.feed, b.resource, b.partition, q.batch_id, q.line_number, q.part, q.column_name, q.check_id, q.reason,
        q.received_value
    from quarantine.cell q
    join ops.batch b on b.batch_id = q.batch_id
    join ops.feed f on f.feed = b.feed and not f.personal_data
    union all
    select distinct
        b.feed, b.resource, b.partition, q.batch_id, null::bigint, null::integer, q.column_name, q.check_id, q.check_id,
        null::text
    from quarantine.cell q
    join ops.batch b on b.batch_id = q.batch_id
    join ops.feed f on f.feed = b.feed and f.personal_data;
comment on view ops.v_quarantine_cell is
    'One row is a cell that was left empty because its contract does not know the word there (received_value); its row counts. '
    'Of a restricted feed one row is a fault that some cell has.';

create view ops.v_decision as
    select
        d.decision_id, d.batch_id, b.feed, d.decision, d.column_name,
        case when f.personal_data then '' else d.reason end as reason, d.decided_by, d.decided_at
    from ops.decision d join ops.batch b on b.batch_id = d.batch_id join ops.feed f on f.feed = b.feed;
comment on view ops.v_decision is
    'One row is a decision that a person took about a batch: who, when and why. Why is not shown of a restricted feed.';

create or replace view ops.v_batch as
    select
        b.batch_id, b.content_id, b.feed, b.resource, b.partition, b.period_start, b.period_end, b.status,
        ops.shown_reason(b.reason, f.personal_data) as reason,
        case when not f.personal_data then b.file_name end as file_name,
        case when not f.personal_data then b.sha256 end as sha256,
        b.contract_version, b.parsed_at, b.admitted_at, b.withdrawn_at,
        case when not f.personal_data then b.rows_parsed end as rows_parsed,
        case when not f.personal_data then b.rows_admitted end as rows_admitted,
        case when not f.personal_data then b.rows_quarantined end as rows_quarantined,
        b.public_id,
        case when not f.personal_data then b.warnings end as warnings
    from ops.batch b join ops.feed f on f.feed = b.feed;

create or replace view ops.v_delivery as
    select
        d.delivery_id, d.content_id, d.feed, d.resource, d.partition, d.period_start, d.period_end,
        case when not f.personal_data then d.sha256 end as sha256, d.vintage_at, d.vintage_source, d.received_at,
        case when not f.personal_data then d.source_url end as source_url,
        case when not f.personal_data then d.file_name end as file_name,
        case when not f.personal_data then d.size_bytes end as size_bytes,
        ops.shown_reason(d.warning, f.personal_data) as warning
    from ops.stated d join ops.feed f on f.feed = d.feed;
grant select on ops.v_quarantine_cell, ops.v_decision to analyst, analyst_restricted, publisher;
