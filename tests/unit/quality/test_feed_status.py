"""How a feed stands on a day: from what came, what was asked for and did not come, and the due dates of its contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from vru import clock
from vru.contracts import load_contract
from vru.contracts.values import shared_values
from vru.warehouse import feed_status
from vru.warehouse.engine import raw_connection
from vru.warehouse.feed_status import FeedStatus

from tests.unit.quality.conftest import Warehouse, estimates, month_end
from tests.unit.quality.test_score_parts import month
from tests.unit.quality.walk.files import Change, Delivery
from tests.unit.quality.walk.gate import Gate

if TYPE_CHECKING:
    from vru.warehouse.server.embedded import Server

STREET, POPULATION, AREAS = "police_uk_street", "ons_population", "ons_geography"
NEWEST = date(2022, 7, 1)
DUE = month_end(date(2022, 8, 1)) + timedelta(days=62)
"""When the month after the newest one is due."""
FORCES = {
    "metropolitan": "Metropolitan Police Service",
    "city-of-london": "City of London Police",
    "btp": "British Transport Police",
}


@pytest.fixture
def gate(migrated: Server) -> Iterator[Gate]:
    """Two months of three forces, each on time; what came is gone afterwards."""
    found = Gate()
    mark = found.mark()
    try:
        admit(found, *(of_force(force, date(2022, number, 1)) for number in (6, 7) for force in FORCES))
        found.query("update ops.attempt set asked_on = '2022-09-20'")
        yield found
    finally:
        found.forget(mark)
        found.close()


def of_force(force: str, first: date, *changes: Change, **options: Any) -> Delivery:
    said = {"set": {"Reported by": FORCES[force], "Falls within": FORCES[force]}}
    return month(first, said, *changes, force=force, **options)


def admit(gate: Gate, *deliveries: Delivery) -> None:
    for each in deliveries:
        assert gate.stand(gate.admitted(each)).status == "admitted"


def asked(gate: Gate, outcome: str, reason: str, *, feed: str = STREET, day: date = DUE, url: str = "latest") -> None:
    gate.query(
        "insert into ops.attempt (feed, resource, source_url, asked_on, started_at, finished_at, outcome, reason) "
        "values (%s, '', %s, %s, now(), now(), %s, %s)", feed, url, day, outcome, reason,
    )  # fmt: skip


def status(today: date, feed: str = STREET) -> FeedStatus:
    return next(each for each in feed_status.read_now(today) if each.feed == feed)


def test_a_feed_falls_with_the_day_while_nothing_comes(gate: Gate) -> None:
    cadence = load_contract(STREET).cadence_days
    on_time, late, silent = (status(DUE + timedelta(days=days)) for days in (0, 10, cadence))
    assert (on_time.standing, on_time.due_on, on_time.score, on_time.data_up_to) == (
        "on time",
        DUE,
        100,
        month_end(NEWEST),
    )
    assert (late.standing, late.days_late, late.owed_count) == ("late", 10, 3)
    assert late.timeliness == pytest.approx(100 * (1 - 10 / cadence), abs=0.01)
    assert late.completeness == 0, "every force owes the month"
    assert (silent.standing, silent.timeliness, silent.lowest_part) == ("silent", 0, "timeliness")
    assert on_time.score > late.score > silent.score == 35
    assert feed_status.read_now(DUE + timedelta(days=cadence))[0].feed == STREET, "who is silent comes first"


def test_of_three_forces_one_is_missing_and_two_are_full(gate: Gate) -> None:
    admit(gate, *(of_force(force, date(2022, 8, 1)) for force in ("metropolitan", "city-of-london")))
    found = status(DUE + timedelta(days=5))
    assert (found.standing, found.days_late, found.late_partitions, found.owed_count) == ("late", 5, ["btp"], 1)
    assert found.completeness == pytest.approx(66.67)
    assert found.validity == 100
    assert found.words == "btp 5 days late, due on 1 November 2022"
    scores = gate.query(
        "select partition, completeness from ops.quality_score(null, null) where period_start = '2022-08-01' order by 1"
    )
    assert {row["partition"]: row["completeness"] for row in scores} == {
        "city-of-london": 100,
        "metropolitan": 100,
        "btp": 0,
    }


def owed(gate: Gate, day: date) -> list[tuple[str, date]]:
    rows = gate.query(
        "select partition, period_start from ops.owed(null, null, %s) where feed = %s order by period_start, partition",
        day, STREET,
    )  # fmt: skip
    return [(row["partition"], row["period_start"]) for row in rows]


def test_what_one_force_has_of_a_month_hides_no_other(gate: Gate) -> None:
    """As after a backfill that brought a month of one force alone, before the first one of the others."""
    assert owed(gate, DUE) == []
    admit(gate, of_force("metropolitan", date(2022, 4, 1)))
    lacking = [(force, date(2022, 4, 1)) for force in ("btp", "city-of-london")]
    lacking += [(force, date(2022, 5, 1)) for force in ("btp", "city-of-london", "metropolitan")]
    assert owed(gate, DUE) == lacking
    assert status(DUE).owed_count == 5


def test_a_force_that_never_came_is_owed_where_the_contract_expects_it(gate: Gate) -> None:
    expected = gate.query("select expected_partitions from ops.resource where feed = %s", STREET)
    assert sorted(expected[0]["expected_partitions"]) == sorted(FORCES), "as the contract says"
    change = "update ops.resource set expected_partitions = %s where feed = %s"
    gate.query(change, [*FORCES, "kent"], STREET)
    try:
        assert owed(gate, DUE) == [("kent", date(2022, 6, 1)), ("kent", date(2022, 7, 1))]
    finally:
        gate.query(change, list(FORCES), STREET)


def test_what_is_held_is_said_and_does_not_count(gate: Gate) -> None:
    held = gate.audited(month(date(2022, 8, 1), {"records": [3, 200], "set": {"Crime type": "Piracy"}}))
    assert gate.stand(held).status == "held"
    before, after = status(DUE), status(DUE + timedelta(days=1))
    assert before.standing == "held"
    assert before.reason
    assert before.data_up_to == month_end(NEWEST)
    assert (after.standing, after.reason) == ("late", before.reason)


def test_a_download_that_is_refused_is_said_until_it_succeeds(gate: Gate) -> None:
    asked(gate, "refused", "html_page: a web page", day=DUE - timedelta(days=2))
    refused = status(DUE)
    assert (refused.standing, refused.outcome) == ("refused", "refused")
    assert refused.words == "newest download refused: html_page: a web page"
    assert gate.query("select outcome, reason from ops.unanswered(null, null, %s)", DUE) == [
        {"outcome": "refused", "reason": "html_page: a web page"}
    ]
    assert status(DUE + timedelta(days=3)).words.endswith("1 November 2022 (html_page: a web page)")
    asked(gate, "not_modified", "")
    assert status(DUE).standing == "on time"
    assert status(DUE, POPULATION).standing == "nothing yet"


def test_how_often_was_asked_changes_nothing(gate: Gate) -> None:
    before = status(DUE)
    for _ in range(3):
        asked(gate, "failed", "timeout: nobody answered")
        asked(gate, "new", "")
    assert status(DUE).score == before.score
    assert status(DUE).standing == "on time"


def test_a_feed_that_never_came_is_not_good(gate: Gate) -> None:
    never = status(DUE, POPULATION)
    assert (never.standing, never.score, never.words) == ("nothing yet", None, "nothing has come yet")
    asked(gate, "failed", "http_503: busy", feed=POPULATION)
    never = status(DUE, POPULATION)
    assert (never.standing, never.score, never.timeliness, never.completeness) == ("nothing yet", 0, 0, 0)
    assert never.words == "asked for, and nothing has come yet (http_503: busy)"


def test_a_list_without_a_period_is_due_by_its_issue(warehouse: Warehouse) -> None:
    from vru import quality

    contract = load_contract(POPULATION)
    issued = date(2024, 1, 15)
    batch = warehouse.population(estimates(), vintage=issued.isoformat())
    quality.audit(batch, today=issued)
    assert quality.admit(batch)
    due = issued + timedelta(days=contract.cadence_days + contract.due_lag_days)
    on_time, late = (status(due + timedelta(days=days), POPULATION) for days in (0, 73))
    assert (on_time.standing, on_time.due_on, on_time.timeliness) == ("on time", due, 100)
    assert (late.standing, late.days_late, late.timeliness) == ("late", 73, pytest.approx(80, abs=0.01))


def test_a_list_of_areas_is_final_and_nothing_more_is_due(warehouse: Warehouse) -> None:
    from vru import quality

    assert load_contract(AREAS).cadence_days == "never"
    codes = {code: name for name, code in shared_values("borough").codes.items() if code.startswith("E09")}
    boroughs = [{"borough_code": code, "borough_name": name} for code, name in sorted(codes.items())]
    batch = warehouse.parsed(AREAS, "borough", boroughs, vintage="2014-06-01")
    quality.audit(batch, today=date(2014, 6, 1))
    assert quality.admit(batch)
    found = status(date(2040, 1, 1), AREAS)
    assert (found.standing, found.due_on, found.days_late, found.timeliness) == ("on time", None, 0, None)


def test_what_one_download_brings_of_the_past_is_no_late_delivery(gate: Gate) -> None:
    """Three months at once with nothing that was known: a history. With a known month beside them: they came late."""

    def timeliness() -> list[Any]:
        return [r["timeliness"] for r in gate.query(
            "select timeliness from ops.quality_score(null, null) where period_start between '2023-01-01' and '2023-03-01' "
            "and partition = 'btp' order by period_start"
        )]  # fmt: skip

    force, archive = "btp", "update ops.delivery set source_url = 'archive' where vintage_at > '2024-01-01'"
    for number in (1, 2, 3):
        first = date(2023, number, 1)
        admit(gate, of_force(force, first, days=(date(2024, 2, 1) - month_end(first)).days))
    gate.query(archive)
    assert timeliness() == [None] * 3
    restated = {"records": 1, "set": {"Last outcome category": "Local resolution"}}
    admit(gate, of_force(force, NEWEST, restated, days=(date(2024, 2, 1) - month_end(NEWEST)).days))
    gate.query(archive)
    assert timeliness() == [0] * 3


def test_the_analyst_sees_the_same_by_the_platform_s_clock(gate: Gate) -> None:
    today = DUE + timedelta(days=100)
    gate.query("delete from ops.clock")
    gate.query("insert into ops.clock (today) values (%s)", today)
    try:
        with raw_connection("analyst") as connection, connection.cursor() as cursor:
            cursor.execute("select feed, standing, days_late, score::float from ops.v_feed_status limit 1")
            assert cursor.fetchall() == [(STREET, "silent", 100, 35)]
            cursor.execute("select standing from ops.feed_status(null, null, %s) where feed = %s", (DUE, STREET))
            assert cursor.fetchall() == [("on time",)]
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("select * from ops.attempt")
    finally:
        clock.note("live")
    assert gate.query("select ops.today() = (now() at time zone 'Europe/London')::date as is_wall") == [
        {"is_wall": True}
    ]
