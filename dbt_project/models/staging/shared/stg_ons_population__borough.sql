-- One row is one current row of raw.ons_population__borough. Residents of each London local authority and of
-- London, by mid-year.
select
    received.batch_id,
    received.line_number,
    received.part,
    current_input.partition as source_partition,
    current_input.vintage_at as known_at,
    {{ cleaned('received.area_code') }} as area_code,
    {{ cleaned('received.area_name') }} as area_name,
    received.mid_year,
    received.population_count,
    {{ cleaned('received.series') }} as series
{{ current_rows('ons_population', 'borough', 'ons_population__borough') }}
