"""What is done to the bytes of a clean file: small functions of feed and bytes.

Positions count records from 0, lines from 1; a clean file has one record to a line, so record N is line N + 2.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from tests.faults.derive import again
from tests.faults.feed import CANARY_RECORD, RECORDS, Change, Feed, closed, opened, records, written

BOM = b"\xef\xbb\xbf"
Edit = Callable[[list[str], list[str]], None]
"""Changes the cells of one record in place; the header is given first."""


def as_is(feed: Feed, content: bytes) -> bytes:
    """The file itself."""
    return content


def instead(body: bytes) -> Change:
    """Other bytes in place of the file."""
    return lambda feed, content: body


def header_only(feed: Feed, content: bytes) -> bytes:
    """The first line."""
    return lines(content)[0]


def header_no_newline(feed: Feed, content: bytes) -> bytes:
    """The first line without its end."""
    return lines(content)[0].rstrip(b"\n")


def lines(content: bytes) -> list[bytes]:
    """Physical lines with their ends."""
    return content.splitlines(keepends=True)


def without_last_record(feed: Feed, content: bytes) -> bytes:
    """The last line is missing, at a line's end."""
    return b"".join(lines(content)[:-1])


def cut_mid_row(feed: Feed, content: bytes) -> bytes:
    """The last record stops in its third cell, or before its last one."""
    *before, last = lines(content)
    cells = last.split(b",")[:-1]
    return b"".join(before) + b",".join(cells[:3])


def cut_in_last_cell(feed: Feed, content: bytes) -> bytes:
    """The last record has all its cells, but stops a little before its end, or before its newline where that is blank."""
    *before, last = content.removesuffix(b"\n").rpartition(b",")
    return b"".join(before) + last[:-2]


def last_cell(feed: Feed, content: bytes) -> tuple[str, dict[str, str]]:
    """The last header, and the last record by header."""
    header, *_, last = records(content)
    return header[-1], dict(zip(header, last, strict=True))


def without_final_newline(feed: Feed, content: bytes) -> bytes:
    """Everything is there but the end of the last line."""
    return content.removesuffix(b"\n")


def cut_mid_character(feed: Feed, content: bytes) -> bytes:
    """The last record stops after the first byte of an e acute."""
    return cut_mid_row(feed, content) + "é".encode()[:1]


def cut_end(count: int) -> Change:
    """The last bytes are missing."""
    return lambda feed, content: content[:-count]


def after_bom(change: Change) -> Change:
    """A byte-order mark in front of what another change makes."""
    return lambda feed, content: BOM + change(feed, content)


def quoted_header(feed: Feed, content: bytes) -> bytes:
    """Every header in quotes."""
    first, *rest = lines(content)
    names = records(first)[0]
    return b",".join(b'"%s"' % name.encode() for name in names) + b"\n" + b"".join(rest)


def crlf(feed: Feed, content: bytes) -> bytes:
    """Lines ended by CR LF."""
    return content.replace(b"\n", b"\r\n")


def followed_by(text: bytes) -> Change:
    """Bytes after the end."""
    return lambda feed, content: content + text


def before_record(record: int, text: bytes) -> Change:
    """Bytes put in front of a record."""

    def change(feed: Feed, content: bytes) -> bytes:
        parts = lines(content)
        parts[record + 1] = text + parts[record + 1]
        return b"".join(parts)

    return change


def in_record(edit: Edit, record: int = CANARY_RECORD, every: int | None = None) -> Change:
    """Cells of one record changed, or of every so many from it on."""

    def change(feed: Feed, content: bytes) -> bytes:
        header, *rows = records(content)
        for row in rows[record :: every or len(rows)]:
            edit(header, row)
        return written([header, *rows])

    return change


def on_note(new: Callable[[bytes], bytes], record: int = CANARY_RECORD) -> Change:
    """The bytes of the note cell of a record changed as they stand in the file, with no quoting added."""
    return on_cell(lambda feed: feed.note, new, record)


