-- One row is a definition and a month for London as a whole: its headline figure. Safe to sum over
-- the months of one definition.
select
    definition_id,
    definition_version,
    source_feed,
    count_unit,
    area_code,
    area_name,
    period_start,
    value_count,
    population_count,
    population_year,
    population_series,
    rate_per_100k,
    rate_low,
    rate_high,
    is_provisional,
    quality_score,
    null_reason,
    known_at,
    population_known_at
from {{ ref('mart_measure') }}
where is_headline and area_kind = 'region' and period_kind = 'month'
