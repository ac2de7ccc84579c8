-- One row is a definition, source, area and period: the count, the rate and how sure it is. Dense over the area
-- list and the range of each source: 0 where the source says none, null with a reason where it is not known.
with definition as (
    select
        definition.definition_id,
        definition.definition_version,
        origin.source_feed,
        origin.headline_rank,
        origin.count_unit,
        origin.place_basis
    from {{ ref('dim_definition') }} as definition
    inner join {{ ref('definition_source') }} as origin on definition.definition_id = origin.definition_id
    where definition.is_newest_version and definition.status = 'active'
),

covered_period as (
    -- one row is a source, a kind of area and a period of its range
    select
        coverage.source_feed,
        coverage.area_kind,
        period.period_kind,
        period.period_start,
        period.period_end,
        max(coverage.known_at) as count_known_at,
        count(*) = period.month_count as is_whole,
        count(*) filter (where coverage.null_reason = 'no admitted delivery covers this period') > 0 as has_gap,
        min(coverage.null_reason) as null_reason
    from {{ ref('int_measure_coverage') }} as coverage
    inner join {{ ref('int_measure_period') }} as period on coverage.month = period.month
    group by
        coverage.source_feed, coverage.area_kind, period.period_kind, period.period_start, period.period_end,
        period.month_count
),

batch_period as (
    -- one row is a batch behind a source, a kind of area and a period, each batch once
    select distinct
        coverage.source_feed,
        coverage.area_kind,
        period.period_kind,
        period.period_start,
        coverage.batch_id,
        coverage.quarantined_count
    from {{ ref('int_measure_coverage') }} as coverage
    inner join {{ ref('int_measure_period') }} as period on coverage.month = period.month
),

quarantined as (
    select
        source_feed,
        area_kind,
        period_kind,
        period_start,
        sum(quarantined_count)::bigint as quarantined_count
    from batch_period
    group by source_feed, area_kind, period_kind, period_start
),

counted_period as (
    select
        counted.definition_id,
        counted.source_feed,
        counted.area_key,
        period.period_kind,
        period.period_start,
        sum(counted.value_count)::bigint as value_count,
        sum(counted.unknown_count)::bigint as unknown_count
    from {{ ref('int_measure_count') }} as counted
    inner join {{ ref('int_measure_period') }} as period on counted.month = period.month
    group by counted.definition_id, counted.source_feed, counted.area_key, period.period_kind, period.period_start
),

cell as materialized (
    -- one row is a row of the mart, before rates
    select
        definition.*,
        area.area_key,
        area.area_kind,
        area.area_code,
        area.area_name,
        covered.period_kind,
        covered.period_start,
        covered.period_end,
        covered.count_known_at,
        coalesce(counted.value_count, 0) as value_count,
        coalesce(counted.unknown_count, 0) as unknown_count,
        coalesce(quarantined.quarantined_count, 0) as quarantined_count,
        case
            when gap.null_reason is not null then gap.null_reason::text
            when not covered.is_whole or (covered.has_gap and covered.period_kind <> 'month') then 'incomplete period'
            else covered.null_reason
        end as null_reason
    from definition
    inner join covered_period as covered on definition.source_feed = covered.source_feed
    inner join {{ ref('dim_area') }} as area on covered.area_kind = area.area_kind
    left join {{ ref('source_area_gap') }} as gap
        on definition.source_feed = gap.source_feed and area.area_code = gap.area_code
    left join counted_period as counted
        on
            definition.definition_id = counted.definition_id
            and definition.source_feed = counted.source_feed
            and area.area_key = counted.area_key
            and covered.period_kind = counted.period_kind
            and covered.period_start = counted.period_start
    left join quarantined
        on
            covered.source_feed = quarantined.source_feed
            and covered.area_kind = quarantined.area_kind
            and covered.period_kind = quarantined.period_kind
            and covered.period_start = quarantined.period_start
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
    where null_reason is null
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
    measured.source_feed::text as source_feed,
    measured.headline_rank = min(measured.headline_rank) over (
        partition by measured.definition_id, measured.area_key, measured.period_kind, measured.period_start
    ) as is_headline,
    measured.count_unit::text as count_unit,
    measured.place_basis::text as place_basis,
    measured.area_key,
    measured.area_kind,
    measured.area_code,
    measured.area_name,
    measured.period_kind,
    measured.period_start,
    measured.period_end,
    case when measured.null_reason is null then measured.value_count end as value_count,
    case when measured.null_reason is null then measured.unknown_count end as unknown_count,
    denominator.population_count,
    denominator.population_year,
    denominator.population_series,
    case
        when measured.null_reason is null
            then measured.value_count * 100000.0::double precision / denominator.population_count
    end as rate_per_100k,
    poisson.low * 100000 / denominator.population_count as rate_low,
    poisson.high * 100000 / denominator.population_count as rate_high,
    case
        when measured.null_reason is null and denominator.population_count is null
            then 'no population estimate of the year or the three years before it'
    end as rate_null_reason,
    coalesce(
        measured.period_end + 1
        > date_trunc('month', measured.count_known_at at time zone 'Europe/London') - interval '3 months',
        false
    ) as is_provisional,
    measured.quarantined_count,
    least(quality.quality_score, denominator.population_quality_score) as quality_score,
    measured.null_reason,
    greatest(measured.count_known_at, denominator.population_known_at) as known_at,
    measured.count_known_at,
    denominator.population_known_at
from cell as measured
left join denominator
    on
        measured.area_key = denominator.area_key
        and extract(year from measured.period_start)::integer = denominator.start_year
left join poisson on measured.null_reason is null and measured.value_count = poisson.value_count
left join {{ ref('int_measure_quality') }} as quality
    on
        measured.source_feed = quality.source_feed
        and measured.area_kind = quality.area_kind
        and measured.period_kind = quality.period_kind
        and measured.period_start = quality.period_start
