-- One row is one current row of raw.ons_geography__lsoa. LSOAs of London with their MSOA and local authority,
-- one vintage per partition.
select
    received.batch_id,
    received.line_number,
    received.part,
    current_input.partition as source_partition,
    current_input.vintage_at as known_at,
    {{ cleaned('received.lsoa_code') }} as lsoa_code,
    {{ cleaned('received.lsoa_name') }} as lsoa_name,
    {{ cleaned('received.msoa_code') }} as msoa_code,
    {{ cleaned('received.msoa_name') }} as msoa_name,
    {{ cleaned('received.borough_code') }} as borough_code,
    {{ cleaned('received.borough_name') }} as borough_name,
    {{ cleaned('received.region_code') }} as region_code,
    {{ cleaned('received.region_name') }} as region_name,
    received.usual_resident_count,
    received.household_resident_count,
    received.communal_resident_count,
    received.population_density,
    received.household_count,
    received.average_household_size
{{ current_rows('ons_geography', 'lsoa', 'ons_geography__lsoa') }}
