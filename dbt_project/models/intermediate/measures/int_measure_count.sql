{{ config(materialized='table') }}
-- One row is a definition, source, kind of area, area and unit of the source's finest grain with events: how many
-- satisfy the definition, and of how many the source does not say whether they do. area_key is null for events that
-- lie in no area of that kind, or in an unknown one.
{{ measure_counts(var('measures')) }}
