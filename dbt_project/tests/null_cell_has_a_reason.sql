-- noqa: disable=LT02
-- One row is a victim with a cell that is null without a reason, or that has a reason and is not null.
{% set facts = ['fct_homicide_victim', 'fct_homicide_victim_by_borough'] %}
{% set columns = ['age_group', 'sex', 'ethnicity', 'method', 'is_domestic', 'offence', 'solved_status'] %}
{% for fact in facts %}
{{ 'union all' if not loop.first }}
select
    victim.batch_id,
    victim.line_number,
    cell.column_name
from {{ ref(fact) }} as victim
cross join lateral (
    values
    {%- for column in columns %}
    ('{{ column }}', victim.{{ column }} is null){{ ',' if not loop.last }}
    {%- endfor %}
) as cell (column_name, is_null)
where cell.is_null <> (coalesce(victim.null_reason, '') ~ ('(^|; )' || cell.column_name || ': '))
{% endfor %}
