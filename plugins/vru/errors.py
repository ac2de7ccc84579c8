"""How a step can end other than well, so that callers know whether trying again may help. Imports nothing."""


class ShortfallError(Exception):
    """The partner's data cannot be used as it is: rejected, held or refused. Trying again does not help."""


class SourceError(Exception):
    """The partner could not be reached or broke off. Trying again may help."""
