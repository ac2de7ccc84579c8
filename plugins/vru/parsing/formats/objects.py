"""What formats of JSON share: texts of a stream, values as cells, and records whose names are their headers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from vru.contracts import Resource
from vru.parsing.content import RECORD_SEPARATOR, UTF8_BOM, refuse_other_types
from vru.parsing.formats.base import Opened
from vru.parsing.header import HeaderMap, match_header, unknown_column
from vru.parsing.model import Cells, Reject, Unreadable
from vru.parsing.stream import (
    MAX_COLUMNS,
    MAX_FIELD_BYTES,
    MAX_HEADER_BYTES,
    MAX_RECORD_BYTES,
    Source,
    foreign,
    read_exactly,
)

MAX_TEXT_BYTES = 64 << 20
READ_BYTES = 1 << 20
#: Values of JSON that say nothing.
BLANK_VALUES: tuple[Any, ...] = (None, "", [])


@dataclass
class Record:
    """One record: its ordinal (1 is the first) and its values by header; None where there is none."""

    ordinal: int
    values: dict[str, Any]


def texts(stream: Source, words: str, *, separator: bytes = RECORD_SEPARATOR) -> Iterator[list[bytes]]:
    """The JSON texts of the stream, those that end in one block together. Raises Unreadable."""
    rest = b""
    is_first = True
    while True:
        more = read_exactly(stream, READ_BYTES)
        if is_first and more:
            refuse_other_types(more, words)
            is_first = False
        *whole, rest = (rest + more).split(separator)
        yield [text for text in whole if text.removeprefix(UTF8_BOM).strip()]
        if len(rest) > MAX_TEXT_BYTES:
            raise Unreadable(
                "page_too_long", f"a page is longer than {MAX_TEXT_BYTES >> 20} MiB; ask for smaller pages"
            )
        if not more:
            if is_first:
                raise Unreadable("empty_file", "the file is empty; fetch it again, and ask the partner if it stays so")
            if rest.strip():
                yield [rest]
            return


def load(raw: bytes) -> Any:
    """A JSON text as Python holds it, with no name twice in an object. Raises Unreadable."""
    try:
        # every page of an answer may have a byte-order mark of its own
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Unreadable("not_utf8", "the text is not UTF-8; ask the partner for UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable("not_json", "the text is not whole, valid JSON; fetch it again") from None


def open_records(
    resource: Resource, pages: Iterator[list[Record]], chunk_rows: int, *, unasked: frozenset[str] = frozenset()
) -> Opened:
    """Start to read records; raises Unreadable if the first page cannot be used.

    `unasked` are names that every record has, and that are no unknown columns where the contract has none of that name.
    """
    first = next((page for page in pages if page), [])
    if not first:
        raise Unreadable("no_rows", "there is not one record; fetch it again, and ask the partner if it stays so")
    unasked -= {c.name for c in resource.columns}
    opened = Opened([], HeaderMap({}, 0, ()), iter(()))
    opened.columns = _match(resource, opened.headers, first, unasked)
    opened.source = _chunks(resource, opened, first, pages, chunk_rows, unasked)
    return opened


def _match(resource: Resource, headers: list[str], page: list[Record], unasked: frozenset[str]) -> HeaderMap:
    """The columns that stand in what was read so far; `headers` grows by the names that no earlier page has.

    Raises Unreadable as `match_header` does, and for names beyond what is read.
    """
    known = {*headers, *unasked}
    headers += dict.fromkeys(name for record in page for name in record.values if name not in known)
    if len(headers) > MAX_COLUMNS:
        raise Unreadable(
            "too_many_columns",
            f"the records have {len(headers)} names; at most {MAX_COLUMNS} are read",
            line=page[0].ordinal,
        )
    if sum(map(len, headers)) > MAX_HEADER_BYTES:
        raise Unreadable(
            "header_too_long",
            f"the names in the records are longer than {MAX_HEADER_BYTES >> 10} KiB",
            line=page[0].ordinal,
        )
    columns = match_header(resource, headers)
    for name in (headers[position] for position in columns.unnamed):
        if any(record.values.get(name) not in BLANK_VALUES for record in page):
            raise Unreadable("blank_header", "a property that holds values has no name; ask the partner to name it")
    return columns


def _chunks(
    resource: Resource,
    opened: Opened,
    first: list[Record],
    pages: Iterator[list[Record]],
    chunk_rows: int,
    unasked: frozenset[str],
) -> Iterator[Cells]:
    json_columns = {c.name for c in resource.columns if c.type == "json"}
    columns = opened.columns

    def cells_of(record: Record) -> dict[str, str | None]:
        out: dict[str, str | None] = {}
        for column, at in columns.positions.items():
            is_json = column in json_columns
            parts = [_text(record.values.get(opened.headers[p]), is_json) for p in at]
            out[column] = parts[0] if len(parts) == 1 else " ".join((part or "").strip() for part in parts)
            _refuse_long(out[column], is_json, record.ordinal)
        return out

    page: list[Record] | None = first
    while page is not None:
        if page is not first and page:
            before = columns.unknown
            columns = _match(resource, opened.headers, page, unasked)
            opened.warnings += [unknown_column(name) for name in columns.unknown if name not in before]
        for start in range(0, len(page), chunk_rows):
            rows: list[tuple[int, dict[str, str | None]]] = []
            rejects: list[Reject] = []
            part = page[start : start + chunk_rows]
            for record in part:
                try:
                    cells = cells_of(record)
                except _NestedError:
                    reason = "a property holds a list or an object, but the contract wants one value"
                    rejects.append(Reject(record.ordinal, "", "nested_value", reason, {}))
                    continue
                bad = [
                    (c, *found)
                    for c, text in cells.items()
                    if text and c not in json_columns and (found := foreign([text]))
                ]
                if bad:
                    received = {c: text or "" for c, text in cells.items()}
                    column, code, words = bad[0]
                    reason = f"{column}: the value holds {words}"
                    rejects.append(Reject(record.ordinal, column, code, reason, received))
                else:
                    rows.append((record.ordinal, cells))
            yield Cells(
                pl.Series("line_number", [ordinal for ordinal, _ in rows], dtype=pl.Int64),
                {c: pl.Series(c, [cells[c] for _, cells in rows], dtype=pl.String) for c in columns.positions},
                rejects,
                len(part),
            )
        page = next(pages, None)
    if columns.unnamed:
        opened.warnings.append("a property without a name is blank; left out")


def _refuse_long(text: str | None, is_json: bool, ordinal: int) -> None:
    limit = MAX_RECORD_BYTES if is_json else MAX_FIELD_BYTES
    if text is not None and len(text) > limit:
        raise Unreadable(
            "cell_too_long",
            f"a value is longer than {limit >> 20} MiB; ask the partner whether the file is whole",
            line=ordinal,
        )


class _NestedError(Exception):
    """A list or an object where the contract wants one value."""


def _text(value: Any, is_json: bool) -> str | None:
    """A JSON value as the cell that a text table would hold."""
    if value is None:
        return None
    if is_json:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    raise _NestedError


def _no_constant(_name: str) -> float:
    raise ValueError


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different; of two equal ones JSON would keep the last without a word."""
    out = dict(pairs)
    if len(out) != len(pairs):
        raise Unreadable("duplicate_header", "an object of the JSON has the same name twice")
    return out
