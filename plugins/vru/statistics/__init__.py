"""Only what SQL cannot do well: exact Poisson limits and intervals, control charts, what is news, levels and steps."""
