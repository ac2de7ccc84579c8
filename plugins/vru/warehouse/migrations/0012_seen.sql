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
