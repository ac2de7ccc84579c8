-- One row is a borough of the geography feed that the list of areas lacks, or has under another name.
select
    feed.borough_code,
    feed.borough_name
from {{ ref('stg_ons_geography__borough') }} as feed
left join {{ ref('london_area') }} as listed
    on feed.borough_code = listed.area_code and feed.borough_name = listed.area_name
where listed.area_code is null