def on_cell(column: Callable[[Feed], str], new: Callable[[bytes], bytes], record: int = CANARY_RECORD) -> Change:
    """The bytes of one cell of a record changed as they stand in the file, with no quoting added."""

    def change(feed: Feed, content: bytes) -> bytes:
        parts = lines(content)
        (header,) = records(parts[0])
        line = records(parts[record + 1])[0]
        place, mark = header.index(column(feed)), "@note@"
        cell, line[place] = line[place], mark
        parts[record + 1] = written([line]).replace(mark.encode(), new(cell.encode()))
        return b"".join(parts)

    return change


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(feed: Feed, content: bytes) -> bytes:
        for one in changes:
            content = one(feed, content)
        return content

    return change


def quote_then_eof(feed: Feed, content: bytes) -> bytes:
    """The file ends on the quote that opens the last cell."""
    return b",".join(lines(content.removesuffix(b"\n"))[-1].split(b",")[:-1]).join(
        [b"".join(lines(content)[:-1]), b',"']
    )


def newline_in_padded(newline: str, *, every: int | None = None) -> Change:
    """A newline in the padded column: between its words, or at its end where it would change the value."""

    def change(feed: Feed, content: bytes) -> bytes:
        def edit(header: list[str], row: list[str]) -> None:
            place = header.index(feed.padded)
            row[place] = row[place].replace(" ", f" {newline}", 1) if feed.within else row[place] + newline

        return in_record(edit, 0 if every else CANARY_RECORD, every)(feed, content)

    return change


def one_cell_less(header: list[str], row: list[str]) -> None:
    """The last cell is missing."""
    row.pop()


def one_cell_more(header: list[str], row: list[str]) -> None:
    """A cell too many."""
    row.append("Quillfeather once more")


def shifted(header: list[str], row: list[str]) -> None:
    """Two cells too many at the front, so that every value stands under another header."""
    row[:0] = [row[-1], row[-1]]


def shrunk(header: list[str], row: list[str]) -> None:
    """Two cells missing at the front, so that every value stands under another header."""
    del row[:2]


def comma_after_every_record(feed: Feed, content: bytes) -> bytes:
    """Every record ends in a comma; the header does not."""
    first, *rest = lines(content)
    return first + b"".join(line.replace(b"\n", b",\n") for line in rest)


def without_required(feed: Feed, content: bytes) -> bytes:
    """A required column is missing."""
    rows = records(content)
    place = rows[0].index(feed.required)
    return written([row[:place] + row[place + 1 :] for row in rows])


def renamed_required(new: Callable[[str], str]) -> Change:
    """A required column has another header."""
    return lambda feed, content: content.replace(feed.required.encode(), new(feed.required).encode(), 1)


def upper_case_header(feed: Feed, content: bytes) -> bytes:
    """The header in capitals."""
    first, *rest = lines(content)
    return first.upper() + b"".join(rest)


def with_columns(headers: list[str], cell: Callable[[int], str], *, at_front: bool = False) -> Change:
    """More columns; `cell` makes the value from the number of the record."""

    def change(feed: Feed, content: bytes) -> bytes:
        first, *rows = records(content)
        out = []
        for number, row in enumerate([first, *rows], start=-1):
            new = headers if number < 0 else [cell(number)] * len(headers)
            out.append([*new, *row] if at_front else [*row, *new])
        return written(out)

    return change


def bad_typed(feed: Feed, content: bytes) -> bytes:
    """Words for a month, a time or a number, in the canary's record."""

    def edit(header: list[str], row: list[str]) -> None:
        row[header.index(feed.typed)] = "Quillfeather month"

    return in_record(edit)(feed, content)


def on_line(number: int, new: Callable[[bytes], bytes]) -> Change:
    """The bytes of one physical line changed."""

    def change(feed: Feed, content: bytes) -> bytes:
        parts = lines(content)
        parts[number - 1] = new(parts[number - 1])
        return b"".join(parts)

    return change


def blank_cells_before(record: int) -> Change:
    """A record of delimiters alone in front of another."""

    def change(feed: Feed, content: bytes) -> bytes:
        width = len(records(content)[0])
        return before_record(record, b"," * (width - 1) + b"\n")(feed, content)

    return change


