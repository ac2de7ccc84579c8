"""Rows 18 to 24 and 38: quotes, newlines, ragged rows, delimiters, columns that moved, went or came, and code in words."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults import changes as c
from tests.faults import json_changes as j
from tests.faults import record_changes as r
from tests.faults.case import (
    Case,
    Channel,
    Expect,
    Expected,
    Variants,
    and_held,
    exact,
    rejected,
    rows,
    with_cell,
    without_header,
)
from tests.faults.feed import opened
from tests.faults.feeds import (
    CANARY_LINE,
    CANARY_RECORD,
    DELIMITED,
    JSON,
    RECORD_LIKE,
    RECORDS,
    SUBJECTS,
    WIDE,
    Change,
    Feed,
    records,
)

VARIANTS: Variants = {
    18: ("first_row", "last_row", "middle_swallows_100", "odd_quote_in_text", "quote_then_eof"),
    19: ("lf", "crlf", "cr", "blank_line_inside", "many"),
    20: ("one_short", "one_long", "trailing_comma_all", "blank_row", "single_cell_note"),
    21: ("semicolon", "tab", "pipe", "mixed", "comma_decimal"),
    22: ("reversed", "key_last", "sorted", "two_swapped_same_type", "lat_lng_swapped"),
    23: ("missing", "renamed_space", "case_change", "plural", "typo"),
    24: ("one_new", "ten_new", "new_at_front", "new_looks_like_nhs_number", "unnamed_index"),
    38: ("drop_table_value", "sql_filename", "sql_header", "path_like_id", "dollar_quote"),
}

LAST_LINE = RECORDS + 1
CANARY_FEATURE = CANARY_RECORD + 1
LOST = (CANARY_RECORD,)


def unclosed(variant: str, new: Callable[[bytes], bytes], record: int, note: str = "") -> Case:
    """A string of GeoJSON whose quotes are wrong; then nothing behind it can be read."""
    return Case(18, variant, j.in_note_bytes(new, record), rejected("not_json"), Channel.COUNTED, note, only=JSON)


def newline(variant: str, text: str, *, every: int | None = None) -> list[Case]:
    """A newline inside quotes."""
    return [
        Case(19, variant, c.newline_in_padded(text, every=every), exact(is_clean=False), Channel.COUNTED,
             only=DELIMITED),
        Case(19, variant, j.newline_in_padded(text, every=every), exact(is_clean=False), Channel.COUNTED, only=JSON),
    ]  # fmt: skip


def renamed(variant: str, new: Callable[[str], str]) -> list[Case]:
    """A required column under another header."""
    return [
        Case(23, variant, c.renamed_required(new), without_header(new), only=DELIMITED),
        Case(23, variant, j.renamed_required(new), without_header(new), only=JSON),
    ]


def respaced(name: str) -> str:
    """Without its blank, or with one where it has none."""
    return name.replace(" ", "") if " " in name else f"{name[:-2]} {name[-2:]}"


def reordered(variant: str, order: Callable[[Feed, list[str]], list[str]], only: tuple[Feed, ...]) -> list[Case]:
    """Columns in another order, with their values."""
    return [
        Case(22, variant, c.reordered(order), exact(), only=tuple(f for f in only if f in DELIMITED)),
        Case(22, variant, j.reordered(order), exact(), only=tuple(f for f in only if f in JSON)),
    ]


def with_new_column(note: str, broken: Change, check: str = "") -> Case:
    """A column that the contract does not know beside a row that goes to quarantine, but not with its value."""

    def expect(feed: Feed) -> Expect:
        found = rows(check or feed.typed_check, CANARY_LINE, lost=LOST, never_stored=("Sparrowgate",))
        return found(feed)

    return Case(24, "one_new", broken, expect, note=note, only=DELIMITED)


def sparrowgate(number: int) -> str:
    """A value that may never be stored."""
    return f"Sparrowgate {number}"


def nhs_number(number: int) -> str:
    """Text in the form of an NHS number."""
    return f"943 476 {5000 + number}"


def without_decimals(feed: Feed) -> Expect:
    """Every record with a decimal in it goes to quarantine, and these are more than any tolerance."""
    header, *found = records(feed.clean)
    places = [header.index(name) for name in decimals(feed)]
    lost = tuple(n for n, row in enumerate(found) if any("." in row[place] for place in places))
    return rows("not_a_decimal", *(feed.line(n) for n in lost), lost=lost)(feed)


def decimals(feed: Feed) -> list[str]:
    """The columns of decimals."""
    found = (feed.header(column.name) for column in feed.declared.columns if column.type == "decimal")
    return [name for name in found if name]


def as_words(words: str) -> Expected:
    """Kept where any words can stand; where no column is one of words, no value."""

    def expect(feed: Feed) -> Expect:
        cells = opened(feed.shape, feed.clean)[CANARY_RECORD] | {feed.note: words}
        return with_cell(feed, CANARY_RECORD, feed.note, cells)

    return expect


def one_in_another(feed: Feed) -> Expect:
    """A record's cell ends in the next record: found by the values of both, where the contract tells enough from words.

    Elsewhere a value of that column or none, and one row less than was announced.
    """
    width = len(opened(feed.shape, feed.clean)[0])
    if feed.telling_count(71) >= (1 if width >= 5 else 2):
        return rejected("bad_quote", line=72)(feed)
    header, *found = records(c.swallowed(70, 71)(feed, feed.clean))
    cells = dict(zip(header, found[70], strict=True))
    return and_held("manifest_rows_agree", with_cell(feed, 70, feed.note, cells, RECORDS - 1))


def coordinates(feed: Feed) -> tuple[str, ...]:
    """The headers of latitude and longitude; nothing where it has none."""
    names = {column.name for column in feed.declared.columns}
    return tuple(map(feed.header, ("latitude", "longitude"))) if {"latitude", "longitude"} <= names else ()


def words(variant: str, text: str, note: str = "") -> list[Case]:
    """Words that would do harm if they were read as more than words."""
    return [
        Case(38, variant, c.with_note(text), as_words(text), note=note, only=DELIMITED),
        Case(38, variant, j.on_note(lambda _: text), as_words(text), note=note, only=JSON),
    ]


ONE_NEW = c.with_columns(["Note by Sergeant"], sparrowgate)
LEFT_OUT = exact(warning="Note by Sergeant", never_stored=("Sparrowgate",))
SQL_HEADER = '"); drop table ops.batch; --'
PATH = "../../Quillfeather/etc/passwd"


def path_column(feed: Feed) -> str:
    """The identifier, or the words where the feed has none."""
    return feed.key if feed.column(feed.key).type == "text" else feed.note


def with_path(feed: Feed, content: bytes) -> bytes:
    """A path in the identifier."""
    return r.edited(r.cell(path_column, lambda feed, now: PATH), (CANARY_RECORD,))(feed, content)


def path_is_kept_or_set_aside(feed: Feed) -> Expect:
    """Set aside where an identifier has a form, kept where any words may stand."""
    if path_column(feed) == feed.key:
        assert feed.key_check, f"{feed.label}: no row check of the suite says how {feed.key} is written"
        return rows(feed.key_check, feed.line(CANARY_RECORD), lost=LOST)(feed)
    return as_words(PATH)(feed)


def sql_name(feed: Feed) -> str:
    """A name that would do harm if it were more than one; where the name says the partition, it still does."""
    stem, _, suffix = feed.file_name.rpartition(".")
    says = f"{stem} " if feed.period or len(feed.renamed) < 2 else ""
    return f"{says}x'); drop table ops.batch; --.{suffix}"


def a_note_alone(feed: Feed, content: bytes) -> bytes:
    """A feature of words and nothing else in front of another."""
    return j.inserted({**j.EMPTY, "properties": {feed.note: "Quillfeather moved"}})(feed, content)


PLACED = tuple(feed for feed in SUBJECTS if coordinates(feed))
WITH_DECIMALS = tuple(feed for feed in DELIMITED if decimals(feed))

CASES: list[Case] = [
    # 18: a quote that is never closed; the error names the line on which it stands
    Case(18, "first_row", c.on_note(lambda cell: b'"' + cell, 0), rejected("bad_quote", line=2), Channel.COUNTED,
         only=DELIMITED),
    Case(18, "last_row", c.on_note(lambda cell: b'"' + cell, RECORDS - 1), rejected("bad_quote", line=LAST_LINE),
         Channel.COUNTED, only=DELIMITED),
    Case(18, "middle_swallows_100",
         c.both(c.on_note(lambda cell: b'"' + cell, 70), c.on_line(172, lambda line: line.replace(b",", b'",', 1))),
         rejected("bad_quote", line=72), Channel.COUNTED, only=RECORD_LIKE),
    Case(18, "middle_swallows_100", c.swallowed(70, 170), rejected("bad_quote", line=72), Channel.LOOSE, "in_width",
         only=RECORD_LIKE),
    Case(18, "middle_swallows_100", c.swallowed(70, 71), one_in_another, Channel.COUNTED, "one_record",
         only=DELIMITED),
    Case(18, "odd_quote_in_text", c.on_note(lambda cell: cell + b' 5" pipe'),
         rejected("bad_quote", line=CANARY_LINE), Channel.COUNTED, only=DELIMITED),
    Case(18, "quote_then_eof", c.quote_then_eof, rejected("bad_quote", line=LAST_LINE), Channel.COUNTED, only=DELIMITED),
    unclosed("first_row", lambda cell: cell[:-1], 0),
    unclosed("last_row", lambda cell: cell[:-1], RECORDS - 1),
    unclosed("middle_swallows_100", lambda cell: cell[:-1], 70),
    unclosed("odd_quote_in_text", lambda cell: cell[:-1] + b' 5" pipe"', CANARY_RECORD),
    Case(18, "quote_then_eof", lambda feed, content: content[: content.rindex(b'":"') + 3], rejected("not_json"),
         Channel.COUNTED, only=JSON),
    # 19: a newline inside quotes is a part of the cell
    *newline("lf", "\n"),
    *newline("crlf", "\r\n"),
    *newline("cr", "\r"),
    *newline("blank_line_inside", "\n\n"),
    *newline("many", "\n", every=3),
    # 20: ragged rows between sound ones
    Case(20, "one_short", c.in_record(c.one_cell_less), rows("too_few_cells", CANARY_LINE, lost=LOST), only=DELIMITED),
    Case(20, "one_short", c.in_record(c.one_cell_less, 0, 100), rows("too_few_cells", 2, 102, lost=(0, 100)),
         note="two_of_200", only=DELIMITED),
    Case(20, "one_short", c.in_record(c.one_cell_less, 0, 80), rows("too_few_cells", 2, 82, 162, lost=(0, 80, 160)),
         note="three_of_200", only=DELIMITED),
    Case(20, "one_short", c.in_record(c.one_cell_less, RECORDS - 1), rejected("footnote", line=LAST_LINE), note="last",
         only=DELIMITED),
    Case(20, "one_short", j.in_feature(j.one_property_less), rows("blank_not_allowed", CANARY_FEATURE, lost=LOST),
         only=JSON),
    Case(20, "one_long", c.in_record(c.one_cell_more), rows("too_many_cells", CANARY_LINE, lost=LOST), only=DELIMITED),
    Case(20, "trailing_comma_all", c.comma_after_every_record,
         rows("too_many_cells", *range(2, LAST_LINE + 1), lost=tuple(range(RECORDS))), only=DELIMITED),
    Case(20, "trailing_comma_all", j.comma_after_every_feature, rejected("not_json"), only=JSON),
    Case(20, "blank_row", c.before_record(CANARY_RECORD, b"\n"), rows("blank_row", CANARY_LINE, records=RECORDS + 1),
         only=DELIMITED),
    Case(20, "blank_row", c.blank_cells_before(CANARY_RECORD), rows("blank_row", CANARY_LINE, records=RECORDS + 1),
         note="commas", only=DELIMITED),
    Case(20, "blank_row", j.inserted(j.EMPTY), rows("blank_row", CANARY_FEATURE, records=RECORDS + 1), only=JSON),
    Case(20, "single_cell_note", c.before_record(CANARY_RECORD, b"Quillfeather moved\n"),
         rows("too_few_cells", CANARY_LINE, records=RECORDS + 1), only=DELIMITED),
    Case(20, "single_cell_note", a_note_alone,
         rows("blank_not_allowed", CANARY_FEATURE, records=RECORDS + 1), only=JSON),
    # 21: another delimiter than the contract's
    Case(21, "semicolon", c.delimited(";"), rejected("wrong_delimiter", line=1), only=DELIMITED),
    Case(21, "tab", c.delimited("\t"), rejected("wrong_delimiter", line=1), only=DELIMITED),
    Case(21, "pipe", c.delimited("|"), rejected("wrong_delimiter", line=1), only=DELIMITED),
    Case(21, "mixed", c.delimited(";", every=2), rejected("missing_column", "wrong_delimiter", line=1), note="header_too",
         only=DELIMITED),
    Case(21, "mixed", c.in_second_half(";"), rejected("wrong_delimiter", "bad_quote"), note="second_half",
         only=WIDE),
    Case(21, "mixed", c.in_second_half("\t", stop=150), rejected("wrong_delimiter", line=102), note="in_the_middle",
         only=WIDE),
    Case(21, "comma_decimal", c.delimited(";", decimal=","), rejected("wrong_delimiter", line=1),
         only=WITH_DECIMALS),
    Case(21, "comma_decimal", c.decimal_commas, without_decimals, note="quoted", only=WITH_DECIMALS),
    # 22: columns are found by name
    *reordered("reversed", lambda _, names: names[::-1], SUBJECTS),
    *reordered("key_last", lambda feed, names: [*(name for name in names if name != feed.key), feed.key], SUBJECTS),
    *reordered("sorted", lambda _, names: sorted(names), SUBJECTS),
    *reordered("two_swapped_same_type", lambda feed, names: c.exchanged(names, feed.swapped),
               tuple(feed for feed in SUBJECTS if feed.swapped)),
    *reordered("lat_lng_swapped", lambda feed, names: c.exchanged(names, coordinates(feed)), PLACED),
    # 23: a required column under another header, or under none
    Case(23, "missing", c.without_required, without_header(), only=DELIMITED),
    Case(23, "missing", j.without_required, without_header(), only=JSON),
    *renamed("renamed_space", respaced),
    Case(23, "case_change", c.upper_case_header, exact(), only=DELIMITED),
    Case(23, "case_change", j.lower_case_names, exact(), only=JSON),
    *renamed("plural", lambda name: f"{name}s"),
    *renamed("typo", lambda name: name[:2] + name[3] + name[2] + name[4:]),
    # 24: columns that the contract does not know are left out, and their values stored nowhere
    Case(24, "one_new", ONE_NEW, LEFT_OUT, only=DELIMITED),
    with_new_column("with_bad_row", c.both(c.bad_typed, ONE_NEW)),
    with_new_column("with_long_row", c.both(ONE_NEW, c.in_record(c.one_cell_more)), "too_many_cells"),
    with_new_column("with_shifted_row", c.both(ONE_NEW, c.in_record(c.shifted)), "too_many_cells"),
    with_new_column("with_shrunk_row", c.both(ONE_NEW, c.in_record(c.shrunk)), "too_few_cells"),
    Case(24, "one_new", c.with_columns(["Note by Sergeant"], lambda number: f"Sparrowgate\n{number}"), LEFT_OUT,
         note="with_newlines", only=DELIMITED),
    Case(24, "ten_new", c.with_columns([f"Note by Sergeant {n}" for n in range(10)], sparrowgate), LEFT_OUT,
         only=DELIMITED),
    Case(24, "new_at_front", c.with_columns(["Note by Sergeant"], sparrowgate, at_front=True), LEFT_OUT,
         only=DELIMITED),
    Case(24, "new_looks_like_nhs_number", c.with_columns(["NHS number"], nhs_number),
         exact(warning="NHS number", never_stored=("943 476",)), only=DELIMITED),
    Case(24, "unnamed_index", c.with_columns([""], str, at_front=True), exact(warning="running index"), only=DELIMITED),
    Case(24, "one_new", j.with_properties(["Note by Sergeant"], sparrowgate), LEFT_OUT, only=JSON),
    Case(24, "one_new", j.with_properties(["Note by Sergeant"], sparrowgate, every=RECORDS), LEFT_OUT,
         note="in_one_feature", only=JSON),
    Case(24, "one_new", j.with_properties(["Note by Sergeant"], lambda number: [{"note": sparrowgate(number)}]),
         LEFT_OUT, note="nested", only=JSON),
    Case(24, "one_new", j.in_two_pages(c.as_is, j.with_properties(["Note by Sergeant"], sparrowgate)), LEFT_OUT,
         note="on_second_page", only=JSON),
    # of more than a few areas what was known before would be lost, which waits for a person
    Case(24, "one_new", j.in_two_pages(j.without_optional, c.as_is, on_first=10), exact(is_clean=False),
         note="known_on_second_page", only=JSON),
    Case(24, "one_new", c.both(j.in_feature(j.bad_typed), j.with_properties(["Note by Sergeant"], sparrowgate)),
         lambda feed: rows(feed.typed_check, CANARY_FEATURE, lost=LOST, never_stored=("Sparrowgate",))(feed),
         note="with_bad_row", only=JSON),
    Case(24, "ten_new", j.with_properties([f"Note by Sergeant {n}" for n in range(10)], sparrowgate), LEFT_OUT,
         only=JSON),
    Case(24, "new_at_front", j.with_properties(["Note by Sergeant"], sparrowgate, at_front=True), LEFT_OUT,
         only=JSON),
    Case(24, "new_looks_like_nhs_number", j.with_properties(["NHS number"], nhs_number),
         exact(warning="NHS number", never_stored=("943 476",)), only=JSON),
    # 38: SQL and paths are words like others
    *words("drop_table_value", "Quillfeather'); drop table ops.batch; --"),
    *words("drop_table_value", 'Quillfeather"; delete from raw.police_uk_street; select "', "double_quote"),
    *words("dollar_quote", "$$Quillfeather$$; drop table ops.batch; $quill$ %s {0} :name"),
    *(Case(38, "sql_filename", c.as_is, exact(), only=(feed,), file_name=sql_name(feed)) for feed in SUBJECTS),
    Case(38, "sql_header", c.with_columns([SQL_HEADER], sparrowgate),
         exact(warning="drop table", never_stored=("Sparrowgate",)), only=DELIMITED),
    Case(38, "sql_header", j.with_properties([SQL_HEADER], sparrowgate),
         exact(warning="drop table", never_stored=("Sparrowgate",)), only=JSON),
    Case(38, "path_like_id", with_path, path_is_kept_or_set_aside, only=SUBJECTS),
]  # fmt: skip
