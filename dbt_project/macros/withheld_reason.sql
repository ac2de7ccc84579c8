-- What a figure or a cell says that is null because a check withheld the column it needs.
{% macro withheld_reason(column, check_id) -%}
    replace(regexp_replace({{ column }}, '_(name|code)$', ''), '_', ' ')
    || ' column withheld (check ' || coalesce({{ check_id }}, 'unknown') || ')'
{%- endmacro %}
