{{ config(pre_hook='set local enable_nestloop = off') }}
-- One row is a definition, source, area and period: the count, the rate and how sure it is. Dense over the area
-- list and the range of each source: 0 where the source says none, null with a reason where it is not known. How a
-- source counts a definition is an entry of its measure specification. Nobody can tell beforehand how many rows a join
-- with a specification's constants gives; without the hook the server takes some of them for one row and loops.
with definition as (
    -- one row is an active definition, a source that counts it, and a kind of area
    select
        definition.definition_id,
        definition.definition_version,
        entry.source_feed,
        entry.area_kind,
        entry.grain,
        cardinality(entry.partitions) as partition_count,
        entry.headline_rank,
        entry.count_unit,
        entry.place_basis,
        entry.reporting_lag,
        entry.lag_precision,
        entry.denominator
    from {{ ref('dim_definition') }} as definition
    inner join {{ ref('int_measure_entry') }} as entry on definition.definition_id = entry.definition_id
    where definition.is_newest_version and definition.status = 'active'
),

covered_period as (
    -- one row is a definition, a source, a kind of area and a period of its range
    select
        coverage.definition_id,
        coverage.source_feed,
        coverage.area_kind,
        period.period_kind,
        period.period_start,
        period.period_end,
        period.unit_count,
        max(coverage.known_at) as count_known_at,
        count(*) as covered_count,
        count(*) filter (where coverage.null_reason_code is null) as usable_unit_count,
        count(*) filter (where coverage.null_reason_code = 'column_withheld') as withheld_unit_count,
        count(*) filter (where coverage.null_reason_code in ('no_delivery', 'incomplete_period')) as missing_unit_count,
        min(coverage.null_reason) as null_reason,
        (array_agg(coverage.null_reason_code order by coverage.null_reason))[1] as null_reason_code,
        min(coverage.unread_reason) as unread_reason,
        (array_agg(coverage.unread_reason_code order by coverage.unread_reason))[1] as unread_reason_code
    from {{ ref('int_measure_coverage') }} as coverage
    inner join {{ ref('int_measure_period') }} as period
        on coverage.grain = period.grain and coverage.unit_start = period.unit_start
    group by
        coverage.definition_id, coverage.source_feed, coverage.area_kind, period.period_kind, period.period_start,
        period.period_end, period.unit_count
),

counted_period as (
    select
        counted.definition_id,
        counted.source_feed,
        counted.area_kind,
        counted.area_key,
        period.period_kind,
        period.period_start,
        sum(counted.value_count)::bigint as value_count,
        sum(counted.unknown_count)::bigint as unknown_count
    from {{ ref('int_measure_count') }} as counted
    inner join definition
        on
            counted.definition_id = definition.definition_id
            and counted.source_feed = definition.source_feed
            and counted.area_kind = definition.area_kind
    inner join {{ ref('int_measure_period') }} as period
        on definition.grain = period.grain and counted.unit_start = period.unit_start
    group by
        counted.definition_id, counted.source_feed, counted.area_kind, counted.area_key, period.period_kind,
        period.period_start
),

placed_period as (
    -- one row is a definition, a source, a kind of area and a period with events: the share that lies in no such area
    select
        definition_id,
        source_feed,
        area_kind,
        period_kind,
        period_start,
        100.0::double precision * coalesce(sum(value_count) filter (where area_key is null), 0)
        / nullif(sum(value_count), 0) as unplaced_pct
    from counted_period
    group by definition_id, source_feed, area_kind, period_kind, period_start
),

cell as materialized (
    -- one row is a row of the mart, before rates
    select
        definition.*,
        area.area_key,
        area.area_code,
        area.area_name,
        covered.period_kind,
        covered.period_start,
        covered.period_end,
        covered.count_known_at,
        covered.unit_count * definition.partition_count as expected_unit_count,
        covered.usable_unit_count,
        covered.withheld_unit_count,
        placed.unplaced_pct,
        coalesce(counted.value_count, 0) as value_count,
        coalesce(counted.unknown_count, 0) as unknown_count,
        case
            when gap.area_code is not null then 'area_not_covered'
            when
                covered.covered_count < covered.unit_count * definition.partition_count
                or (covered.missing_unit_count > 0 and covered.unit_count > 1)
                then 'incomplete_period'
            -- nothing was counted, but what was refused may belong here: that is not none
            when covered.null_reason_code is null and coalesce(counted.value_count, 0) = 0
                then covered.unread_reason_code
            else covered.null_reason_code
        end as null_reason_code,
        case
            when gap.area_code is not null then gap.null_reason
            when
                covered.covered_count < covered.unit_count * definition.partition_count
                or (covered.missing_unit_count > 0 and covered.unit_count > 1)
                then 'incomplete period'
            when covered.null_reason_code is null and coalesce(counted.value_count, 0) = 0 then covered.unread_reason
            else covered.null_reason
        end as null_reason
    from definition
    inner join covered_period as covered
        on
            definition.definition_id = covered.definition_id
            and definition.source_feed = covered.source_feed
            and definition.area_kind = covered.area_kind
    inner join {{ ref('dim_area') }} as area on definition.area_kind = area.area_kind
    left join {{ ref('int_measure_gap') }} as gap
        on
            definition.source_feed = gap.source_feed
            and area.area_kind = gap.area_kind
            and area.area_code = gap.area_code
    left join counted_period as counted
        on
            definition.definition_id = counted.definition_id
            and definition.source_feed = counted.source_feed
            and definition.area_kind = counted.area_kind
            and area.area_key = counted.area_key
            and covered.period_kind = counted.period_kind
            and covered.period_start = counted.period_start
    left join placed_period as placed
        on
            definition.definition_id = placed.definition_id
            and definition.source_feed = placed.source_feed
            and definition.area_kind = placed.area_kind
            and covered.period_kind = placed.period_kind
            and covered.period_start = placed.period_start
),

