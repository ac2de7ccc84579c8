-- One row is the boundary of one borough in one vintage of the boundaries.
select
    area.area_key,
    area.area_kind,
    area.area_code,
    area.area_name,
    boundary.source_partition as vintage,
    boundary.geometry,
    boundary.known_at
from {{ ref('stg_ons_geography__borough_boundary') }} as boundary
inner join {{ ref('dim_area') }} as area
    on boundary.borough_code = area.area_code and area.area_kind = 'borough'
