-- The rows of one raw table that are current in this build: FROM and JOIN of a staging model. `received` is the
-- raw table, `current_input` says which batch is current for which unit. `unit_column` is the date by which a row
-- belongs to a unit, or `unit_key` where rows are replaced by key. With `is_sound` it gives the rows of each delivery
-- that is current as a whole ('' in `current_for`) or for a column that is withheld in newer ones (its name there).
{% macro current_rows(feed, resource, table, unit_column=none, is_sound=false) -%}
    from {{ source('raw', table) }} as received
    {%- if is_sound %}
    inner join (
        select
            partition,
            unit_start,
            unit_end,
            unit_key,
            batch_id,
            max(vintage_at) as vintage_at,
            array_agg(column_name order by column_name) as current_for
        from {{ source('build', 'build_input') }}
        where feed = '{{ feed }}' and resource = '{{ resource }}'
        group by partition, unit_start, unit_end, unit_key, batch_id
    ) as current_input
        on
            received.batch_id = current_input.batch_id
    {%- else %}
    inner join {{ source('build', 'build_input') }} as current_input
        on
            received.batch_id = current_input.batch_id
            and current_input.feed = '{{ feed }}'
            and current_input.resource = '{{ resource }}'
            and current_input.column_name = ''
    {%- endif %}
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
