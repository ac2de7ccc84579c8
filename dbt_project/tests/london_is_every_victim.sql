-- One row is a month in which London's homicide figure is not the number of victims in the newest delivery.
with victim as (
    select
        recorded_month,
        sum(victim_count) as victim_count
    from {{ ref('fct_homicide_victim') }}
    group by recorded_month
)

select
    measured.period_start,
    measured.value_count
from {{ ref('mart_measure') }} as measured
left join victim on measured.period_start = victim.recorded_month
where
    measured.definition_id = 'homicide'
    and measured.source_feed = 'mps_homicide_victims'
    and measured.area_kind = 'region'
    and measured.period_kind = 'month'
    and measured.value_count <> coalesce(victim.victim_count, 0)
