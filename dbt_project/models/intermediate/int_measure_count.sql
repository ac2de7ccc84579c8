-- One row is a definition, source, area and month with events. Every source of measures adds its rows here.
select
    definition_id,
    source_feed,
    area_key,
    month,
    value_count,
    unknown_count
from {{ ref('int_homicide_measure_count') }}
