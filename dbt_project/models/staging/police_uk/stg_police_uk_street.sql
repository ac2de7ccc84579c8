-- One row is one current row of raw.police_uk_street. Street-level records of one force and month.
select
    received.batch_id,
    received.line_number,
    received.part,
    current_input.partition as source_partition,
    current_input.vintage_at as known_at,
    {{ cleaned('received.crime_id') }} as crime_id,
    received.month,
    {{ cleaned('received.reported_by') }} as reported_by,
    {{ cleaned('received.falls_within') }} as falls_within,
    received.longitude,
    received.latitude,
    {{ cleaned('received.location') }} as location,
    {{ cleaned('received.lsoa_code') }} as lsoa_code,
    {{ cleaned('received.lsoa_name') }} as lsoa_name,
    {{ cleaned('received.crime_type') }} as crime_type,
    received.crime_type_source,
    {{ cleaned('received.last_outcome') }} as last_outcome,
    received.last_outcome_source,
    {{ cleaned('received.context') }} as context
{{ current_rows('police_uk_street', 'street', 'police_uk_street', 'month') }}
