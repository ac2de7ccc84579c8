{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ delete_changed_units('police_uk_stop_search', 'stop_search', 'search_month') }}",
        indexes=[{'columns': ['source_partition', 'search_month']}],
    )
}}
-- One row is one stop and search of one force and month, as the newest release states it.
select
    search.searched_at,
    search.search_month,
    coalesce(force.force_name::text, search.source_partition) as force_name,
    search.search_type,
    search.gender,
    search.age_range,
    search.self_defined_ethnicity,
    -- a batch of before the list of words has no cell of its own beside it
    coalesce({{ cleaned('search.self_defined_ethnicity_source') }}, search.self_defined_ethnicity)
        as self_defined_ethnicity_source,
    search.officer_defined_ethnicity,
    search.legislation,
    search.object_of_search,
    search.outcome,
    coalesce({{ cleaned('search.outcome_source') }}, search.outcome) as outcome_source,
    search.is_outcome_linked,
    search.is_more_than_outer_clothing_removed,
    search.is_part_of_operation,
    search.operation_name,
    search.longitude::double precision as longitude,
    search.latitude::double precision as latitude,
    search.source_partition,
    search.batch_id,
    search.line_number,
    search.part
from {{ ref('stg_police_uk_stop_search') }} as search
left join {{ ref('force') }} as force on search.source_partition = force.force_slug
{% if is_incremental() %}
    where {{ only_changed_units('police_uk_stop_search', 'stop_search', 'search', 'search_month') }}
{% endif %}
