"""Rows 1, 2, 4 and 14 to 17: a file that is empty, cut, another thing, written in other bytes, or too large."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.faults import changes as c
from tests.faults import json_changes as j
from tests.faults.case import (
    Case,
    Channel,
    Expect,
    Variants,
    and_held,
    by_feed,
    exact,
    failed,
    held,
    of_cell,
    refused,
    rejected,
    rows,
    to,
    with_cell,
)
from tests.faults.derive import growing
from tests.faults.exceptions import ONE_IS_LOST
from tests.faults.feed import opened
from tests.faults.feeds import (
    ARCHIVES,
    CANARY_LINE,
    CANARY_RECORD,
    CATALOGUED,
    DELIMITED,
    JSON,
    PAGED,
    RECORDS,
    SERVED,
    SERVED_TEXT,
    SUBJECTS,
    Feed,
)
from tests.faults.suite import LOST
from tests.faults.table.meaning import at, future_check, not_yet

VARIANTS: Variants = {
    1: ("zero_bytes", "header_only", "header_no_newline", "only_newlines", "bom_only"),
    2: ("short_of_content_length", "missing_trailer_row", "cut_mid_row", "cut_mid_multibyte_char", "chunked_ended_early"),
    4: ("html_login", "html_500_text", "json_error_body", "bot_challenge", "csv_type_html_body"),
    14: ("bom_header", "bom_quoted_header", "bom_then_crlf", "bom_twice", "bom_mid_file"),
    15: ("cp1252_undeclared", "utf16le", "utf16be_no_bom", "mixed_in_one_file", "latin1_pound_sign"),
    16: ("nul_in_text", "nul_in_key", "nul_in_header", "ctrl_0x1a", "vertical_tab"),
    17: ("field_50mb", "columns_10000", "rows_x100", "line_no_newline_200mb", "header_1mb"),
}  # fmt: skip

LAST_LINE = RECORDS + 1
CANARY_FEATURE = CANARY_RECORD + 1
MB = 1_000_000

PAGED_TEXT = tuple(feed for feed in PAGED if feed.shape == "text")
PAGED_JSON = tuple(feed for feed in PAGED if feed.shape == "geojson")
CHECKSUM = rejected("checksum_mismatch", tries=2)
DAMAGED = to(CATALOGUED, CHECKSUM) | to(ARCHIVES, refused("corrupt_archive", tries=2))
"""A body damaged on its way: the catalogue's MD5 or the archive's directory says so, once it was fetched again."""
NOT_JSON = refused("not_json")
"""A page of an API that cannot be read is looked at before it is kept as data."""

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


def page(variant: str, body: bytes, code: str, content_type: str) -> list[Case]:
    """A page in place of the file: over HTTP, and saved by hand."""
    by_hand = rejected(code, line=1) if code == "html_page" else rejected("json_body", "not_geojson")
    return [
        Case(4, variant, c.instead(body), refused(code), Channel.WIRE, "http", content_type, only=SERVED),
        Case(4, variant, c.instead(body), by_hand, Channel.DATED, "file", only=SUBJECTS),
    ]


def in_codec(variant: str, words: str, codec: str, *codes: str, mark: bytes = b"", note: str = "") -> list[Case]:
    """The whole file in another encoding than the contract's, with such words in it."""
    text = c.both(c.with_note(words), c.encoded(codec, mark=mark))
    json = c.both(j.on_note(lambda _: words), c.encoded(codec, mark=mark))
    line = CANARY_LINE if codes == ("not_utf8",) else None
    return [
        Case(15, variant, text, rejected(*codes, line=line), note=note, only=DELIMITED),
        Case(15, variant, json, rejected(*codes), note=note, only=JSON),
    ]


def control(variant: str, mark: str) -> list[Case]:
    """A control character in words."""
    return [
        Case(16, variant, c.on_note(lambda cell: cell[:5] + mark.encode() + cell[5:]),
             rows("control_character", CANARY_LINE, lost=(CANARY_RECORD,)), only=DELIMITED),
        Case(16, variant, j.on_note(lambda words: words[:5] + mark + words[5:]),
             rows("control_character", CANARY_FEATURE, lost=(CANARY_RECORD,)), only=JSON),
    ]  # fmt: skip


