-- One row is one victim of the newest delivery in which the borough column is sound, by month. Where nothing is
-- withheld these are the rows of stg_mps_homicide_victims.
select
    received.batch_id,
    received.line_number,
    received.part,
    current_input.vintage_at as known_at,
    received.victim_count,
    received.age_group,
    received.sex,
    received.ethnicity,
    received.method,
    received.domestic_abuse,
    received.recorded_month,
    received.offence,
    received.solved_status,
    received.borough_name,
    received.borough_name_source,
    {{ null_reasons('received', {
        'age_group': 'age_group', 'sex': 'sex', 'ethnicity': 'ethnicity', 'method': 'method',
        'domestic_abuse': 'is_domestic', 'offence': 'offence', 'solved_status': 'solved_status'
    }) }} as null_reason
{{ current_rows('mps_homicide_victims', 'victims', 'mps_homicide_victims', 'recorded_month', 'borough_name') }}
