-- One row is a unit that a current batch states and in which columns of it are withheld: which, and why in words.
with found as (
    select distinct
        stated.batch_id,
        stated.unit_start,
        stated.unit_end,
        withheld.column_name,
        withheld.check_id
    from {{ source('build', 'build_input') }} as stated
    inner join {{ ref('int_withheld_column') }} as withheld
        on
            stated.batch_id = withheld.batch_id
            and daterange(stated.unit_start, stated.unit_end, '[]')
            && daterange(withheld.unit_start, withheld.unit_end, '[]')
),

explained as (
    select
        batch_id,
        unit_start,
        unit_end,
        column_name,
        string_agg(distinct check_id, ', ' order by check_id) as check_id
    from found
    group by batch_id, unit_start, unit_end, column_name
)

select
    batch_id,
    unit_start,
    unit_end,
    array_agg(column_name order by column_name) as column_names,
    jsonb_object_agg(column_name, check_id) as check_ids,
    string_agg({{ withheld_reason('column_name', 'check_id') }}, '; ' order by column_name) as withheld_reason
from explained
group by batch_id, unit_start, unit_end
