-- One row is one victim of recorded homicide, once as the newest delivery has it and once (is_sound_borough) as the
-- newest delivery whose borough is sound has it; flags as booleans.
with stated as (
    select
        false as is_sound_borough,
        batch_id,
        line_number,
        part,
        known_at,
        victim_count,
        age_group,
        sex,
        ethnicity,
        method,
        domestic_abuse,
        recorded_month,
        offence,
        solved_status,
        borough_name,
        borough_name_source,
        is_borough_name_withheld,
        null_reason
    from {{ ref('stg_mps_homicide_victims') }}
    union all
    select
        true as is_sound_borough,
        batch_id,
        line_number,
        part,
        known_at,
        victim_count,
        age_group,
        sex,
        ethnicity,
        method,
        domestic_abuse,
        recorded_month,
        offence,
        solved_status,
        borough_name,
        borough_name_source,
        false as is_borough_name_withheld,
        null_reason
    from {{ ref('stg_mps_homicide_victims__sound_borough') }}
)

select
    is_sound_borough,
    batch_id,
    line_number,
    part,
    known_at,
    victim_count::integer as victim_count,
    age_group,
    sex,
    ethnicity,
    method,
    case domestic_abuse when 'Domestic Abuse' then true when 'Not Domestic Abuse' then false end as is_domestic,
    recorded_month,
    offence,
    solved_status,
    borough_name,
    borough_name_source,
    is_borough_name_withheld,
    null_reason
from stated
