"""The table of bad inputs: what is done to a clean file, how it comes, and what must come of it.

Source: the bad-input table (44 rows of five variants), its scope words and rules, and the design's statuses and exit
codes; never what the code happens to do. To extend it:

- another row: add its five variants to VARIANTS and to CASES (rows of several deliveries: REPEATS, RESTATEMENTS);
- another feed: describe it in `feeds.py` and put it into FEEDS; every case then runs for it. Where a feed has its
  own answer, `by_feed` names it;
- what holds after every case is asserted once, in `test_bad_input.py`.

A case may stand several times under one variant, with a `note`: the same fault by hand, in the inbox or over HTTP.
Scopes: File rejects where the bytes cannot be read and holds where a check fails; Row quarantines the row, and
holds the file over the feed's tolerance (1 % of rows, none where a row is a person); Accept loads exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

from tests.faults import changes as c
from tests.faults.feeds import CANARY_LINE, CANARY_RECORD, FEEDS, RECORDS, STREET, VICTIMS, Change, Feed

Status = Literal["admitted", "held", "rejected", "refused", "failed"]
"""Of the file's batch; `refused` and `failed` are of the attempt, where no file came and no batch may be."""

EXIT_CODES = {"admitted": 0, "held": 1, "rejected": 1, "refused": 1, "failed": 3}
"""0 done; 1 the data fell short; 3 something broke (here the connection). 2, wrong use, no file can cause."""

VARIANTS = {
    1: ("zero_bytes", "header_only", "header_no_newline", "only_newlines", "bom_only"),
    2: ("short_of_content_length", "missing_trailer_row", "cut_mid_row", "cut_mid_multibyte_char", "chunked_ended_early"),
    4: ("html_login", "html_500_text", "json_error_body", "bot_challenge", "csv_type_html_body"),
    14: ("bom_header", "bom_quoted_header", "bom_then_crlf", "bom_twice", "bom_mid_file"),
    18: ("first_row", "last_row", "middle_swallows_100", "odd_quote_in_text", "quote_then_eof"),
    19: ("lf", "crlf", "cr", "blank_line_inside", "many"),
    20: ("one_short", "one_long", "trailing_comma_all", "blank_row", "single_cell_note"),
    23: ("missing", "renamed_space", "case_change", "plural", "typo"),
    24: ("one_new", "ten_new", "new_at_front", "new_looks_like_nhs_number", "unnamed_index"),
    29: ("same_name", "renamed", "recompressed", "next_day", "older_after_newer"),
    33: ("values_changed", "rows_deleted", "rows_added", "all_replaced", "restated_twice"),
}  # fmt: skip
"""The rows covered so far, with the names of their variants."""


class Channel(Enum):
    """How the file comes."""

    LOOSE = auto()
    """Given by hand, no manifest beside it."""
    DATED = auto()
    """Given by hand; the manifest states its vintage."""
    COUNTED = auto()
    """The manifest states also how many rows the clean file has."""
    SEALED = auto()
    """The manifest states also the sha256 of the clean file."""
    PROVED = auto()
    """The manifest states also the sha256 of the file as it is."""
    PARTNER = auto()
    """Over HTTP: the partner offers the changed file, in its catalogue or archive, whose checksums agree."""
    WIRE = auto()
    """Over HTTP: the body is changed on its way; catalogue, archive and Content-Length know nothing of it."""
    CATALOGUE = auto()
    """Over HTTP: the catalogue itself is answered with the changed body."""
    FAULT = auto()
    """Over HTTP: the connection fails in the way that the variant is called, every time."""
    FAULT_ONCE = auto()
    """Over HTTP: it fails so once."""


BY_HAND = (Channel.LOOSE, Channel.DATED, Channel.COUNTED, Channel.SEALED, Channel.PROVED)


@dataclass(frozen=True)
class Expect:
    """What must come of one file.

    `codes`: one of them opens the reason of batch or attempt (for an admitted file with rows in quarantine: none).
    `records`: rows in the file, as far as it can be read; each is in raw or in quarantine. `lines`: those in
    quarantine, each for `check`. `lost`: records of the clean file that are therefore not in raw.
    """

    status: Status
    codes: tuple[str, ...] = ()
    line: int | None = None
    records: int = 0
    lines: tuple[int, ...] = ()
    check: str = ""
    lost: tuple[int, ...] = ()
    in_reason: tuple[str, ...] = ()
    warning: str = ""
    never_stored: tuple[str, ...] = ()
    tries: int | None = None
    is_exact: bool = False
    """Raw holds what Python's csv module reads from the very bytes."""
    is_clean: bool = False
    """And that is what it reads from the clean file, the lines apart."""


