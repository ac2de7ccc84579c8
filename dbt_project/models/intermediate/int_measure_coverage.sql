-- One row is a month of a source's range, for one kind of area. Every source of measures adds its rows here.
select
    source_feed,
    area_kind,
    month,
    batch_id,
    known_at,
    quarantined_count,
    null_reason
from {{ ref('int_homicide_measure_coverage') }}
