-- The checks of expectations/raw/police_uk_street.yml as a person would write them into one statement, for one batch.
-- The batch has neither an earlier vintage nor earlier periods; its comparisons are written out all the same.
-- One column is one check; one row in all. The rows are counted in a query of its own without a reference to another
-- one, so that the server may do it in parallel.
with batch as (select * from ops.batch where batch_id = %(batch_id)s),
stated as (
    select d.manifest_rows, d.is_whole, b.rows_parsed, b.warnings
    from batch b
    left join ops.delivery d using (content_id)
),
street as (
    select
        count(*) as n,
        count(*) filter (where month <> %(month)s and month between '2010-12-01' and %(today)s) as other_month,
        count(*) filter (where month > %(today)s) as future_month,
        count(*) filter (where month < '2010-12-01') as month_before_series,
        count(*) filter (where btrim(reported_by) is distinct from 'Metropolitan Police Service') as other_force,
        count(*) filter (
            where btrim(crime_type) not in (
                'Anti-social behaviour', 'Bicycle theft', 'Burglary', 'Criminal damage and arson', 'Drugs',
                'Other crime', 'Other theft', 'Possession of weapons', 'Public order', 'Robbery', 'Shoplifting',
                'Theft from the person', 'Vehicle crime', 'Violence and sexual offences',
                'Public disorder and weapons'
            )
        ) as unknown_type,
        count(*) filter (where lsoa_code !~ '^\s*[EW]01\d{6}\s*$') as no_code,
        count(*) filter (where length(btrim(crime_id)) <> 64 or btrim(crime_id) ~ '[^0-9a-f]') as no_id,
        count(*) filter (where longitude not between -8.7 and 1.8) as longitude_outside,
        count(*) filter (where latitude not between 49.8 and 60.9) as latitude_outside,
        count(*) filter (where (longitude is null) <> (latitude is null)) as half_a_place,
        count(*) filter (
            where last_outcome not in (
                'Action to be taken by another organisation', 'Awaiting court outcome', 'Court result unavailable',
                'Formal action is not in the public interest', 'Further action is not in the public interest',
                'Further investigation is not in the public interest',
                'Investigation complete; no suspect identified', 'Local resolution', 'Offender given a caution',
                'Offender given a drugs possession warning', 'Offender given penalty notice',
                'Status update unavailable', 'Suspect charged as part of another case',
                'Unable to prosecute suspect', 'Under investigation'
            )
        ) as unknown_outcome,
        count(*) filter (where btrim(falls_within) <> btrim(reported_by)) as within_another_force,
        count(*) filter (where location !~ '^\s*(On or near|No [Ll]ocation)') as other_place,
        count(*) filter (where context is not null) as remark,
        count(*) filter (where longitude is null) as without_place
    from raw.police_uk_street
    where batch_id = %(batch_id)s
),
areas as (
    select lsoa_code, count(distinct regexp_replace(btrim(lsoa_name), ' \d{3}[A-Z]$', '')) as names
    from (
        select distinct lsoa_code, lsoa_name
        from raw.police_uk_street where batch_id = %(batch_id)s and lsoa_code is not null
    ) s
    group by lsoa_code
),
earlier as (
    select b.* from ops.batch b join batch n on n.feed = b.feed and n.resource = b.resource and n.partition = b.partition
    where b.status = 'admitted' and b.period_start < n.period_start and b.period_start >= n.period_start - interval '12 months'
)
select
    (select bool_and(manifest_rows is null or manifest_rows = rows_parsed) from stated) as manifest_rows_agree,
    (select bool_and(warnings = '{}' or is_whole or manifest_rows = rows_parsed) from stated) as file_is_whole,
    other_month = 0 as month_is_that_of_file,
    future_month = 0 as month_not_in_future,
    month_before_series = 0 as month_not_before_series,
    other_force = 0 as force_is_that_of_file,
    unknown_type = 0 as crime_type_is_known,
    no_code = 0 as lsoa_code_is_a_code,
    not exists (select 1 from areas where names > 1) as area_is_that_of_code,
    no_id = 0 as crime_id_is_an_id,
    longitude_outside = 0 as longitude_in_great_britain,
    latitude_outside = 0 as latitude_in_great_britain,
    half_a_place = 0 as coordinates_come_in_pairs,
    unknown_outcome = 0 as outcome_is_known,
    within_another_force = 0 as falls_within_the_force,
    other_place = 0 as place_is_anonymous,
    remark = 0 as remark_is_blank,
    without_place * 100 <= 25 * n as most_have_a_place,
    not exists (
        select 1 from ops.batch e
        where e.batch_id = ops.earlier_sound_batch(%(batch_id)s, '')
          and 100.0 * ((select rows_parsed from batch) - e.rows_parsed) / e.rows_parsed not between -60 and 300
    ) as volume_against_earlier_vintage,
    coalesce(
        100.0 * (select rows_parsed from batch) / (select percentile_cont(0.5) within group (order by rows_parsed) from earlier)
        between 40 and 400, true
    ) as volume_against_earlier_months,
    not exists (
        select regexp_replace(r.lsoa_name, ' \d{3}[A-Z]$', '')
        from raw.police_uk_street r join earlier e using (batch_id) group by 1 having count(*) >= 300
        except
        select regexp_replace(lsoa_name, ' \d{3}[A-Z]$', '') from raw.police_uk_street where batch_id = %(batch_id)s
    ) as no_area_vanished
from street
