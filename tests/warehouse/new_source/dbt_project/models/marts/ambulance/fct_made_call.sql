-- One row is a number of calls of one kind in one borough and quarter.
select
    quarter_start,
    borough_code,
    call_kind,
    call_count::integer as call_count,
    batch_id,
    line_number
from {{ ref('stg_made_calls') }}
