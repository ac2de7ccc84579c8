-- One row is a definition, area and period that does not have exactly one headline.
select
    definition_id,
    area_key,
    period_kind,
    period_start
from {{ ref('mart_measure') }}
group by definition_id, area_key, period_kind, period_start
having count(*) filter (where is_headline) <> 1