def joined_without_newline(feed: Feed, content: bytes) -> bytes:
    """Two exports in one file: the second one's mark stands in the middle of a line."""
    return content.removesuffix(b"\n") + BOM + content


def joined(feed: Feed, content: bytes) -> bytes:
    """Two exports in one file, each with its mark and its header."""
    return BOM + content + BOM + content


def swallowed(first: int, last: int) -> Change:
    """A quote opens the note of one record and closes that of a later one, so that the width is right."""
    return both(on_note(lambda cell: b'"' + cell, first), on_note(lambda cell: cell + b'"', last))


def with_note(text: str, record: int = CANARY_RECORD) -> Change:
    """Other words in the note of a record, quoted as they need."""
    return with_cell(lambda feed: feed.note, text, record)


def with_cell(column: Callable[[Feed], str], text: str, record: int = CANARY_RECORD) -> Change:
    """Other words in one cell of a record, quoted as they need."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = records(content)
        found[record + 1][found[0].index(column(feed))] = text
        return written(found)

    return change


def encoded(codec: str, *, mark: bytes = b"", since: int = 0) -> Change:
    """The lines from a record on in another encoding, behind a mark."""

    def change(feed: Feed, content: bytes) -> bytes:
        parts = lines(content)
        at = since + 1 if since else 0
        return mark + b"".join(parts[:at]) + b"".join(parts[at:]).decode().encode(codec)

    return change


def delimited(by: str, *, every: int = 1, decimal: str = ".") -> Change:
    """Another delimiter in the header and every record; `every` 2: in every second record alone."""

    def change(feed: Feed, content: bytes) -> bytes:
        out = []
        for number, cells in enumerate(records(content)):
            if number % every:
                out.append(written([cells]).decode())
                continue
            if number and decimal != ".":
                cells = [_with_decimal(cell, decimal) for cell in cells]
            out.append(by.join(f'"{cell}"' if by in cell else cell for cell in cells) + "\n")
        return "".join(out).encode()

    return change


def in_second_half(by: str, *, stop: int = RECORDS) -> Change:
    """Another delimiter from the hundredth record on, or up to another."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = lines(content)
        other = lines(delimited(by)(feed, content))
        return b"".join([*found[:101], *other[101 : stop + 1], *found[stop + 1 :]])

    return change


def _with_decimal(cell: str, decimal: str) -> str:
    return cell.replace(".", decimal) if cell.replace(".", "", 1).lstrip("-").isdigit() else cell


def decimal_commas(feed: Feed, content: bytes) -> bytes:
    """Decimals with a comma, quoted, parted by commas as before."""
    header, *rows = records(content)
    return written([header, *([_with_decimal(cell, ",") for cell in row] for row in rows)])


def reordered(order: Callable[[Feed, list[str]], list[str]]) -> Change:
    """The columns in another order, with their values."""

    def change(feed: Feed, content: bytes) -> bytes:
        header, *rows = records(content)
        places = [header.index(name) for name in order(feed, header)]
        return written([[row[place] for place in places] for row in [header, *rows]])

    return change


def exchanged(names: list[str], pair: tuple[str, str]) -> list[str]:
    """The names with two of them in each other's place."""
    other = dict((pair, pair[::-1]))
    return [other.get(name, name) for name in names]


def wide(count: int) -> Change:
    """So many columns more, blank in every record."""

    def change(feed: Feed, content: bytes) -> bytes:
        first, *rest = lines(content)
        more = "".join(f",c{number}" for number in range(count)).encode()
        return first.replace(b"\n", more + b"\n") + b"".join(line.replace(b"\n", b"," * count + b"\n") for line in rest)

    return change


def times(count: int) -> Change:
    """So many times as many records; of a list with a key each under a key of its own."""
    return lambda feed, content: longer(feed, content, count * RECORDS)


def longer(feed: Feed, content: bytes, count: int) -> bytes:
    """So many records: the same events again, or other things of the list."""
    found = opened(feed.shape, content)
    return closed(feed.shape, list(itertools.islice(again(feed.declared, found), count)))
