-- One row is one current row of raw.ons_geography__lsoa_boundary. Boundaries of London's LSOAs (WGS84), one
-- vintage per partition.
select
    received.batch_id,
    received.line_number,
    received.part,
    current_input.partition as source_partition,
    current_input.vintage_at as known_at,
    {{ cleaned('received.lsoa_code') }} as lsoa_code,
    {{ cleaned('received.lsoa_name') }} as lsoa_name,
    {{ cleaned('received.borough_code') }} as borough_code,
    received.geometry
{{ current_rows('ons_geography', 'lsoa_boundary', 'ons_geography__lsoa_boundary') }}