Expected = Callable[[Feed], Expect]


def rejected(*codes: str, line: int | None = None, tries: int | None = None, in_reason: str = "") -> Expected:
    """The bytes cannot be read as the contract says."""
    named = (in_reason,) if in_reason else ()
    return lambda feed: Expect("rejected", codes, line, tries=tries, in_reason=named)


def without_header(new: Callable[[str], str] | None = None) -> Expected:
    """A required header is missing: the reason names it, and the unknown one that stands there instead."""
    return lambda feed: Expect(
        "rejected", ("missing_column",), 1, in_reason=(feed.required, new(feed.required) if new else feed.required)
    )


def held(code: str, records: int, lost: tuple[int, ...] = ()) -> Expected:
    """Every record can be read, and a check of the whole fails."""
    return lambda feed: Expect("held", (code,), records=records, lost=lost)


def rows(
    check: str,
    *lines: int,
    records: int = RECORDS,
    lost: tuple[int, ...] = (),
    never_stored: tuple[str, ...] = (),
) -> Expected:
    """These lines go to quarantine; over the tolerance of the feed the file is held."""

    def expect(feed: Feed) -> Expect:
        found = Expect("admitted", records=records, lines=lines, check=check, lost=lost, never_stored=never_stored)
        if len(lines) * 100 <= feed.tolerance_pct * records:
            return found
        return replace(found, status="held", codes=("quarantine_over_tolerance",), line=lines[0])

    return expect


def exact(
    *, is_clean: bool = True, warning: str = "", never_stored: tuple[str, ...] = (), tries: int | None = None
) -> Expected:
    """Every record is loaded exactly."""
    found = Expect(
        "admitted", records=RECORDS, warning=warning, never_stored=never_stored, tries=tries, is_exact=True,
        is_clean=is_clean,
    )  # fmt: skip
    return lambda feed: found


def refused(*codes: str, tries: int = 1) -> Expected:
    """The partner answered, but not with what is due."""
    return lambda feed: Expect("refused", codes, tries=tries)


def failed(*codes: str, tries: int = 4) -> Expected:
    """The partner gave no whole answer, however often it was asked."""
    return lambda feed: Expect("failed", codes, tries=tries)


def by_feed(expected: dict[str, Expected]) -> Expected:
    """Another answer for each feed."""
    return lambda feed: expected[feed.name](feed)


@dataclass(frozen=True)
class Case:
    """One line of the table; it runs for every feed, or for those of `only`."""

    row: int
    variant: str
    change: Change
    expect: Expected
    channel: Channel = Channel.DATED
    note: str = ""
    content_type: str | None = None
    only: tuple[Feed, ...] = FEEDS

    @property
    def name(self) -> str:
        """`bi<row>_<variant>`, and the note."""
        return f"bi{self.row}_{self.variant}" + (f"-{self.note}" if self.note else "")


LAST_LINE = RECORDS + 1
DAMAGED = {VICTIMS.name: rejected("checksum_mismatch", tries=2), STREET.name: refused("corrupt_archive", tries=2)}
"""A body damaged on its way: the catalogue's MD5 or the archive's directory says so, once it was fetched again."""

LOGIN = (
    b"<!DOCTYPE html>\n<html lang=en><head><title>Sign in</title></head><body><form>Quillfeather</form></body></html>\n"
)
SERVER_ERROR = (
    b"<html>\r\n<head><title>500 Internal Server Error</title></head>\r\n<body>Quillfeather</body></html>\r\n"
)
PLAIN_ERROR = b"500 Internal Server Error: Quillfeather\n"
JSON_ERROR = b'{"error": {"code": 500, "message": "Quillfeather"}}'
CHALLENGE = (
    b"\n<!-- checking -->\n<!doctype html><html><head><meta http-equiv=refresh content=15><title>Just a moment...</title>"
    b"<script>window.challenge='Quillfeather'</script></head><body></body></html>"
)


