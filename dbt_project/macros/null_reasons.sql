-- noqa: disable=LT02
-- Why cells of a row are null, as `column: reason` parted by semicolons; null where none is. `columns` says under which
-- name a mart shows each column that the contract maps; beside it stands the cell as received. `withheld` is the row of
-- int_withheld_unit that belongs to it.
{% macro null_reasons(alias, columns, withheld) -%}
    nullif(concat_ws(
        '; '
        {%- for column, shown in columns.items() %},
        case
            when '{{ column }}' = any({{ withheld }}.column_names)
                then '{{ shown }}: withheld (check ' || ({{ withheld }}.check_ids ->> '{{ column }}') || ')'
            when {{ alias }}.{{ column }} is not null then null
            when {{ alias }}.{{ column }}_source is null then '{{ shown }}: blank in the source'
            else '{{ shown }}: word unknown to the contract'
        end
        {%- endfor %}
    ), '')
{%- endmacro %}
