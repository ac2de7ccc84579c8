"""How a step can end other than well, so that callers know whether trying again may help, and how that is told."""

from __future__ import annotations

import re

#: Characters that make a terminal or a reader do something: controls, line separators, changes of direction; and
#: halves of characters, as in a file name that is not UTF-8. A tab is none of them.
_ACTING = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class ShortfallError(Exception):
    """The partner's data cannot be used as it is: rejected, held or refused. Trying again does not help."""


class SourceError(Exception):
    """The partner could not be reached, broke off or said no. `is_retryable`: trying again may help."""

    def __init__(self, message: str, *, is_retryable: bool = True) -> None:
        super().__init__(message)
        self.is_retryable = is_retryable


def printable(line: str) -> str:
    """One line of text that may hold a partner's words, as a terminal, log or JSON can bear it (``\\u001b``)."""
    return _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
