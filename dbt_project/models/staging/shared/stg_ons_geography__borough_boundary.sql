-- One row is one current row of raw.ons_geography__borough_boundary. Boundaries of London's local authorities
-- (WGS84), one vintage per partition.
select
    received.batch_id,
    received.line_number,
    received.part,
    current_input.partition as source_partition,
    current_input.vintage_at as known_at,
    {{ cleaned('received.borough_code') }} as borough_code,
    {{ cleaned('received.borough_name') }} as borough_name,
    received.geometry
{{ current_rows('ons_geography', 'borough_boundary', 'ons_geography__borough_boundary') }}
