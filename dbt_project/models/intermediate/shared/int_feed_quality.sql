{{ config(materialized='table') }}
-- One row is a feed, resource, partition and period with its quality score and parts, at this build's K and W.
select
    quality.feed,
    quality.resource,
    quality.partition,
    quality.period_start,
    quality.period_end,
    quality.batch_id,
    quality.timeliness,
    quality.completeness,
    quality.validity,
    quality.stability,
    quality.volume,
    quality.not_applied,
    quality.weight_version,
    quality.quality_score
from {{ source('build', 'build_state') }} as state
cross join lateral ops.quality_score(state.known_at, state.admitted_at) as quality
