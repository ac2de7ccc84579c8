-- One row is a definition, an area and a month with victims of recorded homicide: how many satisfy it, and of how
-- many the source does not say whether they do. London counts every victim of the newest delivery; a borough those
-- of the newest delivery whose borough is sound.
with victim as (
    select
        'region' as area_kind,
        'London' as area_name,
        recorded_month,
        victim_count,
        method,
        is_domestic
    from {{ ref('fct_homicide_victim') }}
    union all
    select
        'borough' as area_kind,
        borough_name as area_name,
        recorded_month,
        victim_count,
        method,
        is_domestic
    from {{ ref('fct_homicide_victim_by_borough') }}
    where borough_name is not null
),

judged as (
    -- one row is a victim and a definition; is_counted is null where the source does not say
    select
        victim.area_kind,
        victim.area_name,
        victim.recorded_month,
        victim.victim_count,
        rule.definition_id,
        rule.is_counted
    from victim
    cross join lateral (
        values
        ('homicide', true),
        ('homicide_knife', nullif(victim.method, 'Not known/Not Recorded') = 'Knife or Sharp Implement'),
        ('homicide_domestic', victim.is_domestic)
    ) as rule (definition_id, is_counted)
)

select
    judged.definition_id,
    'mps_homicide_victims' as source_feed,
    area.area_key,
    judged.recorded_month as month,
    coalesce(sum(judged.victim_count) filter (where judged.is_counted), 0)::bigint as value_count,
    coalesce(sum(judged.victim_count) filter (where judged.is_counted is null), 0)::bigint as unknown_count
from judged
inner join {{ ref('dim_area') }} as area
    on judged.area_kind = area.area_kind and judged.area_name = area.area_name
group by judged.definition_id, area.area_key, judged.recorded_month
