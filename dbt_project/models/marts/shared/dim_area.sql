-- One row is an area of London in one vintage of its code: region, borough, LSOA, or a named area that is none.
with borough as (
    select
        borough_code,
        hectares,
        is_inner
    from {{ ref('stg_ons_geography__borough') }}
)

select
    london.area_kind || '-' || london.area_code as area_key,
    london.area_kind::text as area_kind,
    '' as area_vintage,
    london.area_code::text as area_code,
    london.area_name::text as area_name,
    case when london.area_kind <> 'region' then 'region-E12000007' end as parent_area_key,
    null::text as msoa_code,
    borough.hectares,
    borough.is_inner
from {{ ref('london_area') }} as london
left join borough on london.area_kind = 'borough' and london.area_code = borough.borough_code
union all
select
    'lsoa-' || source_partition || '-' || lsoa_code as area_key,
    'lsoa' as area_kind,
    source_partition as area_vintage,
    lsoa_code as area_code,
    lsoa_name as area_name,
    'borough-' || borough_code as parent_area_key,
    msoa_code,
    null::numeric as hectares,
    null::boolean as is_inner
from {{ ref('stg_ons_geography__lsoa') }}
