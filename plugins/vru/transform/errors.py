"""What can go wrong in a build."""


class BuildError(Exception):
    """A build that cannot go on. The marts in use are as they were. The message never holds a value of the data."""
