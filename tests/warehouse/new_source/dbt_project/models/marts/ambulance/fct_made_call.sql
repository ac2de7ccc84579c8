-- One row is a number of calls of one kind in one borough and quarter.
select
    quarter_start,
    borough_code,
    -- null where the source gives no place
    borough_code like 'E09%' as is_in_london,
    call_kind,
    call_count::integer as call_count,
    batch_id,
    line_number
from {{ ref('stg_made_calls') }}
