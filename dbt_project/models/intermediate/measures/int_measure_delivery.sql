-- One row is a unit of a source's finest grain and a stretch of days that a current delivery states in it, for rows as
-- a whole (column_name is empty) or for a column that a check may withhold.
with origin as (
    select distinct
        source_feed,
        resource,
        grain
    from {{ ref('int_measure_entry') }}
),

unit as (
    select distinct
        grain,
        unit_start,
        unit_end
    from {{ ref('int_measure_period') }}
)

select
    origin.source_feed,
    origin.resource,
    origin.grain,
    stated.partition,
    stated.column_name,
    unit.unit_start,
    stated.unit_start as stated_start,
    stated.unit_end as stated_end,
    stated.batch_id,
    stated.vintage_at
from origin
inner join {{ source('build', 'build_input') }} as stated
    on origin.source_feed = stated.feed and origin.resource = stated.resource
inner join unit
    on origin.grain = unit.grain and stated.unit_start <= unit.unit_end and stated.unit_end >= unit.unit_start
