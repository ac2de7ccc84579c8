-- A text cell as it is shown; null where nothing is left. Rows that an older contract version parsed came untrimmed.
{% macro cleaned(column) -%}
    nullif(ops.trimmed({{ column }}), '')
{%- endmacro %}
