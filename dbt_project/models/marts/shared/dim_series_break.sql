-- One row is a date across which values of some measures must not be compared without a flag.
select
    break_id::text as break_id,
    break_date::date as break_date,
    end_date::date as end_date,
    title::text as title,
    affects::text as affects,
    is_real_change::boolean as is_real_change,
    definition_ids::text[] as definition_ids
from {{ ref('series_break') }}