def page(variant: str, body: bytes, code: str, by_hand: str, content_type: str) -> list[Case]:
    """A page in place of the file: over HTTP, and saved by hand."""
    return [
        Case(4, variant, c.instead(body), refused(code), Channel.WIRE, "http", content_type),
        Case(4, variant, c.instead(body), rejected(by_hand, line=1), Channel.DATED, "file"),
    ]


def renamed(variant: str, new: Callable[[str], str]) -> Case:
    """A required column under another header."""
    return Case(23, variant, c.renamed_required(new), without_header(new))


def with_new_column(note: str, broken: Change, check: str) -> Case:
    """A column that the contract does not know beside a row that goes to quarantine, but not with its value."""
    expect = rows(check, CANARY_LINE, lost=(CANARY_RECORD,), never_stored=("Sparrowgate",))
    return Case(24, "one_new", broken, expect, note=note)


def sparrowgate(number: int) -> str:
    """A value that may never be stored."""
    return f"Sparrowgate {number}"


def nhs_number(number: int) -> str:
    """Text in the form of an NHS number."""
    return f"943 476 {5000 + number}"


ONE_NEW = c.with_columns(["Note by Sergeant"], sparrowgate)
NEW = {"warning": "Note by Sergeant", "never_stored": ("Sparrowgate",)}

