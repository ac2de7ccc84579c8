-- One row is a month, from January 2003 to the end of the newest year of data.
with data_range as (
    -- where nothing has a period yet, the year of K
    select make_date(extract(year from coalesce(max(unit.unit_end), max(state.known_at)))::integer, 12, 1) as last_month
    from {{ source('build', 'build_state') }} as state
    left join {{ source('build', 'build_input') }} as unit on unit.unit_end is not null
),

month as (
    select generate_series(date '2003-01-01', last_month, interval '1 month')::date as month
    from data_range
),

financial as (
    select
        month,
        (date_trunc('year', month - interval '3 months') + interval '3 months')::date as financial_year_start
    from month
)

select
    month,
    (month + interval '1 month' - interval '1 day')::date as month_end,
    ((month + interval '1 month')::date - month) as day_count,
    extract(month from month)::integer as month_of_year,
    extract(quarter from month)::integer as quarter_of_year,
    extract(year from month)::integer as calendar_year,
    date_trunc('year', month)::date as calendar_year_start,
    to_char(financial_year_start, 'YYYY/') || to_char(financial_year_start + interval '1 year', 'YY') as financial_year,
    financial_year_start
from financial
