-- One row is one LSOA code of London. 4,659 codes stand in both vintages; these mean the same area in both.
select
    lsoa_code,
    case when count(distinct source_partition) > 1 then 'both' else min(source_partition) end as lsoa_vintage,
    (array_agg(borough_code order by source_partition desc))[1] as borough_code
from {{ ref('stg_ons_geography__lsoa') }}
group by lsoa_code
