-- One row is a definition, a source and a kind of area: how that source counts it there. From the measure
-- specifications.
{{ measure_entries(var('measures')) }}
