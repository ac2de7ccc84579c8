-- One row is a source, a kind of area and a period: the lowest score of the batches behind it.
select
    coverage.source_feed,
    coverage.area_kind,
    period.period_kind,
    period.period_start,
    min(quality.quality_score) as quality_score
from {{ ref('int_measure_coverage') }} as coverage
inner join {{ ref('int_measure_period') }} as period on coverage.month = period.month
inner join {{ ref('int_feed_quality') }} as quality on coverage.batch_id = quality.batch_id
group by coverage.source_feed, coverage.area_kind, period.period_kind, period.period_start