CASES: list[Case] = [
    # 1: empty or header only. Neither contract allows a statement of zero.
    Case(1, "zero_bytes", c.instead(b""), rejected("empty_file")),
    Case(1, "zero_bytes", c.instead(b""), rejected("empty_file"), Channel.PARTNER, "http"),
    Case(1, "header_only", c.header_only, rejected("no_rows")),
    Case(1, "header_only", c.header_only, rejected("no_rows"), Channel.PARTNER, "http"),
    Case(1, "header_only", c.both(c.header_only, c.followed_by(b"\n\n")), rejected("no_rows"), note="blank_lines"),
    Case(1, "header_no_newline", c.header_no_newline, rejected("no_rows")),
    Case(1, "only_newlines", c.instead(b"\n\n\r\n\n"), rejected("empty_file")),
    Case(1, "only_newlines", c.instead(b"  \n\t\n"), rejected("empty_file"), note="blanks"),
    Case(1, "bom_only", c.instead(c.BOM), rejected("empty_file")),
    # 2: cut on the way. What never was whole is no delivery; what lies there cut is.
    Case(2, "short_of_content_length", c.as_is, failed("truncated"), Channel.FAULT),
    Case(2, "short_of_content_length", c.as_is, exact(tries=2), Channel.FAULT_ONCE, "once"),
    Case(2, "chunked_ended_early", c.as_is, failed("truncated"), Channel.FAULT),
    Case(2, "chunked_ended_early", c.as_is, exact(tries=2), Channel.FAULT_ONCE, "once"),
    Case(2, "missing_trailer_row", c.without_last_record, held("manifest_rows_agree", RECORDS - 1, (RECORDS - 1,)),
         Channel.COUNTED, "counted"),
    Case(2, "missing_trailer_row", c.without_last_record, rejected("checksum_mismatch", in_reason="line 2"),
         Channel.SEALED, "sealed"),
    Case(2, "missing_trailer_row", c.without_last_record, rejected("checksum_mismatch", tries=2), Channel.WIRE, "http",
         only=(VICTIMS,)),
    Case(2, "missing_trailer_row", c.cut_end(22), refused("corrupt_archive", tries=2), Channel.WIRE, "http",
         only=(STREET,)),
    Case(2, "cut_mid_row", c.cut_mid_row, rejected("cut_short", line=LAST_LINE), Channel.LOOSE, "loose"),
    Case(2, "cut_mid_row", c.cut_mid_row, rejected("cut_short", line=LAST_LINE), Channel.COUNTED, "counted"),
    Case(2, "cut_mid_row", c.cut_mid_row, rejected("cut_short", line=LAST_LINE), Channel.PARTNER, "http_partner"),
    Case(2, "cut_mid_row", c.cut_end(1000), by_feed(DAMAGED), Channel.WIRE, "http"),
    Case(2, "cut_mid_row", c.cut_in_last_cell, held("file_is_whole", RECORDS, (RECORDS - 1,)), Channel.DATED,
         "in_last_cell"),
    Case(2, "cut_mid_row", c.without_final_newline, exact(), Channel.PROVED, "whole_without_newline"),
    Case(2, "cut_mid_row", c.without_final_newline, exact(), Channel.PARTNER, "whole_without_newline_http"),
    Case(2, "cut_mid_multibyte_char", c.cut_mid_character, rejected("not_utf8", "cut_short", line=LAST_LINE)),
    Case(2, "cut_mid_multibyte_char", c.cut_mid_character, rejected("not_utf8", "cut_short", line=LAST_LINE),
         Channel.PARTNER, "http_partner"),
    # 4: a page in place of the data. Found by content, not asked for again, kept to be looked at.
    *page("html_login", LOGIN, "html_page", "html_page", "text/html"),
    *page("html_500_text", SERVER_ERROR, "html_page", "html_page", "text/html"),
    Case(4, "html_500_text", c.instead(PLAIN_ERROR), rejected("missing_column", line=1), Channel.DATED, "plain-file"),
    Case(4, "html_500_text", c.instead(PLAIN_ERROR),
         by_feed({VICTIMS.name: rejected("checksum_mismatch", tries=2), STREET.name: refused("not_a_zip")}),
         Channel.WIRE, "plain-http"),
    *page("json_error_body", JSON_ERROR, "json_error", "json_body", "application/json"),
    *page("bot_challenge", CHALLENGE, "html_page", "html_page", "text/html"),
    *page("csv_type_html_body", LOGIN, "html_page", "html_page", "text/csv"),
    Case(4, "html_login", c.instead(LOGIN),
         by_feed({VICTIMS.name: refused("html_page"), STREET.name: rejected("html_page", line=1)}),
         Channel.PARTNER, "partner"),
    Case(4, "html_login", c.instead(LOGIN), refused("html_page", tries=0), Channel.CATALOGUE, "catalogue",
         only=(VICTIMS,)),
    Case(4, "json_error_body", c.instead(JSON_ERROR), refused("json_error", tries=0), Channel.CATALOGUE, "catalogue",
         only=(VICTIMS,)),
    # 14: byte-order marks
    Case(14, "bom_header", c.after_bom(c.as_is), exact()),
    Case(14, "bom_header", c.after_bom(c.as_is), exact(), Channel.PARTNER, "http"),
    Case(14, "bom_quoted_header", c.after_bom(c.quoted_header), exact()),
    Case(14, "bom_then_crlf", c.after_bom(c.crlf), exact()),
    Case(14, "bom_twice", c.after_bom(c.after_bom(c.as_is)), rejected("second_bom", line=1)),
    Case(14, "bom_mid_file", c.before_record(100, c.BOM), rejected("bom_in_file", line=102)),
    Case(14, "bom_mid_file", c.joined, rejected("bom_in_file", line=RECORDS + 2), note="joined"),
    Case(14, "bom_mid_file", c.joined_without_newline, rejected("bom_in_file", line=LAST_LINE), note="joined_in_line"),
    # 18: a quote that is never closed; the error names the line on which it stands
    Case(18, "first_row", c.on_note(lambda cell: b'"' + cell, 0), rejected("bad_quote", line=2), Channel.COUNTED),
    Case(18, "last_row", c.on_note(lambda cell: b'"' + cell, RECORDS - 1), rejected("bad_quote", line=LAST_LINE),
         Channel.COUNTED),
    Case(18, "middle_swallows_100",
         c.both(c.on_note(lambda cell: b'"' + cell, 70), c.on_line(172, lambda line: line.replace(b",", b'",', 1))),
         rejected("bad_quote", line=72), Channel.COUNTED),
    Case(18, "middle_swallows_100", c.swallowed(70, 170), rejected("bad_quote", line=72), Channel.LOOSE, "in_width"),
    Case(18, "middle_swallows_100", c.swallowed(70, 71), held("manifest_rows_agree", RECORDS - 1, tuple(range(70, 200))),
         Channel.COUNTED, "one_record"),
    Case(18, "odd_quote_in_text", c.on_note(lambda cell: cell + b' 5" pipe'),
         rejected("bad_quote", line=CANARY_LINE), Channel.COUNTED),
    Case(18, "quote_then_eof", c.quote_then_eof, rejected("bad_quote", line=LAST_LINE), Channel.COUNTED),
    # 19: a newline inside quotes is a part of the cell
    Case(19, "lf", c.newline_in_padded("\n"), exact(is_clean=False), Channel.COUNTED),
    Case(19, "crlf", c.newline_in_padded("\r\n"), exact(is_clean=False), Channel.COUNTED),
    Case(19, "cr", c.newline_in_padded("\r"), exact(is_clean=False), Channel.COUNTED),
    Case(19, "blank_line_inside", c.newline_in_padded("\n\n"), exact(is_clean=False), Channel.COUNTED),
    Case(19, "many", c.newline_in_padded("\n", every=3), exact(is_clean=False), Channel.COUNTED),
    # 20: ragged rows between sound ones
    Case(20, "one_short", c.in_record(c.one_cell_less), rows("too_few_cells", CANARY_LINE, lost=(CANARY_RECORD,))),
    Case(20, "one_short", c.in_record(c.one_cell_less, 0, 100), rows("too_few_cells", 2, 102, lost=(0, 100)),
         note="two_of_200"),
    Case(20, "one_short", c.in_record(c.one_cell_less, 0, 80), rows("too_few_cells", 2, 82, 162, lost=(0, 80, 160)),
         note="three_of_200"),
    Case(20, "one_short", c.in_record(c.one_cell_less, RECORDS - 1), rejected("footnote", line=LAST_LINE), note="last"),
    Case(20, "one_long", c.in_record(c.one_cell_more), rows("too_many_cells", CANARY_LINE, lost=(CANARY_RECORD,))),
    Case(20, "trailing_comma_all", c.comma_after_every_record,
         rows("too_many_cells", *range(2, LAST_LINE + 1), lost=tuple(range(RECORDS)))),
    Case(20, "blank_row", c.before_record(CANARY_RECORD, b"\n"), rows("blank_row", CANARY_LINE, records=RECORDS + 1)),
    Case(20, "blank_row", c.blank_cells_before(CANARY_RECORD), rows("blank_row", CANARY_LINE, records=RECORDS + 1),
         note="commas"),
    Case(20, "single_cell_note", c.before_record(CANARY_RECORD, b"Quillfeather moved\n"),
         rows("too_few_cells", CANARY_LINE, records=RECORDS + 1)),
    # 23: a required column under another header, or under none
    Case(23, "missing", c.without_required, without_header()),
    renamed("renamed_space", lambda name: name.replace(" ", "")),
    Case(23, "case_change", c.upper_case_header, exact()),
    renamed("plural", lambda name: f"{name}s"),
    renamed("typo", lambda name: name[:2] + name[3] + name[2] + name[4:]),
    # 24: columns that the contract does not know are left out, and their values stored nowhere
    Case(24, "one_new", ONE_NEW, exact(**NEW)),
    with_new_column("with_bad_row", c.both(c.bad_month, ONE_NEW), "not_a_month"),
    with_new_column("with_long_row", c.both(ONE_NEW, c.in_record(c.one_cell_more)), "too_many_cells"),
    with_new_column("with_shifted_row", c.both(ONE_NEW, c.in_record(c.shifted)), "too_many_cells"),
    with_new_column("with_shrunk_row", c.both(ONE_NEW, c.in_record(c.shrunk)), "too_few_cells"),
    Case(24, "one_new", c.with_columns(["Note by Sergeant"], lambda number: f"Sparrowgate\n{number}"), exact(**NEW),
         note="with_newlines"),
    Case(24, "ten_new", c.with_columns([f"Note by Sergeant {n}" for n in range(10)], sparrowgate), exact(**NEW)),
    Case(24, "new_at_front", c.with_columns(["Note by Sergeant"], sparrowgate, at_front=True), exact(**NEW)),
    Case(24, "new_looks_like_nhs_number", c.with_columns(["NHS number"], nhs_number),
         exact(warning="NHS number", never_stored=("943 476",))),
    Case(24, "unnamed_index", c.with_columns([""], str, at_front=True), exact(warning="running index")),
]  # fmt: skip

RESTATEMENTS = VARIANTS[33]
"""Row 33: a later file for the same months says something else. What `Feed.restated` makes of the clean file."""
REPEATS = VARIANTS[29]
"""Row 29: the same delivery again, one test each."""
