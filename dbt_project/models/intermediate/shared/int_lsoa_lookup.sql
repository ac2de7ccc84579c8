-- One row says whether London's LSOAs of both vintages are known: only then is a code outside them outside London.
select count(distinct source_partition) filter (where source_partition in ('2011', '2021')) = 2 as is_complete
from {{ ref('stg_ons_geography__lsoa') }}
