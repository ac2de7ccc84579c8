-- One row is a definition, a source, a kind of area and a period: of the batches behind its figures the lowest score,
-- and the rows refused in them, each batch once.
with behind as (
    select distinct
        coverage.definition_id,
        coverage.source_feed,
        coverage.area_kind,
        period.period_kind,
        period.period_start,
        delivery.batch_id
    from {{ ref('int_measure_coverage') }} as coverage
    inner join {{ ref('int_measure_delivery') }} as delivery
        on
            coverage.source_feed = delivery.source_feed
            and coverage.resource = delivery.resource
            and coverage.grain = delivery.grain
            and coverage.partition = delivery.partition
            and coverage.sound_column = delivery.column_name
            and coverage.unit_start = delivery.unit_start
    inner join {{ ref('int_measure_period') }} as period
        on coverage.grain = period.grain and coverage.unit_start = period.unit_start
    where coverage.null_reason_code is null
),

quality as (
    select
        batch_id,
        min(quality_score) as quality_score
    from {{ ref('int_feed_quality') }}
    group by batch_id
)

select
    behind.definition_id,
    behind.source_feed,
    behind.area_kind,
    behind.period_kind,
    behind.period_start,
    min(quality.quality_score) as quality_score,
    coalesce(sum(batch.rows_quarantined), 0)::bigint as quarantined_count
from behind
left join quality on behind.batch_id = quality.batch_id
left join {{ source('ops', 'batch') }} as batch on behind.batch_id = batch.batch_id
group by behind.definition_id, behind.source_feed, behind.area_kind, behind.period_kind, behind.period_start
