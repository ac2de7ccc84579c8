-- A column may be withheld in some units only (a year, a month), and stays in use in the others.

-- A null day is no bound: both null are every unit, a null end is whatever comes after.
alter table ops.withheld_column add unit_start date;
alter table ops.withheld_column add unit_end date;
alter table ops.withheld_column add constraint withheld_units check (unit_start <= unit_end);
-- one check withholds several stretches at one instant
alter table ops.withheld_column drop constraint withheld_column_pkey;
create unique index withheld_column_once
on ops.withheld_column (batch_id, column_name, check_id, unit_start, withheld_at) nulls not distinct;

-- Which days of which batch are sound for a column, `ops.current_input` and `ops.earlier_sound_units` say (0009).
comment on function ops.is_sound is
    'Whether others may be compared with a batch; with a column, whether it is withheld in no unit (by unit: ops.earlier_sound_units).';

create or replace view ops.v_withheld_column as
    select
        w.batch_id, w.column_name, w.check_id,
        case when f.personal_data then w.check_id else w.reason end as reason, w.withheld_at, w.lifted_at,
        w.unit_start, w.unit_end
    from ops.withheld_column w join ops.batch b on b.batch_id = w.batch_id join ops.feed f on f.feed = b.feed;
