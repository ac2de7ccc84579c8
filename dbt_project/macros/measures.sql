-- noqa: disable=LT02
-- What the measure specifications say (the variable `measures`, made by vru.transform.measures), as SQL. A unit test of
-- one definition names it in the variable `only_measures`, so that a definition added later leaves the test as it is.

-- One row is a definition, a source and a kind of area: how that source counts it there.
{% macro measure_entries(measures) -%}
    {%- for entry in measures.entries %}
    {{ 'union all' if not loop.first }}
    select
        {{ quoted(entry.definition_id) }} as definition_id,
        {{ quoted(entry.source_feed) }} as source_feed,
        {{ quoted(entry.resource) }} as resource,
        {{ quoted(entry.area_kind) }} as area_kind,
        {{ quoted(entry.grain) }} as grain,
        {{ quoted_list(entry.partitions) }} as partitions,
        {{ quoted(entry.sound_column) }} as sound_column,
        {{ quoted_list(entry.needed_columns) }} as needed_columns,
        {{ quoted_list(entry.area_columns) }} as area_columns,
        {{ entry.headline_rank }} as headline_rank,
        {{ quoted(entry.count_unit) }} as count_unit,
        {{ quoted(entry.place_basis) }} as place_basis,
        interval {{ "'" ~ entry.reporting_lag ~ "'" }} as reporting_lag,
        {{ quoted(entry.lag_precision) }} as lag_precision,
        {{ quoted(entry.denominator) }} as denominator
    {%- endfor %}
{%- endmacro %}

-- One row is an area that a source does not cover, with the reason that its figures give.
{% macro measure_gaps(measures) -%}
    {%- for gap in measures.gaps %}
    select
        {{ quoted(gap.source_feed) }} as source_feed,
        {{ quoted(gap.area_kind) }} as area_kind,
        {{ quoted(gap.area_code) }} as area_code,
        {{ quoted(gap.reason) }} as null_reason
    union all
    {%- endfor %}
    select null::text as source_feed, null::text as area_kind, null::text as area_code, null::text as null_reason
    where false
{%- endmacro %}

-- First day of the unit of the grain in which a date lies.
{% macro unit_start(column, grain) -%}
    {%- if grain == 'financial_year' -%}
        (date_trunc('year', {{ column }} - interval '3 months') + interval '3 months')::date
    {%- else -%}
        date_trunc('{{ 'year' if grain == 'calendar_year' else grain }}', {{ column }})::date
    {%- endif -%}
{%- endmacro %}

-- One row is a definition, source, kind of area, area and unit with events: how many satisfy the definition, and of how
-- many the source does not say whether they do. area_key is null for those whose area is none of that kind. Each
-- fact is read once, whatever the number of definitions that count on it.
{% macro measure_counts(measures) -%}
    {%- set only = var('only_measures', none) -%}
    {%- for scan in measures.scans %}
    {%- set wanted = [] -%}
    {%- for measure in scan.measures -%}
        {%- if only is none or (scan.source_feed ~ '.' ~ measure.definition_id) in only -%}
            {%- do wanted.append(measure) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if wanted %}
    select
        measure.definition_id,
        {{ quoted(scan.source_feed) }} as source_feed,
        {{ quoted(scan.area_kind) }} as area_kind,
        area.area_key,
        counted.unit_start,
        measure.value_count,
        measure.unknown_count
    from (
        select
            {{ area_of_row(scan) }} as area,
            {{ unit_start(scan.period_column, scan.grain) }} as unit_start
            {%- for measure in wanted %},
            {{ counted_events(scan.weight) }} filter (
                where ({{ measure.rows }}) and ({{ measure.unknown }}) is not true{{ is_counted_for(scan, measure) }}
            ) as value_{{ loop.index }},
            {{ counted_events(scan.weight) }} filter (
                where (({{ measure.unknown }}) or ({{ measure.rows }}) is null){{ is_counted_for(scan, measure) }}
            ) as unknown_{{ loop.index }}
            {%- endfor %}
        from {{ ref(scan.fact) }}
        where
            {{ '((' ~ scan.where ~ ') is not false)' if scan.where else 'true' }}
            {%- if scan.current_for %}
            and {{ scan.current_for }} && {{ quoted_list(wanted | map(attribute='sound_column') | unique | list) }}
            {%- endif %}
        group by 1, 2
    ) as counted
    cross join lateral (
        values
        {%- for measure in wanted %}
        (
            {{ quoted(measure.definition_id) }},
            coalesce(counted.value_{{ loop.index }}, 0)::bigint,
            coalesce(counted.unknown_{{ loop.index }}, 0)::bigint
        ){{ ',' if not loop.last }}
        {%- endfor %}
    ) as measure (definition_id, value_count, unknown_count)
    left join {{ ref('dim_area') }} as area
        on area.area_kind = {{ quoted(scan.area_kind) }} and area.{{ scan.area_matches }} = counted.area
    union all
    {%- endif %}
    {%- endfor %}
    select
        null::text as definition_id, null::text as source_feed, null::text as area_kind, null::text as area_key,
        null::date as unit_start, null::bigint as value_count, null::bigint as unknown_count
    where false
{%- endmacro %}

-- The area of a row; none where nobody can say whether it takes part, so that it is told as unplaced.
{% macro area_of_row(scan) -%}
    {%- set area = scan.area_column if scan.area_column else quoted(scan.area_code) -%}
    {{ 'case when ' ~ scan.where ~ ' then ' ~ area ~ ' end' if scan.where else area }}
{%- endmacro %}

-- Only rows of the delivery that is current for the column that a measure needs sound, where the fact says for which.
{% macro is_counted_for(scan, measure) -%}
    {%- if scan.current_for %} and {{ quoted(measure.sound_column) }} = any({{ scan.current_for }}){% endif -%}
{%- endmacro %}

-- How many events some rows stand for: the sum of their weights, or their number.
{% macro counted_events(weight) -%}
    {{ 'sum(' ~ weight ~ ')' if weight else 'count(*)' }}
{%- endmacro %}
