-- The rows of one raw table that are current in this build: FROM and JOIN of a staging model. `received` is the
-- raw table, `current_input` says which batch is current for which unit. `unit_column` is the date by which a row
-- belongs to a unit, or `unit_key` where rows are replaced by key. With `sound_column` it gives the newest
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
            and {{ in_unit('received', unit_column, 'current_input') }}
    {%- endif %}
{%- endmacro %}

-- Whether a row belongs to a unit of `build_input` or `build_change`: by its date, or by its replace key.
{% macro in_unit(alias, unit_column, unit) -%}
    {%- if unit_column == 'unit_key' -%}
        {{ alias }}.unit_key = {{ unit }}.unit_key
    {%- else -%}
        {{ alias }}.{{ unit_column }} between {{ unit }}.unit_start and {{ unit }}.unit_end
    {%- endif -%}
{%- endmacro %}