estimate as materialized (
    select
        area_key,
        population_year,
        population_count,
        population_series,
        population_known_at,
        population_quality_score
    from {{ ref('int_population') }}
),

wanted_year as (
    select distinct
        area_key,
        extract(year from period_start)::integer as start_year
    from cell
),

denominator as (
    -- one row is an area and a year: the newest estimate of that year or of the three years before it
    select distinct on (wanted_year.area_key, wanted_year.start_year)
        wanted_year.area_key,
        wanted_year.start_year,
        estimate.population_year,
        estimate.population_count,
        estimate.population_series,
        estimate.population_known_at,
        estimate.population_quality_score
    from wanted_year
    inner join estimate
        on
            wanted_year.area_key = estimate.area_key
            and estimate.population_year between wanted_year.start_year - 3 and wanted_year.start_year
    order by wanted_year.area_key asc, wanted_year.start_year asc, estimate.population_year desc
),

occurring as (
    select distinct value_count
    from cell
    where null_reason_code is null
),

poisson as materialized (
    -- the interval of every count that occurs, worked out once
    select
        occurring.value_count,
        interval.low,
        interval.high
    from occurring
    cross join lateral ops.poisson_interval(occurring.value_count) as interval
)

select
    measured.definition_id::text as definition_id,
    measured.definition_version,
    measured.source_feed,
    measured.headline_rank = min(measured.headline_rank) over (
        partition by measured.definition_id, measured.area_key, measured.period_kind, measured.period_start
    ) as is_headline,
    measured.count_unit,
    measured.place_basis,
    measured.area_key,
    measured.area_kind,
    measured.area_code,
    measured.area_name,
    measured.period_kind,
    measured.period_start,
    measured.period_end,
    case when measured.null_reason_code is null then measured.value_count end as value_count,
    case when measured.null_reason_code is null then measured.unknown_count end as unknown_count,
    case when measured.null_reason_code is null then measured.unplaced_pct end as unplaced_pct,
    measured.expected_unit_count::integer as expected_unit_count,
    measured.usable_unit_count::integer as usable_unit_count,
    measured.withheld_unit_count::integer as withheld_unit_count,
    denominator.population_count,
    denominator.population_year,
    denominator.population_series,
    case
        when measured.null_reason_code is null
            then measured.value_count * 100000.0::double precision / denominator.population_count
    end as rate_per_100k,
    poisson.low * 100000 / denominator.population_count as rate_low,
    poisson.high * 100000 / denominator.population_count as rate_high,
    case
        when measured.null_reason_code is not null or denominator.population_count is not null then null
        when measured.denominator = 'none' then 'no_denominator'
        else 'no_population'
    end as rate_null_reason_code,
    case
        when measured.null_reason_code is not null or denominator.population_count is not null then null
        when measured.denominator = 'none' then 'no denominator fits what this source counts'
        else 'no population estimate of the year or the three years before it'
    end as rate_null_reason,
    coalesce(
        measured.period_end + 1
        > date_trunc(measured.lag_precision, measured.count_known_at at time zone 'Europe/London')
        - measured.reporting_lag,
        false
    ) as is_provisional,
    coalesce(quality.quarantined_count, 0) as quarantined_count,
    least(quality.quality_score, denominator.population_quality_score) as quality_score,
    measured.null_reason_code,
    measured.null_reason,
    measured.count_known_at as known_at,
    measured.count_known_at,
    denominator.population_known_at
from cell as measured
left join denominator
    on
        measured.denominator = 'residents'
        and measured.area_key = denominator.area_key
        and extract(year from measured.period_start)::integer = denominator.start_year
left join poisson on measured.null_reason_code is null and measured.value_count = poisson.value_count
left join {{ ref('int_measure_quality') }} as quality
    on
        measured.definition_id = quality.definition_id
        and measured.source_feed = quality.source_feed
        and measured.area_kind = quality.area_kind
        and measured.period_kind = quality.period_kind
        and measured.period_start = quality.period_start
