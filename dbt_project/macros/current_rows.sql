-- The rows of one raw table that are current in this build: FROM and JOIN of a staging model. `received` is the
-- raw table, `current_input` says which batch is current for which unit. With `sound_column` it gives the newest
-- rows in which that column is not withheld.
{% macro current_rows(feed, resource, table, unit_column=none, sound_column='') -%}
    from {{ source('raw', table) }} as received
    inner join {{ source('build', 'build_input') }} as current_input
        on
            received.batch_id = current_input.batch_id
            and current_input.feed = '{{ feed }}'
            and current_input.resource = '{{ resource }}'
            and current_input.column_name = '{{ sound_column }}'
    {%- if unit_column %}
            and received.{{ unit_column }} between current_input.unit_start and current_input.unit_end
    {%- endif %}
{%- endmacro %}
