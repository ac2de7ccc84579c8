"""Cuts a delimited text file (RFC 4180) into records, in blocks, by array operations on the bytes.

A general CSV parser decides a cell at a time; here the quotes, delimiters and newlines of a whole block are
found at once, and a newline or delimiter counts if an even number of quotes stands before it. That is exact, because a
block in which a quote stands anywhere else than at the edge of a cell, or doubled inside one, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vru.parsing.content import UTF8_BOM
from vru.parsing.formats.base import BLOCK_BYTES
from vru.parsing.formats.csv_swallowed import Cuts, Telling, merged_at
from vru.parsing.model import Unreadable
from vru.parsing.stream import MAX_FIELD_BYTES, MAX_RECORD_BYTES, Source, read_exactly
from vru.spelling import BLANKS, INVISIBLE, JOINERS, LINE_ENDS

#: From this width on no text has a line with as many delimiters as a record; in a narrower table one can by chance.
MIN_WIDTH_OF_SWALLOWED = 5

LF, CR, TAB, QUOTE, DELETE, SPACE = 10, 13, 9, 34, 127, 32
_FIRST_LEAD, _TWO_SPACES = 0xC2, 0x2020
#: What trimming changes wherever it stands, or at the edge of a cell: as UTF-8, characters of two and of three bytes.
_ODD = [c.encode() for c in BLANKS + LINE_ENDS + INVISIBLE + JOINERS]
_ODD_OF_TWO, _ODD_OF_THREE = (
    np.array([int.from_bytes(c, "big") for c in _ODD if len(c) == length], np.int64) for length in (2, 3)
)
Positions = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Likeness:
    """When lines inside a quoted cell are taken for records: so many in a row, each of which `is_record`.

    `is_record` is given whole lines, each ended by LF and with as many cells as a record, none of them quoted.
    """

    lines: int
    is_record: Callable[[bytes], Flags]


ONE_LINE = Likeness(1, lambda lines: np.ones(lines.count(b"\n"), np.bool_))
"""As many delimiters as a record has are enough."""


@dataclass
class Block:
    """Whole records, each ended by one LF; `data` has the CR of line ends removed and is valid UTF-8.

    Record i is `data[starts[i]:ends[i]]` (without its LF), starts on physical line `lines[i]` and has
    `cells[i]` cells, of which the quoted ones stand as in the file. `is_control[i]`: a control character
    or a byte-order mark stands in it. `is_plain`: no cell has a blank that trimming would change.
    """

    data: bytes
    starts: Positions
    ends: Positions
    lines: Positions
    cells: Positions
    is_control: Flags
    has_quotes: bool
    is_plain: bool = False

    def record(self, i: int) -> str:
        """The text of record i."""
        return self.data[self.starts[i] : self.ends[i]].decode()


class Blocks:
    """The records of a stream of UTF-8 bytes, block by block; memory is bounded whatever the bytes are.

    `has_final_newline` and `lines_read` hold once the iteration has ended.
    """

    def __init__(
        self,
        stream: Source,
        delimiter: str,
        *,
        first_line: int = 1,
        width: int = 0,
        likeness: Likeness | None = None,
        telling: Telling | None = None,
        header: bytes = b"",
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self._stream = stream
        self._header = header
        self._delimiter = ord(delimiter)
        self._line = first_line
        self._block_bytes = block_bytes
        self.width = width
        self._likeness = ONE_LINE if width >= MIN_WIDTH_OF_SWALLOWED else likeness
        self._telling = telling
        self.has_final_newline = True

    def __iter__(self) -> Iterator[Block]:
        """Raises Unreadable for bytes that are not UTF-8, a quote out of place, and a record without an end."""
        rest = b""
        while True:
            more = read_exactly(self._stream, self._block_bytes)
            buffer = rest + more
            if not more:
                if buffer:
                    self.has_final_newline = False
                    self._refuse_open_quote(buffer)
                    yield self._block(buffer + b"\n")
                return
            end = _end_of_last_record(buffer)
            if end:
                yield self._block(buffer[:end])
            rest = buffer[end:]
            if len(rest) > MAX_RECORD_BYTES:
                self._refuse_open_quote(rest)
                raise Unreadable(
                    "record_too_long",
                    f"a record is longer than {MAX_RECORD_BYTES >> 20} MiB; ask the partner whether the file is whole",
                    line=self._line,
                )

    def _refuse_open_quote(self, data: bytes) -> None:
        if data.count(b'"') % 2:
            line = self._line + data.count(b"\n", 0, first_bad_quote(data, self._delimiter))
            raise Unreadable(
                "bad_quote",
                "a quoted cell is never closed; the file is cut short, or a quote in its text is not doubled",
                line=line,
            )

    def _block(self, data: bytes) -> Block:
        self._refuse_bad_text(data)
        line = self._line
        has_quotes = b'"' in data
        data = self._without_carriage_returns(data, has_quotes, line)
        self._refuse_second_header(data, line)
        a = np.frombuffer(data, np.uint8)
        marks = np.flatnonzero((a < 32) | (a == self._delimiter))
        kinds = a[marks]
        newlines = marks[kinds == LF]
        self._line += len(newlines)
        if has_quotes:
            inside = (np.searchsorted(np.flatnonzero(a == QUOTE), marks) & 1).astype(bool)
            self._refuse_swallowed(a, newlines, marks[kinds == self._delimiter], line)
            is_mark = ~inside & ((kinds == LF) | (kinds == self._delimiter))
            is_control = (kinds < 32) & (kinds != LF) & (kinds != TAB) & ((kinds != CR) | ~inside) & ~is_mark
        else:
            is_mark = (kinds == LF) | (kinds == self._delimiter)
            is_control = ~is_mark & (kinds != TAB)
        separators, kinds_there = (marks, kinds) if is_mark.all() else (marks[is_mark], kinds[is_mark])
        self._refuse_long_cells(separators, newlines, line)
        last = np.flatnonzero(kinds_there == LF)
        ends = separators[last]
        starts = np.concatenate([[0], ends[:-1] + 1])
        if has_quotes and len(newlines) > len(ends) and self._telling is not None:
            delimiters = marks[kinds == self._delimiter]
            self._refuse_merged(data, Cuts(newlines, delimiters, separators, starts, ends), self._telling, line)
        if len(newlines) == len(ends):
            lines = np.arange(line, line + len(ends), dtype=np.int64)
        else:
            lines = line + np.searchsorted(newlines, starts)
        control = np.zeros(len(ends), np.bool_)
        at = marks[is_control]
        if DELETE in data:
            at = np.concatenate([at, np.flatnonzero(a == DELETE)])
        if not data.isascii():
            at = np.concatenate([at, _foreign(a)])
        if len(at):
            control[np.searchsorted(ends, at)] = True
        # line ends inside of cells may stand at their edges
        has_line_ends = len(newlines) != len(ends) or b"\r" in data
        is_plain = not has_line_ends and not _has_odd_blank(data, a, separators, self._delimiter)
        return Block(data, starts, ends, lines, np.diff(last, prepend=-1), control, has_quotes, is_plain)

    def _refuse_bad_text(self, data: bytes) -> None:
        if data.isascii():
            return
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(
                "not_utf8",
                "the text is not in the encoding of the contract (UTF-8); ask the partner for UTF-8",
                line=self._line + data.count(b"\n", 0, error.start),
            ) from None
        at = data.find(UTF8_BOM)
        while at >= 0 and not self._is_joint(data, at):
            at = data.find(UTF8_BOM, at + 1)
        if at >= 0:
            raise Unreadable(
                "bom_in_file",
                "a byte-order mark stands inside the file, where another file seems to begin; several were probably "
                "joined, ask for them singly",
                line=self._line + data.count(b"\n", 0, at + 1),
            )

    def _is_joint(self, data: bytes, at: int) -> bool:
        """Whether another file begins at a byte-order mark: on a new line, or with this file's first header."""
        if at == 0 or data[at - 1] == LF:
            return True
        first = self._header.split(bytes([self._delimiter]))[0].strip(b'" ').lower()
        return bool(first) and data[at + 3 :].lstrip(b'" ')[: len(first)].lower() == first

    def _refuse_second_header(self, data: bytes, line: int) -> None:
        """A second header means a second file behind the first: its records would count twice."""
        at = data.find(self._header + b"\n") if self._header else -1
        if at >= 0 and (at == 0 or data[at - 1] == LF):
            raise Unreadable(
                "second_header",
                "the header stands again inside the file; several files were probably joined, ask for them singly",
                line=line + data.count(b"\n", 0, at),
            )

    def _without_carriage_returns(self, data: bytes, has_quotes: bool, line: int) -> bytes:
        """Check the quotes, and remove the CR of line ends outside quotes; every other CR stays."""
        if not has_quotes:
            return data.replace(b"\r\n", b"\n") if b"\r" in data else data
        a = np.frombuffer(data, np.uint8)
        quotes = np.flatnonzero(a == QUOTE)
        opening, closing = quotes[0::2], quotes[1::2]
        before = a[opening - 1]  # of position 0 the last byte, which is LF as it should be
        is_open = (before == self._delimiter) | (before == LF)
        is_open[1:] |= opening[1:] == closing[: len(opening) - 1] + 1
        after = a[closing + 1]
        is_closed = (after == self._delimiter) | (after == LF) | (after == QUOTE)
        ends_line = np.flatnonzero(after == CR)
        is_closed[ends_line] |= a[closing[ends_line] + 2] == LF
        if not (is_open.all() and is_closed.all()):
            # a wrong closing quote is named by the line on which its cell was opened
            wrong = np.concatenate([opening[~is_open], opening[~is_closed]]).min()
            raise Unreadable(
                "bad_quote",
                "a quote stands inside a cell without being doubled, or a quoted cell is not closed",
                line=line + data.count(b"\n", 0, int(wrong)),
            )
        returns = np.flatnonzero(a == CR)
        if not len(returns):
            return data
        returns = returns[(a[returns + 1] == LF) & (np.searchsorted(quotes, returns) & 1 == 0)]
        return np.delete(a, returns).tobytes()

    def _refuse_swallowed(self, a: NDArray[np.uint8], newlines: Positions, delimiters: Positions, line: int) -> None:
        """Refuse a quoted cell that holds whole lines which look like records of this table."""
        if self._likeness is None or len(newlines) < 2:
            return
        quotes = np.flatnonzero(a == QUOTE)
        quotes_before = np.searchsorted(quotes, newlines)
        # line i + 1 stands whole, without a quote, in the cell that the newlines i and i + 1 stand in
        within = np.flatnonzero((quotes_before[:-1] == quotes_before[1:]) & (quotes_before[1:] & 1 == 1))
        before = np.searchsorted(delimiters, newlines[within])
        upto = np.searchsorted(delimiters, newlines[within + 1])
        found = _in_a_row(within[upto - before == self.width - 1], quotes_before, self._likeness.lines)
        if not len(found):
            return
        runs = np.split(found, np.flatnonzero(np.diff(found) > 1) + 1)
        lines = b"".join(a[newlines[run[0]] + 1 : newlines[run[-1] + 1] + 1].tobytes() for run in runs)
        found = _in_a_row(found[self._likeness.is_record(lines)], quotes_before, self._likeness.lines)
        if len(found):
            opening = quotes[quotes_before[found[0]] - 1]
            raise Unreadable(
                "bad_quote",
                "a quoted cell holds whole lines that look like records, so a quote is missing or not doubled",
                line=line + int(np.searchsorted(newlines, opening)),
            )

    def _refuse_merged(self, data: bytes, cuts: Cuts, telling: Telling, line: int) -> None:
        """Refuse a quoted cell that has run records together, however few of their lines it holds whole."""
        at = merged_at(data, cuts, self.width, chr(self._delimiter), telling)
        if at is not None:
            raise Unreadable(
                "bad_quote",
                "a quoted cell holds the end of one record and the beginning of another, so a quote is missing or not "
                "doubled",
                line=line + int(np.searchsorted(cuts.newlines, at)),
            )

    def _refuse_long_cells(self, separators: Positions, newlines: Positions, line: int) -> None:
        if len(separators) and np.diff(separators, prepend=-1).max() > MAX_FIELD_BYTES:
            at = separators[np.diff(separators, prepend=-1).argmax()]
            raise Unreadable(
                "cell_too_long",
                f"a cell is longer than {MAX_FIELD_BYTES >> 20} MiB; ask the partner whether the file is whole",
                line=line + int(np.searchsorted(newlines, at)),
            )


