-- One row is one victim of recorded homicide in the newest delivery. Identical rows are different people.
select
    recorded_month,
    borough_name,
    case
        when borough_check_id is not null then {{ withheld_reason("'borough_name'", 'borough_check_id') }}
        when borough_name is null and borough_name_source is null then 'blank in the source'
        when borough_name is null then 'spelling unknown to the contract'
    end as borough_null_reason,
    borough_check_id is not null as is_borough_withheld,
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
where '' = any(current_for)
