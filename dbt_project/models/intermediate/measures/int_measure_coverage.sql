{{ config(materialized='table') }}
-- One row is a unit that a definition needs of a source, for one kind of area and one partition, from the first to the
-- last day that the source's current deliveries reach: whether it may be used there, when it was issued, and if it may
-- not be used, why.
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
)

select
    definition_id,
    source_feed,
    resource,
    area_kind,
    grain,
    partition,
    sound_column,
    unit_start,
    known_at,
    -- a unit that the newest deliveries no longer cover is no more known by its sound column than as a whole
    case
        when not is_begun then 'no_delivery'
        when not is_whole then 'incomplete_period'
        when withheld_column is not null then 'column_withheld'
    end as null_reason_code,
    case
        when not is_begun then 'no admitted delivery covers this period'
        when not is_whole then 'incomplete period'
        when withheld_column is not null then {{ withheld_reason('withheld_column', 'check_id') }}
    end as null_reason
from explained
