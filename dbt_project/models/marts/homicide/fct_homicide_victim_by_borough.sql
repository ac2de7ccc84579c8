-- One row is one victim of recorded homicide in the newest delivery whose borough is sound, month by month.
select
    recorded_month,
    borough_name,
    age_group,
    sex,
    ethnicity,
    method,
    case domestic_abuse when 'Domestic Abuse' then true when 'Not Domestic Abuse' then false end as is_domestic,
    offence,
    solved_status,
    victim_count::integer as victim_count,
    known_at,
    batch_id,
    line_number,
    part
from {{ ref('stg_mps_homicide_victims__sound_borough') }}
