"""What a format does: tell its bytes, name their headers, and cut them into records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from vru.contracts import Resource
from vru.parsing.header import HeaderMap
from vru.parsing.model import Cells
from vru.parsing.stream import Source

BLOCK_BYTES = 4 << 20


@dataclass
class Opened:
    """A file whose header was read: its columns, and the records that follow.

    `headers` and `warnings` may grow while `source` is read. `has_types`: the cells were typed, as those of a workbook
    are. `has_final_newline` holds once `source` has ended.
    """

    headers: list[str]
    columns: HeaderMap
    source: Iterator[Cells]
    warnings: list[str] = field(default_factory=list)
    allow_empty: bool = False
    has_types: bool = False
    has_final_newline: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Sizes:
    """How much is read at once: about `chunk_rows` rows a chunk, `block_bytes` of a text."""

    chunk_rows: int = 50_000
    block_bytes: int = BLOCK_BYTES


class Format(Protocol):
    """One kind of bytes; `form` is its part of the contract. A module of this package is one."""

    WORDS: str
    """What is due, for messages: "GeoJSON"."""

    def sniff(self, head: bytes, /) -> bool:
        """Whether content that begins so may be of this kind."""
        ...

    def headers(self, head: bytes, resource: Resource, form: Any, /) -> list[str]:
        """The headers, from the first bytes. Raises Unreadable."""
        ...

    def read(self, stream: Source, resource: Resource, form: Any, file_name: str, sizes: Sizes, /) -> Opened:
        """Read the header; records follow while the result is iterated. Raises Unreadable, then and later."""
        ...
