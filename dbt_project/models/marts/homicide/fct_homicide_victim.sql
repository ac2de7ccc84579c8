-- One row is one victim of recorded homicide in the newest delivery. Identical rows are different people.
select
    victim.recorded_month,
    case when not victim.is_borough_name_withheld then victim.borough_name end as borough_name,
    case
        when victim.is_borough_name_withheld then {{ withheld_reason("'borough_name'", 'withheld.check_id') }}
        when victim.borough_name is null and victim.borough_name_source is null then 'blank in the source'
        when victim.borough_name is null then 'spelling unknown to the contract'
    end as borough_null_reason,
    victim.is_borough_name_withheld as is_borough_withheld,
    victim.age_group,
    victim.sex,
    victim.ethnicity,
    victim.method,
    victim.is_domestic,
    victim.offence,
    victim.solved_status,
    victim.null_reason,
    victim.victim_count,
    victim.known_at,
    victim.batch_id,
    victim.line_number,
    victim.part
from {{ ref('int_homicide_victim') }} as victim
left join {{ ref('int_withheld_column') }} as withheld
    on victim.is_borough_name_withheld and victim.batch_id = withheld.batch_id and withheld.column_name = 'borough_name'
where not victim.is_sound_borough
