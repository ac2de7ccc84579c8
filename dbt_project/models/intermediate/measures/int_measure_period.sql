-- One row is a unit of a finest grain (a month, quarter or year of dim_month) and a period that it belongs to, with the
-- number of such units that the period has. A source by month has months and years; one by quarter no months.
with unit as (
    select
        'month' as grain,
        month as unit_start,
        1 as month_count
    from {{ ref('dim_month') }}
    union
    select
        'quarter' as grain,
        date_trunc('quarter', month)::date as unit_start,
        3 as month_count
    from {{ ref('dim_month') }}
    union
    select
        'calendar_year' as grain,
        calendar_year_start as unit_start,
        12 as month_count
    from {{ ref('dim_month') }}
    union
    select
        'financial_year' as grain,
        financial_year_start as unit_start,
        12 as month_count
    from {{ ref('dim_month') }}
),

financial as (
    select
        *,
        (date_trunc('year', unit_start - interval '3 months') + interval '3 months')::date as financial_year_start
    from unit
),

paired as (
    -- one row is a unit and a period of any kind around its first day
    select
        financial.grain,
        financial.unit_start,
        financial.month_count,
        period.period_kind,
        period.period_start,
        period.month_count as period_month_count
    from financial
    cross join lateral (
        values
        ('month', financial.unit_start, 1),
        ('quarter', financial.unit_start, 3),
        ('calendar_year', date_trunc('year', financial.unit_start)::date, 12),
        ('financial_year', financial.financial_year_start, 12)
    ) as period (period_kind, period_start, month_count)
)

select
    grain,
    unit_start,
    (unit_start + month_count * interval '1 month' - interval '1 day')::date as unit_end,
    period_kind,
    period_start,
    (period_start + period_month_count * interval '1 month' - interval '1 day')::date as period_end,
    period_month_count / month_count as unit_count
from paired
where period_kind = grain or (month_count < 12 and period_month_count = 12)
