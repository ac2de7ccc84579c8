-- A text cell without white space around it; null where nothing is left.
{% macro cleaned(column) -%}
    nullif(btrim({{ column }}, e' \t\r\n\u00a0'), '')
{%- endmacro %}
