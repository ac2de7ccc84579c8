"""Publishing and the quality report, on a real warehouse with made-up data."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from vru import clock
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
    assert (path.name == "quality-2022-05.html") == ("known_at" not in options)
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


# Every sentence follows its rows


def changed(*statements: str) -> None:
    """Change what was published, as another publishing would have."""
    with raw_connection("publisher") as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


VERDICT, MONTHS = "update publish.homicide_london_verdict set ", "update publish.homicide_london_month set "
TOTAL = "update publish.homicide_borough_total set "
#: How rows change together, and of each sentence how it begins then, and what is no longer said.
SENTENCES: dict[str, tuple[list[str], list[tuple[str, str]]]] = {
    "a rise": (
        [
            VERDICT + "verdict = 'higher', signal_since = '2021-06-01', signal_month = '2021-11-01', window_months = 3, "
            "window_end = '2021-11-01', window_count = 52, window_low = 39, window_high = 68, expected_count = 25, "
            "year_expected_count = 77, level_verdict = 'higher'",
            "insert into publish.homicide_london_level values ('E12000007', 'London', 60, '2017-01-01', '2021-12-01', 695, "
            "true, 556, 0.004, 0.005, 1.25, 1.07, 1.46, '2014-01-01', '2015-12-01', 214, '2003-01-01', '2008-12-01', 1075, "
            "1057, 'mye', 1, 36, 'exact', 1, 2)",
            "insert into publish.homicide_london_step values ('E12000007', 'London', '2018-09-01', '2017-06-01', "
            "'2019-02-01', true, 103, 140, 1.36, 1.1, 1.7, '2015-01-01', '2021-12-01', 20, 1, 'steps', 1, 2)",
            MONTHS + "is_exempt = false where period_start = '2018-05-01'",
            MONTHS + "is_provisional = period_start >= '2021-12-01', release_vintage_at = '2022-04-30 23:30+00'",
            MONTHS + "outside_note = 'A strike' where is_outside_baseline",
            MONTHS + "chart_rules = 'limit' where period_start = '2017-03-01'",
            MONTHS + "is_signal = true where period_start in ('2019-03-01', '2019-04-01')",
            MONTHS + "centre_line = 10, lower_limit = 4, upper_limit = 21 where period_start = '2021-12-01'",
            TOTAL + "newest_count = release_count + 11, unplaced_count = 2, unplaced_names = '2 Heathrow Airport'",
            "update publish.homicide_london_year set population_series = 'rebased' where period_start = '2021-01-01'",
        ],
        [
            ("Homicide in London rose by more than chance explains: first seen in June 2021, last in November 2021.",
             "No news of homicide"),
            ("52 victims in the 3 months to November 2021 (95 % interval 39 to 68); at the level of", ""),
            ("about 77 were to be expected.", "{expected} were to be expected."),
            ("The 60 months to December 2021 had more than the rate of 2014 and 2015 gives.", ""),
            ("695 victims in the 60 months to December 2021, where the rate of 2014 and 2015 gives 556 (1.25 times, 95 % "
             "interval 1.07 to 1.46, p 0.004) and that of 2003 to 2008 1,057.", ""),
            ("The level stepped from 103 to 140 a year in September 2018 (95 % interval June 2017 to February 2019; 1.36 "
             "times, 1.10 to 1.70).", ""),
            ("Some counts are rounded or hidden to protect people.", "Counts are exact and public."),
            ("The newest month may still be restated.", "The newest 3 months may still be restated."),
            ("The police list of 1 May 2022 reaches to December 2021.", "The police list of 1 March 2022"),
            ("Shaded: A strike, March 2020 to July 2021; in no baseline.", "COVID-19"),
            ("At the average of the present phase (10.0 a month) chance alone makes nearly every month lie from 4 to 21.",
             "December 2021 has no control limits: a phase began in August 2021 and has 5 months of the 12"),
            ("outside the limits", ""),
            ("the months to here were news", ""),
            ("11 more: restated since.", "London’s newest list has the same number."),
            ("2 lie in no borough (2 Heathrow Airport).", "None lies in no borough."),
            ("From 2021 rates rest on rebased; they are not to be compared", ""),
            ("London homicide by month, to December 2021: a rise", "to December 2021: no news"),
        ],
    ),
    "nothing to say": (
        [
            VERDICT + "verdict = 'too few to judge', why_none = 'a break', why_no_chart = null, year_count = null, level_verdict = null",
            MONTHS + "is_provisional = false, is_outside_baseline = false, centre_line = null, lower_limit = null, "
            "upper_limit = null",
            TOTAL + "withheld_from = null, release_count = null",
            "update publish.homicide_borough_period set rate_low = null",
        ],
        [
            ("Of homicide in London nothing can be said yet: a break.", "No news of homicide"),
            ("", "in the 12 months to December 2021"),
            ("", "may be restated"),
            ("", "may still be restated"),
            ("", "Shaded:"),
            ("", "limits of chance"),
            ("", "has no control limits"),
            ("", "its boroughs are not"),
            ("", "The list that the boroughs come from"),
            ("", "pairs of boroughs"),
        ],
    ),
    "to watch": (
        [VERDICT + "verdict = 'to watch'", "delete from publish.homicide_borough_period"],
        [
            ("One to watch: homicide in London met a control-chart rule in December 2021", "No news of homicide"),
            ("There are not enough calendar years in a row of which the boroughs are sound.", "pairs of boroughs"),
        ],
    ),
}  # fmt: skip


def test_each_sentence_follows_its_rows(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    tables = [name for (name,) in query(
        "select relname::text from pg_class where relnamespace = 'publish'::regnamespace and relkind = 'r' "
        "and relname like 'homicide%'"
    )]  # fmt: skip
    changed(*(f"create table publish.kept_{name} as table publish.{name}" for name in tables))
    ((expected,),) = query("select round(year_expected_count) from publish.homicide_london_verdict")
    before = words_of(write(tmp_path))
    for name, (changes, sentences) in SENTENCES.items():
        changed(*changes)
        after = words_of(write(tmp_path))
        for then, gone in sentences:
            gone = gone.format(expected=f"{expected:.0f}")
            assert then in after, name
            assert not then or then not in before, then
            assert not gone or (gone in before and gone not in after), gone
        for table in tables:
            changed(f"truncate publish.{table}", f"insert into publish.{table} table publish.kept_{table}")
    assert words_of(write(tmp_path)) == before


def test_alternative_texts_say_what_is_drawn_and_no_more(published: None, tmp_path: Path) -> None:
    def described() -> str:
        return re.findall(r"<desc[^>]*>(.*?)</desc>", write(tmp_path), re.DOTALL)[0]

    first = described()
    assert first.startswith("Homicide victims in London by the month of recording, January 2015 to December 2021")
    assert "Shaded: March 2020 to July 2021 (COVID-19 restrictions)." in first
    assert "Hollow dots, may be restated: October 2021 to December 2021." in first
    assert "Diamonds" not in first
    changed(
        MONTHS + "value_count = null where period_start < '2016-01-01'",
        MONTHS + "chart_rules = 'limit' where period_start in ('2017-03-01', '2019-05-01')",
        MONTHS + "is_provisional = false, is_outside_baseline = false",
    )
    then = described()
    assert "January 2016 to December 2021" in then
    assert "Diamonds, outside the limits: March 2017, May 2019." in then
    assert "Hollow" not in then
    assert "Shaded" not in then


def test_old_figures_say_so_first_and_nothing_of_now(published: None, tmp_path: Path) -> None:
    """The list is due every 91 days: beyond twice that its newest month is no present."""

    def first_words(today: date) -> str:
        path = write_report("quality", month=MONTH, out_dir=tmp_path, today=today, profile="files")
        return words_of(path.read_text(encoding="utf-8")).partition("What changed? ")[2]

    assert first_words(date(2022, 5, 20)).startswith(
        "No news of homicide in London: the 3, 12 and 24 months to December"
    )
    assert "The figures end in December 2021, 4 months before this report." in first_words(date(2022, 5, 20))
    assert first_words(date(2022, 7, 1)).startswith("No news"), "182 days"
    old = first_words(date(2025, 3, 1))
    assert old.startswith(
        "The newest homicide figures end in December 2021, 3 years and 2 months before this report: nothing is said of "
        "today. No news of homicide in London: the 3, 12 and 24 months to December 2021"
    )
    assert "London homicide by month, to December 2021 The newest" in old, "the heading has no verdict"


@pytest.fixture
def published(landing: Landing) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())


def test_the_boroughs_and_london_are_reconciled_from_the_rows(landing: Landing, tmp_path: Path) -> None:
    world = made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    old, new = (sum(2016 <= m.year <= 2020 for m, _ in world[name]) for name in ("old", "new"))
    assert old == new
    text = words_of(write(tmp_path))
    assert f"The list that the boroughs come from has {old} victims in these years. None lies in no borough." in text
    assert "London’s newest list has the same number." in text
    assert (
        "Borough figures end in 2020; for 2021 London is known and its boroughs are not: borough column withheld."
        in text
    )


def test_a_day_is_londons(landing: Landing, tmp_path: Path) -> None:
    """Late in the evening in UTC it is the next day in London's summer."""
    made.make(landing)
    with raw_connection("migrator") as connection, connection.cursor() as cursor:
        for table in ("ops.delivery", "marts.build_input"):
            cursor.execute(
                f"update {table} set vintage_at = '2022-04-30 23:30+00' where vintage_at = '2022-03-01 00:00+00'"
            )
    publish(landing=landing, contracts=load_contracts())
    text = words_of(write(tmp_path, known_at=clock.instant("2022-05-10")))
    assert "The police list of 1 May 2022 reaches to December 2021." in text
    assert "issued 1 May 2022" in text
    assert "as partners had stated it by 10 May 2022" in text
    assert "30 April 2022" not in text


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_the_zone_of_who_runs_a_command_is_not_that_of_its_sessions(landing: Landing, zone: str) -> None:
    code = (
        "from vru.warehouse.engine import engine, raw_connection\n"
        "cursor = raw_connection('publisher').cursor()\n"
        "cursor.execute('show timezone')\n"
        "print(cursor.fetchone()[0], engine('loader').connect().exec_driver_sql('show timezone').scalar())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PGTZ": zone}, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["UTC", "UTC"]


def test_a_past_edition_has_a_name_of_its_own(landing: Landing, tmp_path: Path) -> None:
    made.make(landing)
    made.make(landing, schema="asof_20220510")
    for schema in ("marts", "asof_20220510"):
        publish(landing=landing, contracts=load_contracts(), schema=schema)
    present = write(tmp_path)
    past = write(tmp_path, schema="asof_20220510", known_at=clock.instant("2022-05-10"))
    noon = write(tmp_path, schema="asof_20220510", known_at=datetime(2022, 5, 10, 11, tzinfo=UTC))
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {
        "quality-2022-05.html": present,
        "quality-2022-05-known-20220510.html": past,
        "quality-2022-05-known-20220510T120000+0100.html": noon,
    }


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
