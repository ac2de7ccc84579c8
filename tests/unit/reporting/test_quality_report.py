"""Publishing and the quality report, on a real warehouse with made-up data."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from vru.contracts import load_contracts
from vru.disclosure.publish import publish
from vru.landing import Landing
from vru.reporting import ReportError, write_report
from vru.reporting.model import Asked
from vru.reporting.reports.quality import words
from vru.reporting.reports.quality.feeds import read_feeds
from vru.warehouse.engine import raw_connection
from vru.warehouse.server.embedded import Server

from tests.unit.reporting import made

MONTH, TODAY = date(2022, 5, 1), date(2022, 5, 20)


@pytest.fixture
def landing(cluster: Server, vru_home: Path) -> Iterator[Landing]:
    made.clear_published()
    yield Landing(vru_home / "landing")
    made.clear_published()


def query(text: str, role: str = "publisher", values: Any = None) -> list[tuple[Any, ...]]:
    with raw_connection(role) as connection, connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall()


def write(folder: Path, *, profile: str = "sandbox", **options: Any) -> str:
    path = write_report("quality", month=MONTH, out_dir=folder, today=TODAY, profile=profile, **options)
    assert path.name == "quality-2022-05.html"
    return path.read_text(encoding="utf-8")


def test_what_one_release_shows_is_published_exactly(landing: Landing) -> None:
    world = made.make(landing)
    done = publish(landing=landing, contracts=load_contracts())
    assert done.is_new
    assert (done.protected_cells, done.hidden_cells) == (0, 0)
    counts = Counter(b for m, b in world["old"] if 2016 <= m.year <= 2020)
    assert counts["Brent"] == 3, "the made world must hold a small count"
    rows = query(
        "select area_name, value_count, is_exempt, null_reason from publish.homicide_borough_period order by 1"
    )
    assert [r[:3] for r in rows] == [
        (name, counts[name] if name != "City of London" else None, name != "City of London")
        for name in sorted(b for _, b in made.BOROUGHS)
    ]
    assert rows[1][3] == "not covered by this source"
    years = query("select extract(year from period_start)::int, value_count from publish.homicide_london_year")
    assert dict(years) == Counter(m.year for m, _ in world["new"])
    urls = query("select distinct release_url from publish.provenance")
    assert urls == [("https://data.london.gov.uk/dataset/mps-homicide-dashboard-data",)]


def test_boroughs_from_two_releases_are_protected(landing: Landing) -> None:
    made.make(landing, mixed=True)
    publish(landing=landing, contracts=load_contracts())
    rows = query("select area_name, value_count, is_exempt, is_suppressed, marker, rate_low, release_sha256 "
                 "from publish.homicide_borough_period where area_name <> 'City of London'")  # fmt: skip
    assert rows
    for name, value, is_exempt, is_suppressed, marker, low, sha256 in rows:
        assert not is_exempt, name
        assert sha256 is None
        assert (value is None) == is_suppressed == (marker == "c") == (low is None)
        assert value is None or value % 5 == 0
    assert any(row[3] for row in rows), "the small count must be hidden"


def test_publishing_twice_changes_nothing(landing: Landing) -> None:
    made.make(landing)
    first = publish(landing=landing, contracts=load_contracts())
    before = query("select oid from pg_class where oid = 'publish.homicide_london_month'::regclass")
    second = publish(landing=landing, contracts=load_contracts())
    assert (first.content_sha256, second.is_new) == (second.content_sha256, False)
    assert query("select count(*) from publish.release") == [(1,)]
    assert query("select oid from pg_class where oid = 'publish.homicide_london_month'::regclass") == before


def test_what_is_stated_again_after_the_build_changes_nothing_published(landing: Landing) -> None:
    """The publisher states the older file again: a past report must go on naming the date that was known then."""
    made.make(landing)
    first = publish(landing=landing, contracts=load_contracts())
    with raw_connection("migrator") as connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.delivery (content_id, vintage_at, vintage_source, source_url, file_name, size_bytes) "
            "select content_id, vintage_at + interval '2 years', vintage_source, source_url || 'x', file_name, size_bytes from ops.delivery"
        )
    second = publish(landing=landing, contracts=load_contracts())
    assert (first.content_sha256, second.is_new) == (second.content_sha256, False)


def test_a_mart_that_disagrees_with_the_publishers_file_is_withheld_and_said_to_be(
    landing: Landing, tmp_path: Path
) -> None:
    made.make(landing)
    with raw_connection("migrator") as connection, connection.cursor() as cursor:
        cursor.execute("update marts.mart_measure set value_count = value_count + 1 "
                       "where period_start = '2018-01-01' and period_kind = 'month'")  # fmt: skip
    done = publish(landing=landing, contracts=load_contracts())
    fallen = [f"homicide_london_{name}" for name in ("level", "month", "step", "verdict", "year")]
    for table in fallen:
        assert query(f"select count(*) from publish.{table}") == [(0,)]
    assert query("select table_name, kind from publish.withheld_table order by 1") == [
        (table, "disagrees") for table in fallen
    ]
    assert query("select count(*) from publish.homicide_borough_period where is_exempt") == [(3,)]
    assert sorted(line.partition(":")[0] for line in done.fell_short) == [f"publish.{table}" for table in fallen]
    text = words_of(write(tmp_path))
    assert "withheld: the marts and the publisher's own file" in text.replace("’", "'")
    assert "London from January 2018" in text


def test_readers_may_read_and_nothing_else(landing: Landing) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    for role in ("report_reader", "analyst"):
        assert query("select count(*) from publish.homicide_london_month", role) == [(84,)]
        with pytest.raises(psycopg2.Error):
            query("delete from publish.homicide_london_month returning 1", role)


def test_a_page_needs_a_published_build(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    with pytest.raises(ReportError, match="publish the build in marts first"):
        write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_same_input_gives_the_same_bytes_and_one_ledger_row(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    assert first == second
    assert query("select kind, month, file_name, sha256 from ops.report") == [
        ("quality", MONTH, "quality-2022-05.html", hashlib.sha256(first.encode()).hexdigest())
    ]


def test_a_page_that_stands_is_not_drawn_again_and_a_changed_one_is(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    file = tmp_path / "quality-2022-05.html"

    def is_drawn(**options: Any) -> bool:
        """A page that is drawn is put in its place as another file."""
        before = file.stat().st_ino
        kept = tmp_path / "kept"
        kept.unlink(missing_ok=True)
        kept.hardlink_to(file)  # so that its number is not given to another
        write(tmp_path, **options)
        return file.stat().st_ino != before

    first = write(tmp_path)
    assert not is_drawn()
    file.write_text("spoilt", encoding="utf-8")
    assert is_drawn(), "the file is not the one that was written"
    assert file.read_text(encoding="utf-8") == first
    assert is_drawn(are_marts_old=True), "something else was asked"
    assert is_drawn()
    reports = query("select count(*) from ops.report")
    query("update ops.report set input_sha256 = 'of an earlier program' returning 1", "migrator")
    assert is_drawn(), "the program is another"
    assert query("select count(*) from ops.report") == reports, "the same page is noted once"
    assert not is_drawn()
    assert file.read_text(encoding="utf-8") == first


def test_what_is_due_is_said_of_lists_that_are_final_and_of_feeds_that_have_let_nothing_in(landing: Landing) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    with raw_connection("publisher") as connection:
        feed, *_ = read_feeds(connection, Asked(MONTH, TODAY, is_synthetic=True), [])

    def due(standing: str, due_on: date | None, newest_issue: date | None) -> str:
        status = replace(feed.status, standing=standing, due_on=due_on, newest_issue=newest_issue)
        return words.due(replace(feed, status=status))

    assert due("on time", date(2022, 7, 1), date(2022, 4, 1)) == "next due on 1 July 2022"
    assert due("on time", None, date(2014, 6, 1)) == "nothing more is due"
    assert due("held", None, None) == "nothing let in yet"


def test_the_page_says_what_came_and_what_did_not(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    text = words_of(write(tmp_path))
    for wanted in (
        "Of 5 feeds 1 is silent and 3 have sent nothing yet.",
        "Street-level crime (data.police.uk): silent, 109 days late (html_page: a web page came where an archive is due",
        "Stop and search (data.police.uk): nothing has come yet.",
        "Street-level crime (data.police.uk) scores lowest: 35 of 100. Its lowest part is timeliness (0).",
        "Withheld: column borough_name of Homicide victims (Metropolitan Police Service).",
        "In all: 1 column withheld, 1 file rejected, 1 download refused.",
        "Download refused (1)",
        "Column withheld (1)",
        "column borough_name",
        "File rejected (1)",
        "Rows quarantined (1)",
        "the month is not a month",
        "Street-level crime (data.police.uk) (city-of-london): due and not here: 4 periods from November 2021 to "
        "February 2022.",
        "silent, 109 days late",
        "next due on 1 July 2022",
        "City of London not covered by this source",
        "Homicide by borough, 2016 to 2020",
        "issued 5 May 2021",
        "issued 1 March 2022",
        "Open Government Licence v2.0",
    ):
        assert wanted in text, wanted
    assert "CELL VALUE" not in text


def test_words_of_a_partner_never_become_markup(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    page = write(tmp_path)
    assert "&lt;script&gt;" in page, "the test must have put markup into a reason"
    found = Elements(page)
    assert not found.names & {"script", "img", "iframe", "object", "embed", "link", "form", "input", "a:external"}
    assert not [name for _, name, _ in found.attributes if name.startswith("on") or name in ("style", "src")]
    assert all(value.startswith("#") for _, name, value in found.attributes if name in ("href", "xlink:href"))


def test_the_policy_of_the_page_allows_its_own_style_and_nothing_else(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    page = write(tmp_path)
    policy = next(v for _, n, v in Elements(page).attributes if n == "content" and "default-src" in v)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_sandbox_is_labelled_on_every_figure_and_nothing_else_is(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    page, real = write(tmp_path / "a"), write(tmp_path / "b", profile="files")
    assert "<title>Synthetic data: " in page
    figures = re.findall(r"<figure>(.*?)</figure>", page, re.DOTALL)
    assert len(figures) == 2
    for figure in figures:
        assert "Synthetic data</p>" in figure
        assert figure.count("SYNTHETIC DATA") == 2, "in both sizes of the picture"
    assert "synthetic data" not in words_of(real).lower()


def test_a_hidden_count_stands_nowhere_on_the_page(landing: Landing, tmp_path: Path) -> None:
    world = made.make(landing, mixed=True)
    publish(landing=landing, contracts=load_contracts())
    page = write(tmp_path)
    row = re.search(r"<th scope=\"row\">Brent</th>(.*?)</tr>", page, re.DOTALL)
    assert row
    assert re.findall(r">\s*([^<>\s][^<>]*?)\s*<", row[1]) == ["c", "c", "c"]
    assert Counter(b for m, b in world["old"] if 2016 <= m.year <= 2020)["Brent"] == 3


def test_headings_descend_one_by_one_and_tables_name_their_cells(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    found = Elements(write(tmp_path))
    levels = [int(name[1]) for name in found.order if re.fullmatch(r"h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    scopes = Counter(value for tag, name, value in found.attributes if tag == "th" and name == "scope")
    assert scopes["col"] + scopes["row"] == found.order.count("th")
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    labelled = [v for t, n, v in found.attributes if n == "aria-labelledby"]
    assert {i for value in labelled for i in value.split()} <= set(ids)
    assert ("html", "lang", "en-GB") in found.attributes


def test_an_instant_before_everything_shows_nothing_of_later(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    made_asof = "asof_20210510"
    made.make(landing, schema=made_asof)
    publish(landing=landing, contracts=load_contracts(), schema=made_asof)
    page = words_of(write(tmp_path, schema=made_asof, known_at=datetime(2021, 5, 10, tzinfo=UTC)))
    assert "File rejected" not in page, "the rejected file was issued in 2022"
    assert "Column withheld" not in page
    assert query(
        "select count(*) from pg_tables where schemaname = 'publish' and tablename = 'homicide_london_month'"
    ) == [(0,)]


class Elements(HTMLParser):
    """Tags in order and every attribute, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.order: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self._hidden = 0
        self.feed(page)

    @property
    def names(self) -> set[str]:
        return set(self.order)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.order.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._hidden += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def words_of(page: str) -> str:
    """The page's text with single blanks."""
    return " ".join(" ".join(Elements(page).words).split())
