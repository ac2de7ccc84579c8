-- One row is a date across which values of some measures must not be compared without a flag.
with affected as (
    -- one row is a break and a definition that it affects; * is every definition
    select distinct
        bridge.break_id,
        bridge.figure,
        definition.definition_id
    from {{ ref('series_break_definition') }} as bridge
    inner join {{ ref('definition') }} as definition on bridge.definition_id in ('*', definition.definition_id)
),

listed as (
    select
        break_id,
        array_agg(definition_id::text order by definition_id) filter (where figure = 'count') as definition_ids,
        array_agg(definition_id::text order by definition_id) filter (where figure = 'rate') as rate_definition_ids
    from affected
    group by break_id
),

of_columns as (
    select
        break_id,
        array_agg(source_feed || '.' || column_name order by source_feed, column_name) as source_columns
    from {{ ref('series_break_column') }}
    group by break_id
)

select
    series_break.break_id::text as break_id,
    series_break.break_date::date as break_date,
    series_break.end_date::date as end_date,
    series_break.title::text as title,
    series_break.affects::text as affects,
    coalesce(listed.definition_ids, '{}') as definition_ids,
    coalesce(listed.rate_definition_ids, '{}') as rate_definition_ids,
    coalesce(of_columns.source_columns, '{}') as source_columns,
    series_break.is_real_change::boolean as is_real_change
from {{ ref('series_break') }} as series_break
left join listed on series_break.break_id = listed.break_id
left join of_columns on series_break.break_id = of_columns.break_id
