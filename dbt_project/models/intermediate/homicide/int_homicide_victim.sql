-- One row is one victim of recorded homicide in a delivery that is current for its month, as a whole ('' in
-- current_for) or for a column that newer ones have withheld (its name there). Withheld cells are null, flags booleans.
select
    victim.current_for,
    victim.batch_id,
    victim.line_number,
    victim.part,
    victim.known_at,
    victim.victim_count::integer as victim_count,
    {{ sound_cell('victim', 'age_group') }} as age_group,
    {{ sound_cell('victim', 'sex') }} as sex,
    {{ sound_cell('victim', 'ethnicity') }} as ethnicity,
    {{ sound_cell('victim', 'method') }} as method,
    case {{ sound_cell('victim', 'domestic_abuse') }}
        when 'Domestic Abuse' then true
        when 'Not Domestic Abuse' then false
    end as is_domestic,
    victim.recorded_month,
    {{ sound_cell('victim', 'offence') }} as offence,
    {{ sound_cell('victim', 'solved_status') }} as solved_status,
    {{ sound_cell('victim', 'borough_name') }} as borough_name,
    victim.borough_name_source,
    withheld.check_ids ->> 'borough_name' as borough_check_id,
    withheld.withheld_reason,
    {{ null_reasons('victim', {
        'age_group': 'age_group', 'sex': 'sex', 'ethnicity': 'ethnicity', 'method': 'method',
        'domestic_abuse': 'is_domestic', 'offence': 'offence', 'solved_status': 'solved_status'
    }, 'withheld') }} as null_reason
from {{ ref('stg_mps_homicide_victims__sound') }} as victim
left join {{ ref('int_withheld_unit') }} as withheld
    on {{ withheld_of('victim', 'recorded_month') }}
