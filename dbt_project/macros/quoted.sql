-- A value as an SQL literal of type text, and a list of values as an array; nothing as null.
{% macro quoted(value) -%}
    {%- if value is none -%}null::text{%- else -%}'{{ value | replace("'", "''") }}'::text{%- endif -%}
{%- endmacro %}

{% macro quoted_list(values) -%}
    array[{%- for value in values -%}{{ quoted(value) }}{{ ', ' if not loop.last }}{%- endfor -%}]::text[]
{%- endmacro %}