def control_in_key(feed: Feed) -> Expect:
    """A control character in the key."""
    return of_cell(feed, CANARY_RECORD, feed.key, "control_character")


def one_is_lost(feed: Feed) -> Expect:
    """Nothing on the way tells that the last record is missing; the suite does, since the list had it before."""
    check = ONE_IS_LOST.get(feed.label) or feed.suite.of_type(*LOST)
    assert check, f"{feed.label}: no check of the suite sees that a record of the list is lost"
    return held(check, RECORDS - 1, (RECORDS - 1,))(feed)


def far_more(feed: Feed) -> Expect:
    """A hundred times as many records are held, by the volume or by what is said in them."""
    if feed.date and growing(feed.declared, opened(feed.shape, feed.clean)) == feed.date and future_check(feed):
        return beyond_today(feed)
    check = feed.suite.of_type("between_vintages.volume")
    assert check, f"{feed.label}: no check of the suite sees that a list is a hundred times as long"
    return held(check, 100 * RECORDS)(feed)


def beyond_today(feed: Feed) -> Expect:
    """More of a list of years are years that have not come, of which the rows speak first."""
    found = opened(feed.shape, c.longer(feed, feed.clean, 100 * RECORDS))
    year = today(feed).year
    lines = [feed.line(number) for number, record in enumerate(found) if at(feed, record[feed.date]) > year]
    assert lines, f"{feed.label}: a hundred times as many records are all of years that have come"
    return replace(rows(not_yet(feed), *lines, records=100 * RECORDS)(feed), is_exact=True)


def today(feed: Feed) -> date:
    """The platform's today when a file of the feed comes: the newest vintage stated until then."""
    stated = [delivery.vintage for one in SUBJECTS for delivery in one.earlier(one)]
    return max(date.fromisoformat(vintage) for vintage in (*stated, feed.vintage) if vintage)


def cut_in_last_cell(feed: Feed) -> Expect:
    """Only the newline is missing for certain; what is left of the cell may be a value or none."""
    content = c.cut_in_last_cell(feed, feed.clean)
    if content.count(b'"') % 2:
        return rejected("bad_quote", line=LAST_LINE)(feed)
    return and_held("file_is_whole", with_cell(feed, RECORDS - 1, *c.last_cell(feed, content)))