def _foreign(a: NDArray[np.uint8]) -> Positions:
    """Where control characters of C1 and byte-order marks begin."""
    leads = np.flatnonzero((a == 0xC2) | (a == 0xEF))
    second, third = a[leads + 1], a[np.minimum(leads + 2, len(a) - 1)]
    is_c1 = (a[leads] == 0xC2) & (second < 0xA0)
    found: Positions = leads[is_c1 | ((a[leads] == 0xEF) & (second == 0xBB) & (third == 0xBF))]
    return found


def _has_odd_blank(data: bytes, a: NDArray[np.uint8], separators: Positions, delimiter: int) -> bool:
    """Whether a blank stands at the edge of a cell or beside another one, or one that is no space stands anywhere.

    To look at the whole block is a fraction of the work of looking at each cell. Quoted cells may be taken for odd.
    """
    if delimiter != TAB and b"\t" in data:
        return True
    if a[0] == SPACE or (a[separators[:-1] + 1] == SPACE).any() or (a[separators - 1] == SPACE).any():
        return True
    # two spaces side by side: one number of two bytes, that begins at an even place or at an odd one
    if any((np.frombuffer(data, np.uint16, (len(a) - at) // 2, at) == _TWO_SPACES).any() for at in (0, 1)):
        return True
    if b'"' in data:
        quotes = np.flatnonzero(a == QUOTE)
        if (a[quotes - 1] == SPACE).any() or (a[quotes + 1] == SPACE).any():
            return True
    if data.isascii():
        return False
    leads = np.flatnonzero(a >= _FIRST_LEAD)
    # the data end in LF, so that two bytes follow every lead byte of two, and are looked at for one of three
    code = (
        (a[leads].astype(np.int64) << 16) | (a[leads + 1].astype(np.int64) << 8) | a[np.minimum(leads + 2, len(a) - 1)]
    )
    return bool(np.isin(code, _ODD_OF_THREE).any() or np.isin(code >> 8, _ODD_OF_TWO).any())


def _in_a_row(lines: Positions, quotes_before: Positions, count: int) -> Positions:
    """Of some lines those that stand with at least so many in a row inside one quoted cell."""
    if count == 1 or len(lines) < count:
        return lines[:0] if len(lines) < count else lines
    breaks = np.flatnonzero((np.diff(lines) > 1) | (np.diff(quotes_before[lines]) > 0)) + 1
    lengths = np.diff(breaks, prepend=0, append=len(lines))
    return lines[np.repeat(lengths >= count, lengths)]


def first_bad_quote(data: bytes, delimiter: int) -> int:
    """Position of the first quote that opens a cell and never closes it, or stands inside one, from a record's start.

    The count of quotes is odd, so there is one. A quote that is never closed takes the next cell's opening quote for
    its end; what follows that one gives it away.
    """
    borders = bytes((delimiter, LF, CR))
    at = 0
    while (opening := data.find(b'"', at)) >= 0:
        if opening and data[opening - 1] not in borders:
            return opening
        closing = data.find(b'"', opening + 1)
        while closing >= 0 and data[closing + 1 : closing + 2] == b'"':
            closing = data.find(b'"', closing + 2)
        if closing < 0 or (closing + 1 < len(data) and data[closing + 1] not in borders):
            return opening
        at = closing + 1
    return data.rindex(b'"')


def _end_of_last_record(buffer: bytes) -> int:
    """Where the last whole record of a buffer ends; 0 if there is none. The buffer starts with a record."""
    end = buffer.rfind(b"\n") + 1
    if not end or b'"' not in buffer:
        return end
    a = np.frombuffer(buffer, np.uint8)
    newlines = np.flatnonzero(a == LF)
    outside = newlines[np.searchsorted(np.flatnonzero(a == QUOTE), newlines) & 1 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0
