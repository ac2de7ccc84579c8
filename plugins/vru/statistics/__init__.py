"""Only what SQL cannot do well: exact Poisson limits and intervals, control charts, tests of change."""
