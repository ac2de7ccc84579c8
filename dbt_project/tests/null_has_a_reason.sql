-- One row is a figure that is null without a reason, or has both a figure and a reason for having none.
select
    definition_id,
    area_key,
    period_kind,
    period_start
from {{ ref('mart_measure') }}
where
    (value_count is null) <> (null_reason is not null)
    or (null_reason is null) <> (null_reason_code is null)
    or (rate_null_reason is null) <> (rate_null_reason_code is null)
    or (value_count is not null and (rate_per_100k is null) <> (rate_null_reason is not null))
    or (rate_per_100k is null) <> (rate_low is null)
    or (rate_per_100k is null) <> (rate_high is null)
