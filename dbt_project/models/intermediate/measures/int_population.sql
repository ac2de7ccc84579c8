-- One row is an area and a mid-year: the newest estimate of its residents.
with quality as (
    select
        batch_id,
        min(quality_score) as quality_score
    from {{ ref('int_feed_quality') }}
    where feed = 'ons_population'
    group by batch_id
)

select
    area.area_key,
    population.mid_year::integer as population_year,
    population.population_count,
    population.series as population_series,
    population.known_at as population_known_at,
    quality.quality_score as population_quality_score
from {{ ref('stg_ons_population__borough') }} as population
inner join {{ ref('dim_area') }} as area
    on population.area_code = area.area_code and area.area_kind in ('borough', 'region')
left join quality on population.batch_id = quality.batch_id
