"""What the gate raises."""


class QualityError(Exception):
    """A check that could not be run. The message names suite, check and mend, never a value of the data."""
