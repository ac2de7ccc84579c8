{{ config(materialized='table') }}
-- One row is a unit that a definition needs of a source, for one kind of area and one partition, from the first to the
-- last day that the source's current deliveries reach: whether it may be used there, when it was issued, and if it may
-- not be used, why. Records that were refused although they may lie in the unit, or in any of its areas, make it
-- unknown where a person let in more of them than the contract tolerates; as many as it tolerates are told
-- (unread_count).
with reach as (
    select
        source_feed,
        resource,
        grain,
        min(unit_start) as first_start,
        max(unit_start) as last_start
    from {{ ref('int_measure_delivery') }}
    group by source_feed, resource, grain
),

unit as (
    select distinct
        grain,
        unit_start,
        unit_end
    from {{ ref('int_measure_period') }}
),

expected as (
    select
        entry.definition_id,
        entry.source_feed,
        entry.resource,
        entry.area_kind,
        entry.grain,
        entry.sound_column,
        entry.needed_columns,
        entry.area_columns,
        partition.name as partition,
        unit.unit_start,
        unit.unit_end
    from {{ ref('int_measure_entry') }} as entry
    inner join reach
        on
            entry.source_feed = reach.source_feed
            and entry.resource = reach.resource
            and entry.grain = reach.grain
    inner join unit
        on entry.grain = unit.grain and unit.unit_start between reach.first_start and reach.last_start
    cross join lateral unnest(entry.partitions) as partition (name)
),

stated as (
    -- one row is a unit, a partition and a column: the days that deliveries state, and which deliveries
    select
        source_feed,
        resource,
        grain,
        partition,
        column_name,
        unit_start,
        max(vintage_at) as known_at,
        range_agg(daterange(stated_start, stated_end, '[]')) as days,
        array_agg(distinct batch_id) as batch_ids
    from {{ ref('int_measure_delivery') }}
    group by source_feed, resource, grain, partition, column_name, unit_start
),

judged as (
    -- whole: the delivery of the rows; sound: the one whose rows may be used where a column of theirs must be sound
    select
        expected.*,
        coalesce(sound.known_at, whole.known_at) as known_at,
        whole.days is not null as is_begun,
        coalesce(whole.days @> daterange(expected.unit_start, expected.unit_end, '[]'), false) as is_whole,
        coalesce(sound.days @> daterange(expected.unit_start, expected.unit_end, '[]'), false) as is_sound,
        whole.batch_ids as whole_batch_ids,
        sound.batch_ids as sound_batch_ids
    from expected
    left join stated as whole
        on
            expected.source_feed = whole.source_feed
            and expected.resource = whole.resource
            and expected.grain = whole.grain
            and expected.partition = whole.partition
            and expected.unit_start = whole.unit_start
            and whole.column_name = ''
    left join stated as sound
        on
            expected.source_feed = sound.source_feed
            and expected.resource = sound.resource
            and expected.grain = sound.grain
            and expected.partition = sound.partition
            and expected.unit_start = sound.unit_start
            and expected.sound_column = sound.column_name
),

explained as (
    -- one row is a unit with the first column that it needs and may not use
    select
        judged.*,
        coalesce(withheld.column_name, case when not judged.is_sound then judged.sound_column end) as withheld_column,
        withheld.check_id
    from judged
    left join lateral (
        select
            found.column_name,
            found.check_id
        from {{ ref('int_withheld_column') }} as found
        where
            daterange(found.unit_start, found.unit_end, '[]') && daterange(judged.unit_start, judged.unit_end, '[]')
            and (
                (
                    judged.is_sound
                    and found.batch_id = any(judged.sound_batch_ids)
                    and found.column_name = any(judged.needed_columns)
                )
                or (
                    not judged.is_sound
                    and found.batch_id = any(judged.whole_batch_ids)
                    and found.column_name = judged.sound_column
                )
            )
        order by found.column_name, found.check_id
        limit 1
    ) as withheld on true
),

unread as (
    -- one row is a unit that refused records may belong to: of how many the period cannot be read, or only the area,
    -- and whether any of them are more than the contract tolerates
    select
        judged.definition_id,
        judged.source_feed,
        judged.resource,
        judged.area_kind,
        judged.partition,
        judged.unit_start,
        sum(refused.row_count) filter (where not refused.is_placed) as of_period_count,
        sum(refused.row_count) filter (where refused.is_placed) as of_area_count,
        bool_or(refused.is_over_tolerance and not refused.is_placed) as is_period_over,
        bool_or(refused.is_over_tolerance and refused.is_placed) as is_area_over
    from judged
    inner join {{ ref('int_measure_refused') }} as refused
        on
            judged.source_feed = refused.source_feed
            and judged.resource = refused.resource
            and judged.grain = refused.grain
            and judged.partition = refused.partition
            and judged.sound_column = refused.column_name
            and judged.unit_start = refused.unit_start
            and (
                not refused.is_placed
                -- a record that could not be taken apart has no readable area either
                or (cardinality(judged.area_columns) > 0 and refused.column_names && (judged.area_columns || ''::text))
            )
    group by
        judged.definition_id, judged.source_feed, judged.resource, judged.area_kind, judged.partition, judged.unit_start
)

select
    explained.definition_id,
    explained.source_feed,
    explained.resource,
    explained.area_kind,
    explained.grain,
    explained.partition,
    explained.sound_column,
    explained.unit_start,
    explained.known_at,
    -- a unit that the newest deliveries no longer cover is no more known by its sound column than as a whole
    case
        when not explained.is_begun then 'no_delivery'
        when not explained.is_whole then 'incomplete_period'
        when explained.withheld_column is not null then 'column_withheld'
        when unread.is_period_over then 'period_unreadable'
        when unread.is_area_over then 'area_unreadable'
    end as null_reason_code,
    case
        when not explained.is_begun then 'no admitted delivery covers this period'
        when not explained.is_whole then 'incomplete period'
        when explained.withheld_column is not null
            then {{ withheld_reason('explained.withheld_column', 'explained.check_id') }}
        when unread.is_period_over
            then {{ unread_reason('unread.of_period_count', 'period', 'feed.personal_data') }}
        when unread.is_area_over
            then {{ unread_reason('unread.of_area_count', 'area', 'feed.personal_data') }}
    end as null_reason,
    coalesce(unread.of_period_count, 0) + coalesce(unread.of_area_count, 0) as unread_count,
    case
        when unread.of_period_count > 0
            then {{ unread_reason('unread.of_period_count', 'period', 'feed.personal_data') }}
        when unread.of_area_count > 0
            then {{ unread_reason('unread.of_area_count', 'area', 'feed.personal_data') }}
    end as unread_reason,
    case
        when unread.of_period_count > 0 then 'period_unreadable'
        when unread.of_area_count > 0 then 'area_unreadable'
    end as unread_reason_code
from explained
left join unread
    on
        explained.definition_id = unread.definition_id
        and explained.source_feed = unread.source_feed
        and explained.resource = unread.resource
        and explained.area_kind = unread.area_kind
        and explained.partition = unread.partition
        and explained.unit_start = unread.unit_start
left join {{ source('ops', 'feed') }} as feed on explained.source_feed = feed.feed
