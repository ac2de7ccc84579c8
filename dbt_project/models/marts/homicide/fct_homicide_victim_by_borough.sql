-- One row is one victim of recorded homicide in the newest delivery whose borough is sound, month by month.
select
    recorded_month,
    borough_name,
    age_group,
    sex,
    ethnicity,
    method,
    is_domestic,
    offence,
    solved_status,
    withheld_reason,
    null_reason,
    victim_count,
    known_at,
    batch_id,
    line_number,
    part
from {{ ref('int_homicide_victim') }}
where 'borough_name' = any(current_for)
