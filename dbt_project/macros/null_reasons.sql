-- noqa: disable=LT02
-- Why cells of a row are null, as `column: reason` parted by semicolons; null where none is. `columns` says under which
-- name a mart shows each column that the contract maps; beside it stands the cell as received.
{% macro null_reasons(alias, columns) -%}
    nullif(concat_ws(
        '; '
        {%- for column, shown in columns.items() %},
        case
            when {{ alias }}.{{ column }} is not null then null
            when {{ alias }}.{{ column }}_source is null then '{{ shown }}: blank in the source'
            else '{{ shown }}: word unknown to the contract'
        end
        {%- endfor %}
    ), '')
{%- endmacro %}
