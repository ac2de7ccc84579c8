-- One row is one row, current as a whole or for a column, of raw.mps_homicide_victims. Victims of recorded
-- homicide, one row each.
select
    received.batch_id,
    received.line_number,
    received.part,
    current_input.partition as source_partition,
    current_input.vintage_at as known_at,
    current_input.current_for,
    received.victim_count,
    received.age_group,
    received.age_group_source,
    received.sex,
    received.sex_source,
    received.method,
    received.method_source,
    received.domestic_abuse,
    received.domestic_abuse_source,
    received.recorded_month,
    received.offence,
    received.offence_source,
    received.solved_status,
    received.solved_status_source,
    received.borough_name,
    received.borough_name_source,
    received.ethnicity,
    received.ethnicity_source,
    {{ cleaned('received.homicide_id') }} as homicide_id
{{ current_rows('mps_homicide_victims', 'victims', 'mps_homicide_victims', 'recorded_month', is_sound=true) }}
