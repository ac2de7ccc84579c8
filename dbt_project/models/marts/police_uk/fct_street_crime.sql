{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ delete_changed_units('police_uk_street', 'street', 'month') }}",
        indexes=[{'columns': ['source_partition', 'month']}],
    )
}}
-- One row is one street-level record of one force and month, as the newest release states it.
select
    street.reported_by as force_name,
    street.month,
    street.crime_type,
    -- a batch of before the list of words has no cell of its own beside it
    coalesce({{ cleaned('street.crime_type_source') }}, street.crime_type) as crime_type_source,
    street.crime_id,
    street.lsoa_code,
    lsoa.lsoa_vintage,
    lsoa.borough_code,
    case
        when lsoa.lsoa_code is not null then true
        when street.lsoa_code is not null and lookup.is_complete then false
    end as is_in_london,
    case
        when lsoa.lsoa_code is not null then null
        when street.lsoa_code is null then 'no LSOA in the source'
        when not lookup.is_complete then 'the LSOA lookups of both vintages are not there'
    end as is_in_london_null_reason,
    street.longitude::double precision as longitude,
    street.latitude::double precision as latitude,
    street.location as location_name,
    {{ sound_cell('street', 'last_outcome') }} as last_outcome,
    -- a batch of before the list of words has no cell of its own beside it
    case
        when {{ sound_cell('street', 'last_outcome') }} is not null
            then coalesce({{ cleaned('street.last_outcome_source') }}, street.last_outcome)
    end as last_outcome_source,
    withheld.withheld_reason,
    street.falls_within as falls_within_force_name,
    street.source_partition,
    street.batch_id,
    street.line_number,
    street.part
from {{ ref('stg_police_uk_street') }} as street
left join {{ ref('int_lsoa') }} as lsoa on street.lsoa_code = lsoa.lsoa_code
cross join {{ ref('int_lsoa_lookup') }} as lookup
left join {{ ref('int_withheld_unit') }} as withheld
    on {{ withheld_of('street', 'month') }}
{% if is_incremental() %}
    where {{ only_changed_units('police_uk_street', 'street', 'street', 'month') }}
{% endif %}
