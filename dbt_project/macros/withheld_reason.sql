-- What a figure or a cell says that is null because a check withheld the column it needs.
{% macro withheld_reason(column, check_id) -%}
    replace(regexp_replace({{ column }}, '_(name|code)$', ''), '_', ' ')
    || ' column withheld (check ' || coalesce({{ check_id }}, 'unknown') || ')'
{%- endmacro %}

-- A cell of a column that a check may withhold: null where it is withheld. `withheld` is a row of int_withheld_unit.
{% macro sound_cell(alias, column, withheld='withheld') -%}
    case when ('{{ column }}' = any({{ withheld }}.column_names)) is not true then {{ alias }}.{{ column }} end
{%- endmacro %}

-- The condition under which a row of int_withheld_unit belongs to a row, by its date.
{% macro withheld_of(alias, unit_column, withheld='withheld') -%}
    {{ alias }}.batch_id = {{ withheld }}.batch_id
    and {{ alias }}.{{ unit_column }} between {{ withheld }}.unit_start and {{ withheld }}.unit_end
{%- endmacro %}
