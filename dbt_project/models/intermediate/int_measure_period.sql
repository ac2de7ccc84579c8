-- One row is a month of dim_month and a period that it belongs to, with the number of months that the period has.
select
    dim_month.month,
    period.period_kind,
    period.period_start,
    period.month_count,
    (period.period_start + period.month_count * interval '1 month' - interval '1 day')::date as period_end
from {{ ref('dim_month') }} as dim_month
cross join lateral (
    values
    ('month', dim_month.month, 1),
    ('calendar_year', dim_month.calendar_year_start, 12),
    ('financial_year', dim_month.financial_year_start, 12)
) as period (period_kind, period_start, month_count)
