-- One row is a feed, resource, partition and period with its quality score: a batch that is current, or a period
-- before the newest of its resource that the partition did not deliver. Kept out of the mart hash.
select
    quality.feed,
    feed.title as feed_title,
    feed.owner,
    quality.resource,
    quality.partition as source_partition,
    quality.period_start,
    quality.period_end,
    quality.batch_id is not null as has_come,
    quality.timeliness as timeliness_score,
    quality.completeness as completeness_score,
    quality.validity as validity_score,
    quality.stability as stability_score,
    quality.volume as volume_score,
    array_to_string(quality.not_applied, ', ') as not_applied,
    quality.weight_version,
    quality.quality_score,
    -- counts of rows that are people are not for everyone who may read a mart
    case when not feed.personal_data then batch.rows_admitted end as admitted_count,
    case when not feed.personal_data then batch.rows_quarantined end as quarantined_count,
    quality.batch_id
from {{ ref('int_feed_quality') }} as quality
inner join {{ source('ops', 'feed') }} as feed on quality.feed = feed.feed
left join {{ source('ops', 'batch') }} as batch on quality.batch_id = batch.batch_id