def long_line(feed: Feed, content: bytes) -> bytes:
    """The header, and then one line of 200 MB without an end."""
    return content[: content.index(b"\n") + 1] + b"Quillfeather " * (200 * MB // 13)


def long_text(feed: Feed, content: bytes) -> bytes:
    """A collection with a name of 200 MB that is never closed."""
    return content[: content.index(b"Quill")] + b"Quillfeather " * (200 * MB // 13)


def long_header(feed: Feed, content: bytes) -> bytes:
    """One more column, whose header has a million characters."""
    return content.replace(b"\n", b"," + b"Quillfeather " * (MB // 13) + b"\n", 1)


NUL_HEADER = c.renamed_required(lambda name: f"{name[:2]}\0{name[2:]}")
NUL_NAME = j.renamed_required(lambda name: f"{name}\\u0000")

CASES: list[Case] = [
    # 1: empty or header only. No contract allows a statement of zero.
    Case(1, "zero_bytes", c.instead(b""), rejected("empty_file"), only=SUBJECTS),
    Case(1, "zero_bytes", c.instead(b""), by_feed(to(SERVED_TEXT, rejected("empty_file")) | to(PAGED_JSON, NOT_JSON)),
         Channel.PARTNER, "http", only=SERVED),
    Case(1, "header_only", c.header_only, rejected("no_rows"), only=DELIMITED),
    Case(1, "header_only", c.header_only, rejected("no_rows"), Channel.PARTNER, "http", only=SERVED_TEXT),
    Case(1, "header_only", c.both(c.header_only, c.followed_by(b"\n\n")), rejected("no_rows"), note="blank_lines",
         only=DELIMITED),
    Case(1, "header_only", j.no_features, rejected("no_rows"), only=JSON),
    Case(1, "header_only", j.no_features, rejected("no_rows"), Channel.PARTNER, "http", only=PAGED_JSON),
    Case(1, "header_no_newline", c.header_no_newline, rejected("no_rows"), only=DELIMITED),
    Case(1, "only_newlines", c.instead(b"\n\n\r\n\n"), rejected("empty_file"), only=SUBJECTS),
    Case(1, "only_newlines", c.instead(b"  \n\t\n"), rejected("empty_file"), note="blanks", only=SUBJECTS),
    Case(1, "bom_only", c.instead(c.BOM), rejected("empty_file"), only=SUBJECTS),
    # 2: cut on the way. What never was whole is no delivery; what lies there cut is.
    Case(2, "short_of_content_length", c.as_is, failed("truncated"), Channel.FAULT, only=SERVED),
    Case(2, "short_of_content_length", c.as_is, exact(tries=2), Channel.FAULT_ONCE, "once", only=SERVED),
    Case(2, "chunked_ended_early", c.as_is, failed("truncated"), Channel.FAULT, only=SERVED),
    Case(2, "chunked_ended_early", c.as_is, exact(tries=2), Channel.FAULT_ONCE, "once", only=SERVED),
    Case(2, "missing_trailer_row", c.without_last_record, held("manifest_rows_agree", RECORDS - 1, (RECORDS - 1,)),
         Channel.COUNTED, "counted", only=DELIMITED),
    Case(2, "missing_trailer_row", j.without_last, held("manifest_rows_agree", RECORDS - 1, (RECORDS - 1,)),
         Channel.COUNTED, "counted", only=JSON),
    Case(2, "missing_trailer_row", c.without_last_record, rejected("checksum_mismatch", in_reason="line 2"),
         Channel.SEALED, "sealed", only=DELIMITED),
    Case(2, "missing_trailer_row", j.without_last, rejected("checksum_mismatch", in_reason="line 2"),
         Channel.SEALED, "sealed", only=JSON),
    Case(2, "missing_trailer_row", c.without_last_record, CHECKSUM, Channel.WIRE, "http", only=CATALOGUED),
    Case(2, "missing_trailer_row", c.cut_end(22), refused("corrupt_archive", tries=2), Channel.WIRE, "http",
         only=ARCHIVES),
    Case(2, "missing_trailer_row", c.without_last_record, one_is_lost, Channel.WIRE, "http", only=PAGED_TEXT),
    Case(2, "missing_trailer_row", j.without_last, one_is_lost, Channel.WIRE, "http", only=PAGED_JSON),
    Case(2, "cut_mid_row", c.cut_mid_row, rejected("cut_short", line=LAST_LINE), Channel.LOOSE, "loose",
         only=DELIMITED),
    Case(2, "cut_mid_row", c.cut_mid_row, rejected("cut_short", line=LAST_LINE), Channel.COUNTED, "counted",
         only=DELIMITED),
    Case(2, "cut_mid_row", c.cut_mid_row, rejected("cut_short", line=LAST_LINE), Channel.PARTNER, "http_partner",
         only=SERVED_TEXT),
    Case(2, "cut_mid_row", c.cut_end(1000), by_feed(DAMAGED), Channel.WIRE, "http", only=(*CATALOGUED, *ARCHIVES)),
    Case(2, "cut_mid_row", c.cut_mid_row, rejected("cut_short", line=LAST_LINE), Channel.WIRE, "http", only=PAGED_TEXT),
    Case(2, "cut_mid_row", c.cut_in_last_cell, cut_in_last_cell, Channel.DATED, "in_last_cell", only=DELIMITED),
    Case(2, "cut_mid_row", c.without_final_newline, exact(), Channel.PROVED, "whole_without_newline", only=DELIMITED),
    Case(2, "cut_mid_row", c.without_final_newline, exact(), Channel.PARTNER, "whole_without_newline_http",
         only=SERVED_TEXT),
    Case(2, "cut_mid_row", j.cut_mid_feature, rejected("not_json"), Channel.LOOSE, "loose", only=JSON),
    Case(2, "cut_mid_row", j.cut_mid_feature, NOT_JSON, Channel.WIRE, "http", only=PAGED_JSON),
    Case(2, "cut_mid_multibyte_char", c.cut_mid_character, rejected("not_utf8", "cut_short", line=LAST_LINE),
         only=DELIMITED),
    Case(2, "cut_mid_multibyte_char", c.cut_mid_character, rejected("not_utf8", "cut_short", line=LAST_LINE),
         Channel.PARTNER, "http_partner", only=SERVED_TEXT),
    Case(2, "cut_mid_multibyte_char", j.cut_mid_character, rejected("not_utf8", "not_json"), only=JSON),
    Case(2, "cut_mid_multibyte_char", j.cut_mid_character, NOT_JSON, Channel.PARTNER, "http_partner", only=PAGED_JSON),
    # 4: a page in place of the data. Found by content, not asked for again, kept to be looked at.
    *page("html_login", LOGIN, "html_page", "text/html"),
    *page("html_500_text", SERVER_ERROR, "html_page", "text/html"),
    Case(4, "html_500_text", c.instead(PLAIN_ERROR), rejected("missing_column", "not_geojson", line=1), Channel.DATED,
         "plain-file", only=SUBJECTS),
    Case(4, "html_500_text", c.instead(PLAIN_ERROR),
         by_feed(to(CATALOGUED, CHECKSUM) | to(ARCHIVES, refused("not_a_zip")) | to(PAGED_JSON, NOT_JSON)
                 | to(PAGED_TEXT, rejected("missing_column", line=1))),
         Channel.WIRE, "plain-http", only=SERVED),
    *page("json_error_body", JSON_ERROR, "json_error", "application/json"),
    *page("bot_challenge", CHALLENGE, "html_page", "text/html"),
    *page("csv_type_html_body", LOGIN, "html_page", "text/csv"),
    Case(4, "html_login", c.instead(LOGIN), rejected("html_page", line=1), Channel.PARTNER, "partner", only=ARCHIVES),
    Case(4, "html_login", c.instead(LOGIN), refused("html_page"), Channel.PARTNER, "partner",
         only=(*CATALOGUED, *PAGED)),
    Case(4, "html_login", c.instead(LOGIN), refused("html_page", tries=0), Channel.CATALOGUE, "catalogue",
         only=CATALOGUED),
    Case(4, "json_error_body", c.instead(JSON_ERROR), refused("json_error", tries=0), Channel.CATALOGUE, "catalogue",
         only=CATALOGUED),
    # 14: byte-order marks
    Case(14, "bom_header", c.after_bom(c.as_is), exact(), only=SUBJECTS),
    Case(14, "bom_header", c.after_bom(c.as_is), exact(), Channel.PARTNER, "http", only=SERVED),
    Case(14, "bom_quoted_header", c.after_bom(c.quoted_header), exact(), only=DELIMITED),
    Case(14, "bom_then_crlf", c.after_bom(c.crlf), exact(), only=DELIMITED),
    Case(14, "bom_then_crlf", c.after_bom(j.spread), exact(), only=JSON),
    Case(14, "bom_twice", c.after_bom(c.after_bom(c.as_is)), rejected("second_bom", line=1), only=DELIMITED),
    Case(14, "bom_twice", c.after_bom(c.after_bom(c.as_is)), rejected("second_bom", "not_geojson"), only=JSON),
    Case(14, "bom_mid_file", c.before_record(100, c.BOM), rejected("bom_in_file", line=102), only=DELIMITED),
    Case(14, "bom_mid_file", c.joined, rejected("bom_in_file", line=RECORDS + 2), note="joined", only=DELIMITED),
    Case(14, "bom_mid_file", c.joined_without_newline, rejected("bom_in_file", line=LAST_LINE), note="joined_in_line",
         only=DELIMITED),
    Case(14, "bom_mid_file", j.before_feature(100, c.BOM), rejected("bom_in_file", "not_json"), only=JSON),
    Case(14, "bom_mid_file", c.joined, rejected("bom_in_file", "not_json"), note="joined", only=JSON),
    # 15: other encodings; each contract declares UTF-8
    *in_codec("cp1252_undeclared", "Quillfeather’s Café", "cp1252", "not_utf8"),
    Case(15, "cp1252_undeclared", c.both(c.with_note("Quillfeather’s Café"), c.encoded("cp1252")),
         rejected("not_utf8", line=CANARY_LINE), Channel.PARTNER, "http", only=SERVED_TEXT),
    Case(15, "cp1252_undeclared", c.both(j.on_note(lambda _: "Quillfeather’s Café"), c.encoded("cp1252")), NOT_JSON,
         Channel.PARTNER, "http", only=PAGED_JSON),
    *in_codec("utf16le", "Quillfeather’s Café", "utf-16-le", "utf_16", mark=b"\xff\xfe"),
    *in_codec("utf16le", "Quillfeather’s Café", "utf-16-le", "utf_16", note="no_bom"),
    Case(15, "utf16le", c.encoded("utf-16-le", mark=b"\xff\xfe"), rejected("utf_16"), Channel.PARTNER, "http",
         only=SERVED_TEXT),
    Case(15, "utf16le", c.encoded("utf-16-le", mark=b"\xff\xfe"), rejected("utf_16", "not_utf8"), Channel.PARTNER,
         "http", only=PAGED_JSON),
    *in_codec("utf16be_no_bom", "Quillfeather’s Café", "utf-16-be", "utf_16"),
    Case(15, "mixed_in_one_file", c.both(c.with_note("Café", 10), c.with_note("Quillfeather’s Café"),
                                         c.encoded("cp1252", since=100)),
         rejected("not_utf8", line=CANARY_LINE), only=DELIMITED),
    Case(15, "mixed_in_one_file", c.both(j.on_note(lambda _: "Café", 10), j.on_note_bytes("Quillfeather’s Café", "cp1252")),
         rejected("not_utf8"), only=JSON),
    *in_codec("latin1_pound_sign", "Quillfeather £5", "latin-1", "not_utf8"),
    # 16: NUL and control characters
    *control("nul_in_text", "\0"),
    *control("ctrl_0x1a", "\x1a"),
    *control("vertical_tab", "\x0b"),
    Case(16, "nul_in_key", c.on_cell(lambda feed: feed.key, lambda cell: cell[:3] + b"\0" + cell[3:]),
         control_in_key, only=DELIMITED),
    Case(16, "nul_in_key", j.on_property(lambda feed: feed.key, lambda code: f"{code[:3]}\0{code[3:]}"),
         control_in_key, only=JSON),
    Case(16, "nul_in_text", j.in_note_bytes(lambda cell: cell[:5] + b"\0" + cell[5:]), rejected("not_json"),
         note="bare", only=JSON),
    Case(16, "nul_in_header", NUL_HEADER, rejected("control_character", line=1), only=DELIMITED),
    Case(16, "nul_in_header", NUL_NAME, rejected("control_character", "missing_column"), only=JSON),
    # 17: limits
    Case(17, "field_50mb", c.on_note(lambda cell: cell * (50 * MB // len(cell))),
         rejected("cell_too_long", "record_too_long", line=CANARY_LINE), is_deep=True, only=DELIMITED),
    Case(17, "field_50mb", j.on_note(lambda words: words * (50 * MB // len(words))),
         rejected("cell_too_long", line=CANARY_FEATURE), is_deep=True, only=JSON),
    Case(17, "field_50mb", c.on_note(lambda cell: cell * (2 * MB // len(cell))),
         rejected("cell_too_long", line=CANARY_LINE), note="2mb", only=DELIMITED),
    Case(17, "field_50mb", j.on_note(lambda words: words * (2 * MB // len(words))),
         rejected("cell_too_long", line=CANARY_FEATURE), note="2mb", only=JSON),
    Case(17, "columns_10000", c.wide(10_000), rejected("too_many_columns", "header_too_long", line=1), only=DELIMITED),
    Case(17, "columns_10000", j.with_properties([f"c{n}" for n in range(10_000)], str, every=RECORDS),
         rejected("too_many_columns", line=1), only=JSON),
    Case(17, "rows_x100", c.times(100), far_more, is_deep=True, only=SUBJECTS),
    Case(17, "line_no_newline_200mb", long_line, rejected("record_too_long", "cell_too_long", line=2), is_deep=True,
         only=DELIMITED),
    Case(17, "line_no_newline_200mb", long_text, rejected("page_too_long"), is_deep=True, only=JSON),
    Case(17, "header_1mb", long_header, rejected("header_too_long", line=1), only=DELIMITED),
    Case(17, "header_1mb", j.with_properties(["Quillfeather " * (MB // 13)], str, every=RECORDS),
         rejected("header_too_long", line=1), only=JSON),
]  # fmt: skip
