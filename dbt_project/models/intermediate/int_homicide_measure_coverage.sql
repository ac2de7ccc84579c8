-- One row is a month between the first and the last of the current homicide deliveries, for London or for its
-- boroughs: whether a delivery covers it that may be used there, when that was issued, and if none does, why.
with unit as (
    select
        unit_start as month,
        column_name,
        batch_id,
        vintage_at
    from {{ source('build', 'build_input') }}
    where feed = 'mps_homicide_victims'
),

month_range as (
    select generate_series(min(month), max(month), interval '1 month')::date as month
    from unit
),

stated as (
    -- one row is a month with the delivery of its rows as a whole and the one whose boroughs may be used
    select
        month_range.month,
        whole.batch_id as whole_batch_id,
        whole.vintage_at as whole_vintage_at,
        sound.batch_id as sound_batch_id,
        sound.vintage_at as sound_vintage_at,
        withheld.check_id
    from month_range
    left join unit as whole on month_range.month = whole.month and whole.column_name = ''
    left join unit as sound on month_range.month = sound.month and sound.column_name = 'borough_name'
    left join {{ ref('int_withheld_column') }} as withheld
        on whole.batch_id = withheld.batch_id and withheld.column_name = 'borough_name'
),

by_kind as (
    select
        'region' as area_kind,
        month,
        whole_batch_id as batch_id,
        whole_vintage_at as known_at,
        case when whole_batch_id is null then 'no admitted delivery covers this period' end as null_reason
    from stated
    union all
    -- a month that the newest delivery no longer covers is no more known by borough than for London
    select
        'borough' as area_kind,
        month,
        case when whole_batch_id is not null then sound_batch_id end as batch_id,
        coalesce(sound_vintage_at, whole_vintage_at) as known_at,
        case
            when whole_batch_id is null then 'no admitted delivery covers this period'
            when sound_batch_id is null
                then 'borough column withheld (check ' || coalesce(check_id, 'unknown') || ')'
        end as null_reason
    from stated
)

select
    'mps_homicide_victims' as source_feed,
    by_kind.area_kind,
    by_kind.month,
    by_kind.batch_id,
    by_kind.known_at,
    by_kind.null_reason,
    coalesce(batch.rows_quarantined, 0) as quarantined_count
from by_kind
left join {{ source('ops', 'batch') }} as batch on by_kind.batch_id = batch.batch_id
