-- One row is a column withheld in a batch at this build's W, on some days (on all where both are null), with the check
-- that withheld it.
select
    withheld.batch_id,
    withheld.column_name,
    withheld.unit_start,
    withheld.unit_end,
    string_agg(distinct withheld.check_id, ', ' order by withheld.check_id) as check_id
from {{ source('ops', 'withheld_column') }} as withheld
cross join {{ source('build', 'build_state') }} as state
where
    withheld.withheld_at <= state.admitted_at
    and (withheld.lifted_at is null or withheld.lifted_at > state.admitted_at)
group by withheld.batch_id, withheld.column_name, withheld.unit_start, withheld.unit_end
