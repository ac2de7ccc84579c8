-- One row is one current row of raw.ons_geography__lsoa_ward_weight. Share of each LSOA (2011) that lies in each
-- ward (2022), by year.
select
    received.batch_id,
    received.line_number,
    received.part,
    current_input.partition as source_partition,
    current_input.vintage_at as known_at,
    received.source_index,
    {{ cleaned('received.lsoa_code') }} as lsoa_code,
    {{ cleaned('received.ward_code') }} as ward_code,
    received.year,
    received.weight
{{ current_rows('ons_geography', 'lsoa_ward_weight', 'ons_geography__lsoa_ward_weight') }}
