-- One row is an area that a source does not cover, with the reason that its figures give. From the measure
-- specifications.
{{ measure_gaps(var('measures')) }}
