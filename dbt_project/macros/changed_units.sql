-- Incremental marts write only the units that differ from what they were built from (`build_change`): first their
-- rows are deleted, in the same transaction, then those units that still stand are inserted. No date is compared.
-- A mart of rows that are replaced by key has `unit_key` for its unit column.
{% macro delete_changed_units(feed, resource, unit_column) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} as built
        using {{ source('build', 'build_change') }} as change
        where
            change.feed = '{{ feed }}'
            and change.resource = '{{ resource }}'
            and change.column_name = ''
            and built.source_partition = change.partition
            and {{ in_unit('built', unit_column, 'change') }}
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}

-- The condition that keeps the changed units alone. The batches are looked up first, as an array, so that raw is
-- read through its index however long the history is.
{% macro only_changed_units(feed, resource, alias, unit_column) -%}
    {{ alias }}.batch_id = any(array(
        select distinct unit.batch_id
        from {{ source('build', 'build_change') }} as change
        inner join {{ source('build', 'build_input') }} as unit
            using (feed, resource, partition, unit_key, column_name{{ '' if unit_column == 'unit_key' else ', unit_start' }})
        where change.feed = '{{ feed }}' and change.resource = '{{ resource }}' and change.column_name = ''
    ))
    and exists (
        select 1
        from {{ source('build', 'build_change') }} as change
        where
            change.feed = '{{ feed }}'
            and change.resource = '{{ resource }}'
            and change.column_name = ''
            and change.partition = {{ alias }}.source_partition
            and {{ in_unit(alias, unit_column, 'change') }}
    )
{%- endmacro %}
