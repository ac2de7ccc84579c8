"""What a check says it measured, beside the limit that it was measured against: the one place that words both."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN_LINES = 3
"""So many lines at fault are named as examples."""


def told(measured: str, limit: str) -> str:
    """`62 % against limit 60 %`; what was measured alone where there is no limit, or the words name it."""
    return f"{measured} against limit {limit}" if measured and limit else measured


def rows(count: int, of: int, lines: Sequence[int] = ()) -> str:
    """`12 of 255 rows (4.71 %), first on lines 17, 18 and 40`."""
    share = f" ({100 * count / of:.2f} %)" if of else ""
    return f"{count} of {of} rows{share}{_first(lines)}"


def reason(words: str, detail: str) -> str:
    """A check's reason with what it measured."""
    return f"{words} ({detail})" if detail else words


def _first(lines: Sequence[int]) -> str:
    if not lines:
        return ""
    if len(lines) == 1:
        return f", first on line {lines[0]}"
    return f", first on lines {', '.join(map(str, lines[:-1]))} and {lines[-1]}"
