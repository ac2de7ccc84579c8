-- One row is an active definition that no measure specification counts, or a counted one that is not active.
with active as (
    select definition_id
    from {{ ref('dim_definition') }}
    where is_newest_version and status = 'active'
),

counted as (
    select distinct definition_id
    from {{ ref('int_measure_entry') }}
)

select
    active.definition_id as active_id,
    counted.definition_id as counted_id
from active
full outer join counted on active.definition_id = counted.definition_id
where active.definition_id is null or counted.definition_id is null
