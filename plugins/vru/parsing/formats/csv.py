"""Delimited text: header, records that are rows, records that are not."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator

import numpy as np
import polars as pl

from vru.contracts import Csv, Resource
from vru.landing.kinds import HEAD_BYTES
from vru.landing.workbook import MAGIC
from vru.parsing.content import UTF8_BOM, is_json, refuse_contradiction, refuse_other_kinds, refuse_other_types
from vru.parsing.formats.base import Opened, Sizes
from vru.parsing.formats.csv_structure import Block, Blocks, Flags, Positions
from vru.parsing.formats.likeness import likeness, telling
from vru.parsing.header import HeaderMap, fits, match_header
from vru.parsing.model import Cells, Reject, Unreadable
from vru.parsing.stream import (
    MAX_COLUMNS,
    MAX_HEADER_BYTES,
    MAX_RECORD_BYTES,
    Rejoined,
    Source,
    foreign,
    has_control,
    read_exactly,
)
from vru.parsing.unnamed import Unnamed
from vru.spelling import trimmed_cells

WORDS = "a delimited text file"
MAX_WAITING = 10_000
PREAMBLE_LINES = 20
MIN_RECORDS_TO_AGREE = 2
MIN_WIDTH_OF_OTHER = 3  # a note with one semicolon in it is no record of two cells
DELIMITERS = {";": "semicolon", "\t": "tab", "|": "bar", ",": "comma"}

csv.field_size_limit(MAX_RECORD_BYTES)  # the limits that count are those of stream


def sniff(head: bytes) -> bool:
    """Whether this may be a text table: anything that is neither JSON nor a sheet."""
    return not is_json(head) and not head.startswith(MAGIC)


def headers(head: bytes, _resource: Resource, form: Csv) -> list[str]:
    """The headers of a delimited text, from its first bytes. Raises Unreadable."""
    refuse_other_types(head, WORDS)
    if codecs.lookup(form.encoding).name != "utf-8":
        head = codecs.getincrementaldecoder(form.encoding)("replace").decode(head).encode()
    return _header(head, form.delimiter)[0]


def read(stream: Source, resource: Resource, form: Csv, file_name: str, sizes: Sizes) -> Opened:
    """Start to read a delimited text file; raises Unreadable if its header cannot be used."""
    if codecs.lookup(form.encoding).name == "utf-8":
        stream_utf8: Source = stream
    else:
        head = read_exactly(stream, HEAD_BYTES)
        refuse_other_kinds(head, WORDS)  # what it is shows only before it is recoded
        stream_utf8 = _Recoded(Rejoined(head, stream), form.encoding)
    head = read_exactly(stream_utf8, MAX_HEADER_BYTES + 1024)
    refuse_other_types(head, WORDS)
    refuse_contradiction(file_name, "text")
    names, start, lines = _header(head, form.delimiter)
    try:
        columns = match_header(resource, names)
    except Unreadable as error:
        if error.code == "missing_column":
            _refuse_preamble(resource, head, form.delimiter)
        raise
    blocks = Blocks(
        Rejoined(head[start:], stream_utf8),
        form.delimiter,
        first_line=1 + lines,
        width=columns.width,
        likeness=likeness(resource, columns, form.delimiter),
        telling=telling(resource, columns),
        header=head[:start].removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n"),
        block_bytes=sizes.block_bytes,
    )
    warnings: list[str] = []
    return Opened(
        names,
        columns,
        iter(_Reader(columns, form.delimiter, blocks, columns.records(sizes.chunk_rows), warnings)),
        warnings,
        allow_empty=form.allow_empty,
        has_final_newline=lambda: blocks.has_final_newline,
    )


class _Recoded:
    """A stream in the declared encoding as UTF-8."""

    def __init__(self, stream: Source, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._line = 1

    def read(self, size: int) -> bytes:
        """About `size` bytes of UTF-8; empty at the end. Raises Unreadable."""
        while True:
            data = self._stream.read(size)
            try:
                text = self._decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise Unreadable(
                    "wrong_encoding",
                    f"the text is not in the encoding of the contract ({self._encoding})",
                    line=self._line + data.count(b"\n", 0, error.start),
                ) from None
            self._line += text.count("\n")
            if text or not data:
                return text.encode("utf-8")


def _header(head: bytes, delimiter: str) -> tuple[list[str], int, int]:
    """Headers, the number of bytes that they take (with a byte-order mark), and of physical lines."""
    skip = len(UTF8_BOM) if head.startswith(UTF8_BOM) else 0
    if head.startswith(UTF8_BOM, skip):
        raise Unreadable(
            "second_bom", "the file starts with two byte-order marks; ask the partner to export it anew", line=1
        )
    end = newline = head.find(b"\n", skip)
    while newline >= 0 and head.count(b'"', skip, end) % 2:
        end = newline = head.find(b"\n", newline + 1)
    is_long = end > MAX_HEADER_BYTES or (end < 0 and len(head) > MAX_HEADER_BYTES)
    raw = head[skip:end] if end >= 0 else head[skip:]
    if is_long and raw.count(b'"') % 2 == 0:
        raise Unreadable("header_too_long", f"the header is longer than {MAX_HEADER_BYTES >> 10} KiB", line=1)
    if raw.count(b'"') % 2:
        raise Unreadable("bad_quote", "a quoted header is never closed", line=1)
    raw = raw.removesuffix(b"\r")
    if not raw.strip():
        raise Unreadable("preamble", "the first line is blank; the header must stand there", line=1)
    if b"\r" in raw.replace(b"\r\n", b""):
        raise Unreadable("bad_newline", "lines end in a lone carriage return; ask the partner for LF or CR LF", line=1)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable(
            "not_utf8", "the header is not in the encoding of the contract (UTF-8); ask the partner for UTF-8", line=1
        ) from None
    if has_control(text):
        raise Unreadable("control_character", "a control character stands in the header", line=1)
    headers = _cells(text, delimiter)
    if headers is None:
        raise Unreadable("bad_quote", "a quote stands out of place in the header", line=1)
    if len(headers) > MAX_COLUMNS:
        raise Unreadable(
            "too_many_columns", f"the header has {len(headers)} columns; at most {MAX_COLUMNS} are read", line=1
        )
    if len(headers) == 1 and (found := [d for d in DELIMITERS if d != delimiter and d in text]):
        raise _wrong_delimiter("the header", found[0], 1)
    used = end + 1 if end >= 0 else len(head)
    return headers, used, head.count(b"\n", 0, used)


def _wrong_delimiter(what: str, found: str, line: int) -> Unreadable:
    return Unreadable(
        "wrong_delimiter",
        f"{what} is parted by a {DELIMITERS[found]}, not by the delimiter of the contract; ask the partner for the "
        "agreed form",
        line=line,
    )


def _cells(record: str, delimiter: str) -> list[str] | None:
    """The cells of one record; None if its quotes are wrong."""
    try:
        rows = list(csv.reader([record], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else ([""] if not rows else None)


def _refuse_preamble(resource: Resource, head: bytes, delimiter: str) -> None:
    """Raise Unreadable if the header stands, but lower down."""
    for number, line in enumerate(head.decode("utf-8", "replace").split("\n")[1 : PREAMBLE_LINES + 1], start=2):
        cells = _cells(line.rstrip("\r"), delimiter)
        if cells and fits(resource, cells):
            raise Unreadable(
                "preamble",
                f"the header stands on line {number}, below {number - 1} others; ask the partner to leave these out",
                line=1,
            )


class _Reader:
    """Records of a file as cells by contract column.

    Blank and short records wait until a full one follows: at the end of the file they are no rows of the
    table, but blank lines, a footnote, a second table, or the place where the file was cut.
    """

    def __init__(
        self, columns: HeaderMap, delimiter: str, blocks: Blocks, chunk_rows: int, warnings: list[str]
    ) -> None:
        self._columns = columns
        self._delimiter = delimiter
        self._blocks = blocks
        self._chunk_rows = chunk_rows
        self._warnings = warnings
        self._names = [str(p) for p in range(columns.width)]
        self._wanted = sorted({p for cells in columns.cells.values() for p in cells} | set(columns.unnamed))
        self._records_before = 0
        self._unnamed = Unnamed(columns.unnamed)
        self._has_full_record = False
        self._waiting: list[Reject] = []

    def __iter__(self) -> Iterator[Cells]:
        for number, block in enumerate(self._blocks):
            if number == 0:
                self._compare_with_header(block)
            for first in range(0, len(block.starts), self._chunk_rows):
                yield self._part(block, first, min(first + self._chunk_rows, len(block.starts)))
        short = [r for r in self._waiting if r.code != "blank_row"]
        if short and self._has_full_record:
            raise self._trailing(short[0].line_number, len(short))
        if short:
            yield self._cells(b"", None, np.array([], np.int64), np.array([], np.int64), short)
        self._warnings += self._unnamed.warnings()
        if blank := len(self._waiting) - len(short):
            self._warnings.append(f"{blank} blank line(s) at the end of the file were left out")

    def _compare_with_header(self, block: Block) -> None:
        """Say so where all records agree on a width that is not the header's. Raises Unreadable but for a blank end."""
        filled = np.flatnonzero(block.starts != block.ends)
        widths, width = block.cells[filled], self._columns.width
        if len(filled) < MIN_RECORDS_TO_AGREE or widths.min() != widths.max() or (found := int(widths[0])) == width:
            return
        if found < width:
            self._refuse_other_delimiter(block.record(int(filled[0])), int(block.lines[filled[0]]))
        last = np.frombuffer(block.data, np.uint8)[block.ends[filled] - 1]
        if found == width + 1 and (last == ord(self._delimiter)).all():
            self._warnings.append(f"every record ends in a delimiter too many: {found} cells, the header {width}")
            return
        raise Unreadable(
            "header_width",
            f"the header has {width} cells, and every record {found}: the header has {abs(width - found)} too "
            f"{'many' if found < width else 'few'}; ask the partner which column is meant",
            line=1,
        )

    def _part(self, block: Block, first: int, last: int) -> Cells:
        is_blank = block.starts[first:last] == block.ends[first:last]
        is_row = (block.cells[first:last] == self._columns.width) & ~block.is_control[first:last] & ~is_blank
        ordinals = self._records_before + np.cumsum(~is_blank)
        self._records_before += int((~is_blank).sum())
        if is_row.all():
            data = block.data[block.starts[first] : block.ends[last - 1] + 1]
            rejects = self._release()
            return self._cells(data, block, block.lines[first:last], ordinals, rejects)
        rejects = self._irregular(block, first, is_row)
        rows = first + np.flatnonzero(is_row)
        return self._cells(_joined(block, rows), block, block.lines[rows], ordinals[is_row], rejects)

    def _irregular(self, block: Block, first: int, is_row: Flags) -> list[Reject]:
        """Rejects for the records of a part that are no rows, as far as a full record follows them."""
        rejects: list[Reject] = []
        before = -1
        for i in np.flatnonzero(~is_row).tolist():
            if i > before + 1:
                rejects += self._release()
            before = i
            reject = self._reject(block, first + i)
            if reject.code in ("blank_row", "too_few_cells"):
                self._waiting.append(reject)
                if len(self._waiting) > MAX_WAITING:
                    if self._has_full_record:
                        raise self._trailing(self._waiting[0].line_number, len(self._waiting))
                    rejects += self._release(is_full=False)
            else:
                rejects += [*self._release(is_full=False), reject]
        if before < len(is_row) - 1:
            rejects += self._release()
        return rejects

    def _release(self, *, is_full: bool = True) -> list[Reject]:
        """What seemed to be the end of the table was none."""
        self._has_full_record = self._has_full_record or is_full
        waiting, self._waiting = self._waiting, []
        return waiting

    def _trailing(self, line: int, count: int) -> Unreadable:
        if not self._blocks.has_final_newline and count == 1:
            return Unreadable("cut_short", "the last record is cut short; fetch the file again", line=line)
        return Unreadable(
            "footnote",
            f"{count} line(s) with too few cells follow the last full record: a footnote or a second table; ask the "
            "partner for the table alone",
            line=line,
        )

    def _cells(
        self, data: bytes, block: Block | None, lines: Positions, ordinals: Positions, rejects: list[Reject]
    ) -> Cells:
        """Records of a block, of none where there is no record."""
        frame = self._frame(data, block is not None and block.has_quotes, len(lines))
        self._unnamed.take({p: frame[self._names[p]] for p in self._unnamed.positions}, ordinals)
        cells, is_plain = self._by_column(frame), block is not None and block.is_plain
        return Cells(pl.Series("line_number", lines), cells, rejects, len(lines) + len(rejects), is_plain)

    def _frame(self, data: bytes, has_quotes: bool, height: int) -> pl.DataFrame:
        if not data:
            return pl.DataFrame(schema={self._names[p]: pl.String for p in self._wanted})
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=dict.fromkeys(self._names, pl.String),
            columns=self._wanted,
            separator=self._delimiter,
            quote_char='"' if has_quotes else None,
        )
        if frame.height != height:
            raise RuntimeError(f"cut {height} records, but {frame.height} were read; this is a fault of the reader")
        return frame

    def _by_column(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        out: dict[str, pl.Series] = {}
        for name, positions in self._columns.cells.items():
            parts = [frame[self._names[p]] for p in positions]
            if len(parts) > 1:
                joined = parts[0].fill_null("")
                for part in parts[1:]:
                    joined = joined + " " + part.fill_null("")
                parts = [trimmed_cells(joined)]
            out[name] = parts[0]
        return out

    def _reject(self, block: Block, i: int) -> Reject:
        line, text = int(block.lines[i]), block.record(i)
        cells = _cells(text, self._delimiter) or []
        record = {
            name: " ".join(cells[p] for p in at if p < len(cells)) for name, at in self._columns.positions.items()
        }
        if len(cells) > self._columns.width and not (self._columns.unknown or self._columns.unnamed):
            # what stands beyond the last column; left out where the file has columns that may not be stored
            record |= {f"cell_{p + 1}": cells[p] for p in range(self._columns.width, len(cells))}
        found, width = int(block.cells[i]), self._columns.width
        if found < width:
            self._refuse_other_delimiter(text, line)
        if block.starts[i] == block.ends[i]:
            return Reject(line, "", "blank_row", "a blank line stands between records", {})
        if block.is_control[i]:
            code, words = foreign([text]) or ("control_character", "a control character")
            return Reject(line, self._column_with(code, cells), code, f"the record holds {words}", record)
        code = "too_few_cells" if found < width else "too_many_cells"
        if self._columns.unknown or self._columns.unnamed:
            record = {}  # cells have moved, so one that may not be stored may stand under a known name
        return Reject(line, "", code, f"the record has {found} cells, the header {width}", record)

    def _refuse_other_delimiter(self, text: str, line: int) -> None:
        """Raise Unreadable if a short record is one of full width in another delimiter: the file is of two forms."""
        width = self._columns.width
        for other in DELIMITERS:
            if other != self._delimiter and len(_cells(text, other) or ()) == width >= MIN_WIDTH_OF_OTHER:
                raise _wrong_delimiter("a record", other, line)

    def _column_with(self, code: str, cells: list[str]) -> str:
        """The first contract column in which this fault stands."""
        for name, positions in self._columns.positions.items():
            found = foreign(cells[p] for p in positions if p < len(cells))
            if found and found[0] == code:
                return name
        return ""


def _joined(block: Block, records: Positions) -> bytes:
    """The bytes of some records, in order; neighbours are copied in one piece."""
    if not len(records):
        return b""
    breaks = np.flatnonzero(np.diff(records) > 1) + 1
    runs = np.split(records, breaks)
    return b"".join(block.data[block.starts[run[0]] : block.ends[run[-1]] + 1] for run in runs)
