{{ config(materialized='table') }}
-- One row is a unit of a source's finest grain and some refused records of a delivery that counts there: records that
-- lie in the unit (is_placed), or may lie there, because nobody can read when they were. A delivery of one period holds
-- nothing of another; a year in which the delivery covers nothing was read wrongly, and is no help.
with delivery as (
    select distinct
        stated.source_feed,
        stated.resource,
        stated.grain,
        stated.partition,
        stated.column_name,
        stated.unit_start,
        stated.batch_id,
        unit.unit_end
    from {{ ref('int_measure_delivery') }} as stated
    inner join {{ ref('int_measure_period') }} as unit
        on stated.grain = unit.grain and stated.unit_start = unit.unit_start
),

refused as (
    -- one row is some refused records of a batch, and the days that they say and that the delivery covers
    select
        refused_row.*,
        case
            when refused_row.unit_first is not null
                then daterange(refused_row.unit_first, refused_row.unit_last, '[]')
        end as said,
        daterange(batch.period_start, batch.period_end, '[]') as covered,
        resource.delivery_mode = 'period' as is_of_period,
        refused_row.unit_last < ops.next_unit(refused_row.unit_first, resource.grain) as is_one_unit
    from {{ source('ops', 'refused_row') }} as refused_row
    inner join {{ source('ops', 'batch') }} as batch on refused_row.batch_id = batch.batch_id
    inner join {{ source('ops', 'resource') }} as resource
        on batch.feed = resource.feed and batch.resource = resource.resource
),

limited as (
    -- the days within which they may lie; none where nothing limits them
    select
        *,
        case
            when is_of_period then coalesce(nullif(said * covered, 'empty'), covered)
            when is_one_unit or said && covered then said
        end as days
    from refused
)

select
    delivery.source_feed,
    delivery.resource,
    delivery.grain,
    delivery.partition,
    delivery.column_name,
    delivery.unit_start,
    delivery.batch_id,
    limited.unit_first,
    limited.unit_last,
    limited.column_names,
    limited.row_count,
    limited.is_over_tolerance,
    coalesce(limited.days <@ daterange(delivery.unit_start, delivery.unit_end, '[]'), false) as is_placed
from delivery
inner join limited on delivery.batch_id = limited.batch_id
where limited.days is null or limited.days && daterange(delivery.unit_start, delivery.unit_end, '[]')
