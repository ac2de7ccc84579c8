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
)

select
    unit.grain,
    unit.unit_start,
    (unit.unit_start + unit.month_count * interval '1 month' - interval '1 day')::date as unit_end,
    period.period_kind,
    period.period_start,
    (period.period_start + period.month_count * interval '1 month' - interval '1 day')::date as period_end,
    period.month_count / unit.month_count as unit_count
from financial as unit
cross join lateral (
    values
    ('month', unit.unit_start, 1),
    ('quarter', unit.unit_start, 3),
    ('calendar_year', date_trunc('year', unit.unit_start)::date, 12),
    ('financial_year', unit.financial_year_start, 12)
) as period (period_kind, period_start, month_count)
where period.period_kind = unit.grain or (unit.month_count < 12 and period.month_count = 12)
