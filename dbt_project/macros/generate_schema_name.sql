-- The schema of a model: marts in the schema that is built; staging and intermediate in schemas of that target.
-- `marts_build` has `staging` and `intermediate`; `asof_20211231` has `stg_asof_20211231` for both.
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is none -%}
        {{ target.schema }}
    {%- elif custom_schema_name == 'marts_restricted' -%}
        {{ 'marts_restricted_build' if target.schema == 'marts_build' else target.schema ~ '_restricted' }}
    {%- elif target.schema == 'marts_build' -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        stg_{{ target.schema }}
    {%- endif -%}
{%- endmacro %}
