"""Reading bytes piece by piece, and how much of one thing any format may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

KIB, MIB = 1 << 10, 1 << 20

MAX_FIELD_BYTES = MIB
MAX_RECORD_BYTES = 16 * MIB
MAX_HEADER_BYTES = 64 * KIB
MAX_COLUMNS = 2_000


class Source(Protocol):
    """Anything that hands out bytes."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; empty at the end."""
        ...


class Rejoined:
    """A stream whose first bytes were read already."""

    def __init__(self, first: bytes, rest: Source) -> None:
        self._first = first
        self._rest = rest

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end."""
        if self._first:
            first, self._first = self._first[:size], self._first[size:]
            return first + read_exactly(self._rest, size - len(first))
        return self._rest.read(size)


def read_exactly(stream: Source, size: int) -> bytes:
    """`size` bytes or more, fewer only at the end of the stream."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


#: Control characters (C0 but tab and line ends, DEL, C1), and half a surrogate pair.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
BYTE_ORDER_MARK = "\ufeff"


def has_control(text: str) -> bool:
    """Whether a control character other than tab and newline, or half a surrogate pair, stands in the text."""
    return _CONTROL.search(text) is not None


def foreign(texts: Iterable[str]) -> tuple[str, str] | None:
    """What stands in cells that no cell may hold: reason code and words; None if nothing does."""
    whole = "\n".join(texts)
    if has_control(whole):
        return "control_character", "a control character"
    return ("bom_in_cell", "a byte-order mark") if BYTE_ORDER_MARK in whole else None
