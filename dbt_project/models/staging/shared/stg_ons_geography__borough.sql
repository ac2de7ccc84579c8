-- One row is one current row of raw.ons_geography__borough. London's 33 local authorities with their area.
select
    received.batch_id,
    received.line_number,
    received.part,
    current_input.partition as source_partition,
    current_input.vintage_at as known_at,
    {{ cleaned('received.borough_code') }} as borough_code,
    {{ cleaned('received.borough_name') }} as borough_name,
    received.hectares,
    received.non_land_hectares,
    received.is_inner
{{ current_rows('ons_geography', 'borough', 'ons_geography__borough') }}
