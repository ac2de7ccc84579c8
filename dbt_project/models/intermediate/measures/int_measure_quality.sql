-- One row is a definition, a source, a kind of area and a period: of the batches behind its figures the lowest score,
-- and the rows refused in them that lie in the period or may lie in it, each once.
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
),

refused as (
    -- a row that may lie in several units of a period is one row of it
    select distinct
        coverage.definition_id,
        coverage.source_feed,
        coverage.area_kind,
        period.period_kind,
        period.period_start,
        found.batch_id,
        found.unit_first,
        found.unit_last,
        found.column_names,
        found.row_count
    from {{ ref('int_measure_coverage') }} as coverage
    inner join {{ ref('int_measure_refused') }} as found
        on
            coverage.source_feed = found.source_feed
            and coverage.resource = found.resource
            and coverage.grain = found.grain
            and coverage.partition = found.partition
            and coverage.sound_column = found.column_name
            and coverage.unit_start = found.unit_start
    inner join {{ ref('int_measure_period') }} as period
        on coverage.grain = period.grain and coverage.unit_start = period.unit_start
),

figure as (
    select
        behind.definition_id,
        behind.source_feed,
        behind.area_kind,
        behind.period_kind,
        behind.period_start,
        quality.quality_score,
        0 as row_count
    from behind
    left join quality on behind.batch_id = quality.batch_id
    union all
    select
        definition_id,
        source_feed,
        area_kind,
        period_kind,
        period_start,
        null as quality_score,
        row_count
    from refused
)

select
    definition_id,
    source_feed,
    area_kind,
    period_kind,
    period_start,
    min(quality_score) as quality_score,
    sum(row_count)::bigint as quarantined_count
from figure
group by definition_id, source_feed, area_kind, period_kind, period_start
