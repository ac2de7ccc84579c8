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
    {{ sound_cell('search', 'search_type') }} as search_type,
    {{ sound_cell('search', 'gender') }} as gender,
    {{ sound_cell('search', 'age_range') }} as age_range,
    {{ sound_cell('search', 'self_defined_ethnicity') }} as self_defined_ethnicity,
    -- a batch of before the list of words has no cell of its own beside it
    case
        when {{ sound_cell('search', 'self_defined_ethnicity') }} is not null
            then coalesce({{ cleaned('search.self_defined_ethnicity_source') }}, search.self_defined_ethnicity)
    end as self_defined_ethnicity_source,
    {{ sound_cell('search', 'officer_defined_ethnicity') }} as officer_defined_ethnicity,
    {{ sound_cell('search', 'legislation') }} as legislation,
    {{ sound_cell('search', 'object_of_search') }} as object_of_search,
    {{ sound_cell('search', 'outcome') }} as outcome,
    case
        when {{ sound_cell('search', 'outcome') }} is not null
            then coalesce({{ cleaned('search.outcome_source') }}, search.outcome)
    end as outcome_source,
    {{ sound_cell('search', 'is_outcome_linked') }} as is_outcome_linked,
    {{ sound_cell('search', 'is_more_than_outer_clothing_removed') }} as is_more_than_outer_clothing_removed,
    {{ sound_cell('search', 'is_part_of_operation') }} as is_part_of_operation,
    withheld.withheld_reason,
    search.operation_name,
    search.longitude::double precision as longitude,
    search.latitude::double precision as latitude,
    search.source_partition,
    search.batch_id,
    search.line_number,
    search.part
from {{ ref('stg_police_uk_stop_search') }} as search
left join {{ ref('force') }} as force on search.source_partition = force.force_slug
left join {{ ref('int_withheld_unit') }} as withheld
    on {{ withheld_of('search', 'search_month') }}
{% if is_incremental() %}
    where {{ only_changed_units('police_uk_stop_search', 'stop_search', 'search', 'search_month') }}
{% endif %}
