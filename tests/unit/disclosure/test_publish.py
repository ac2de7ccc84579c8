"""The publisher on a real warehouse with made-up data: what leaves, what is kept of it, and what a restricted feed shows."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql
from vru.contracts import Contract, load_contracts
from vru.disclosure.publish import Published, publish
from vru.disclosure.specification import Specification, load_specifications
from vru.landing import Landing, LandingError
from vru.reporting import write_report
from vru.warehouse import decisions
from vru.warehouse.engine import raw_connection
from vru.warehouse.server.embedded import Server

from tests.unit.reporting import made


@pytest.fixture
def landing(cluster: Server, vru_home: Path) -> Iterator[Landing]:
    made.clear_published()
    yield Landing(vru_home / "landing")
    made.clear_published()


def query(text: str, role: str = "publisher", values: Any = None) -> list[tuple[Any, ...]]:
    with raw_connection(role) as connection, connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description else []


def restricted() -> dict[str, Contract]:
    """The contracts, with that of the made world made restricted; the ledger says so too."""
    query("update ops.feed set personal_data = true where feed = %s", "migrator", (made.FEED,))
    contracts = load_contracts()
    return contracts | {made.FEED: contracts[made.FEED].model_copy(update={"personal_data": True})}


def page(folder: Path) -> str:
    path = write_report("quality", month=date(2022, 5, 1), out_dir=folder, today=date(2022, 5, 20), profile="files")
    return path.read_text(encoding="utf-8")


def everything(role: str, schema: str, pattern: str) -> str:
    """Every row that a role can read in the relations of a schema, as text."""
    names = query(
        "select relname::text from pg_class where relnamespace = %s::regnamespace and relkind in ('r', 'v') "
        "and relname like %s", "migrator", (schema, pattern),
    )  # fmt: skip
    assert names
    found = []
    for (name,) in names:
        with raw_connection(role) as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("select t::text from {} t").format(sql.Identifier(schema, name)))
            found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def files() -> list[tuple[str, str, int]]:
    return query("select sha256, file_name, rows_parsed from ops.batch where feed = %s", "loader", (made.FEED,))


# Loaded by hand


def test_bytes_loaded_by_hand_exempt_nothing_until_a_person_vouches_for_them(landing: Landing, tmp_path: Path) -> None:
    world = made.make(landing, confirmed=False)
    done = publish(landing=landing, contracts=load_contracts())
    assert done.exempt_cells == 0
    assert done.fell_short == []
    assert query("select distinct is_open from publish.provenance") == [(False,)]
    assert "Some counts are rounded or hidden" in page(tmp_path)
    with raw_connection("loader") as connection:
        for batch in world["batches"]:
            decisions.confirm(connection, batch, made.URL, "compared with the site", "Ada")
    done = publish(landing=landing, contracts=load_contracts())
    assert (done.protected_cells, done.hidden_cells) == (0, 0)
    assert query("select distinct confirmed_by, url, reason from ops.confirmation") == [
        ("Ada", made.URL, "compared with the site")
    ]


def test_bytes_from_the_publishers_address_need_nobodys_word(landing: Landing) -> None:
    made.make(landing, confirmed=False)
    query("update ops.delivery set source_url = 'sandbox://data.london.gov.uk/' || file_name", "migrator")
    assert publish(landing=landing, contracts=load_contracts()).protected_cells == 0


@pytest.mark.parametrize("url", ["http://data.london.gov.uk/x", "file:x.csv", "https:///x", ""])
def test_a_confirmation_names_where_anyone_finds_the_bytes(url: str, landing: Landing) -> None:
    world = made.make(landing, confirmed=False)
    with raw_connection("loader") as connection, pytest.raises(decisions.DecisionError, match="--url"):
        decisions.confirm(connection, world["batches"][0], url, "so it is", "Ada")


def test_personal_data_cannot_be_confirmed(landing: Landing) -> None:
    world = made.make(landing, confirmed=False)
    restricted()
    with raw_connection("loader") as connection, pytest.raises(decisions.DecisionError, match="personal data"):
        decisions.confirm(connection, world["batches"][0], made.URL, "so it is", "Ada")
    with raw_connection("loader") as connection, pytest.raises(decisions.DecisionError, match="--reason"):
        decisions.confirm(connection, world["batches"][0], made.URL, " ", "Ada")


# Counted again once


def test_a_batch_is_counted_again_once_and_never_under_another_policy_or_contract(
    landing: Landing, vru_home: Path
) -> None:
    made.make(landing)
    first = publish(landing=landing, contracts=load_contracts())
    assert query("select count(*) from ops.recount") == [(2,)], "the two batches that the build read"
    shutil.rmtree(vru_home / "landing")
    again = publish(landing=landing, contracts=load_contracts())
    assert (again.content_sha256, again.is_new) == (first.content_sha256, False)
    contracts = load_contracts()
    newer = contracts[made.FEED].model_copy(update={"contract_version": 99})
    with pytest.raises(LandingError):
        publish(landing=landing, contracts=contracts | {made.FEED: newer})


# A restricted feed


def test_of_a_restricted_feed_no_hash_name_or_count_leaves(landing: Landing, tmp_path: Path) -> None:
    world = made.make(landing)
    query("update ops.batch set status = 'held', admitted_at = null, reason = 'too_few: 3 of 117 rows are wrong' "
          "where batch_id = %s", "migrator", (world["batches"][2],))  # fmt: skip
    open_ = everything("report_reader", "publish", "%") + page_after(landing, load_contracts(), tmp_path / "open")
    assert all(sha[:12] in open_ and name in open_ for sha, name, _ in files()[:2]), "the attack wins on an open feed"
    assert "3 of 117" in open_
    made.clear_published()
    contracts = restricted()
    text = page_after(landing, contracts, tmp_path / "restricted") + everything("report_reader", "publish", "%")
    for sha256, name, _ in files():
        assert sha256[:12] not in text
        assert name not in text
    assert "3 of 117" not in text
    assert "too_few" in text
    ids = query("select distinct release_id from publish.provenance", "report_reader")
    assert {i for (i,) in ids} <= {str(i) for (i,) in query("select public_id from ops.batch", "loader")}


def page_after(landing: Landing, contracts: dict[str, Contract], folder: Path) -> str:
    publish(landing=landing, contracts=contracts)
    return page(folder) + everything("report_reader", "publish", "%")


def test_of_a_restricted_feed_the_analyst_sees_no_file_and_no_count(landing: Landing) -> None:
    made.make(landing)
    query("update ops.batch set reason = 'too_few: 3 of 117 rows are wrong' where feed = %s", "migrator", (made.FEED,))
    query("insert into ops.check_result (batch_id, suite, check_id, check_type, severity, reason, is_success, "
          "element_count, unexpected_count) select batch_id, 's', 'c', 't', 'warning', 'r', false, 987654321, 876543210 "
          "from ops.batch where feed = %s", "migrator", (made.FEED,))  # fmt: skip
    query("insert into ops.attempt (feed, resource, source_url, started_at, finished_at, outcome, sha256, size_bytes, "
          "reason) select feed, resource, source_url, now(), now(), 'refused', sha256, size_bytes, "
          "'rows: 3 of 117 rows are wrong' from ops.stated where feed = %s", "migrator", (made.FEED,))  # fmt: skip
    shown = everything("analyst", "ops", "v\\_%")
    assert all(sha in shown and name in shown for sha, name, _ in files())
    assert "987654321" in shown and "3 of 117" in shown
    sizes = query("select size_bytes from ops.stated where feed = %s", "loader", (made.FEED,))
    restricted()
    shown = everything("analyst", "ops", "v\\_%")
    assert made.FEED in shown
    for sha, name, _ in files():
        assert sha not in shown and name not in shown
    for (size,) in sizes:
        assert f",{size}," not in shown
    for count in ("987654321", "876543210", "3 of 117", f",{sum(n for _, _, n in files())},"):
        assert count not in shown
    assert query("select distinct rows_parsed, rows_admitted, rows_quarantined, sha256, file_name from ops.v_batch "
                 "where feed = %s", "analyst", (made.FEED,)) == [(None, None, None, None, None)]  # fmt: skip
    assert query("select line_number, reason from ops.v_quarantine where feed = %s", "analyst", (made.FEED,)) == [
        (None, "month")
    ]


# What was released before


def set_count(name: str, count: int) -> None:
    """Give an area of the restricted mart this many events in every year of the window, one in the last alone."""
    query("update marts.mart_measure set value_count = case extract(year from period_start) when 2020 then %s else 0 end "
          "where area_name = %s and period_kind = 'calendar_year' and period_start < '2021-01-01'",
          "migrator", (count, name))  # fmt: skip


def shown_of(table: str = "homicide_borough_period") -> dict[str, int | str | None]:
    return {
        name: marker or value
        for name, value, marker in query(f"select area_name, value_count, marker from publish.{table}")
    }


def test_a_restated_area_that_alone_changes_does_not_change_its_mark(landing: Landing) -> None:
    made.make(landing)
    contracts = restricted()
    set_count("Brent", 7)
    publish(landing=landing, contracts=contracts)
    before = shown_of()
    assert before["Brent"] == "c"
    set_count("Brent", 8)
    publish(landing=landing, contracts=contracts)
    assert shown_of() == before, "shown as 10 it would tell that it had been 7"


def test_an_edition_as_known_before_is_an_earlier_release(landing: Landing) -> None:
    made.make(landing)
    made.make(landing, schema="asof_20210510")
    contracts = restricted()
    query("update asof_20210510.mart_measure set value_count = 0 where area_name = 'Brent'", "migrator")
    query("update asof_20210510.mart_measure set value_count = 7 where area_name = 'Brent' "
          "and period_start = '2018-01-01'", "migrator")  # fmt: skip
    made_marts_again(landing)
    contracts = restricted()
    publish(landing=landing, contracts=contracts, schema="asof_20210510")
    assert shown_of("homicide_borough_period__asof_20210510")["Brent"] == "c"
    set_count("Brent", 8)
    publish(landing=landing, contracts=contracts)
    assert shown_of()["Brent"] == "c"


def made_marts_again(landing: Landing) -> None:
    """The ledger was emptied for the second world; the marts in use belong to the first: both hold the same figures."""
    query("truncate marts.build_input", "migrator")
    query("insert into marts.build_input select * from asof_20210510.build_input", "migrator")


def test_every_released_row_is_kept_whole(landing: Landing) -> None:
    made.make(landing)
    done = publish(landing=landing, contracts=load_contracts(), author="Ada")
    kept = dict(query("select table_name, count(*) from ops.release_cell group by 1"))
    counts = {name: n for name, n in done.row_counts.items() if n and name != "borough_boundary"}
    assert kept == counts
    assert query("select author from publish.release", "report_reader") == [("Ada",)]
    shown = query("select shown ->> 'value_count' from ops.release_cell where table_name = 'homicide_borough_period' "
                  "and shown ->> 'area_name' = 'Brent'")  # fmt: skip
    assert shown == [("3",)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query("select exact_count from ops.release_cell", "loader")


def test_an_author_may_not_approve_a_release(landing: Landing) -> None:
    made.make(landing)
    publish(landing=landing, contracts=load_contracts(), author="Ada")
    statement = "insert into ops.release_approval (release_id, author, approved_by) values (1, %s, %s)"
    for author, approver in (("Ada", "Ada"), ("Eve", "Ada")):
        with pytest.raises(psycopg2.errors.IntegrityError):
            query(statement, "migrator", (author, approver))
    query(statement, "migrator", ("Ada", "Grace"))


def test_a_refused_release_is_held_and_logged(landing: Landing) -> None:
    """Shown as 10 before; one record less would be 7 to whoever took it back."""
    made.make(landing)
    contracts = restricted()
    set_count("Brent", 8)
    publish(landing=landing, contracts=contracts)
    set_count("Brent", 7)
    done = publish(landing=landing, contracts=contracts)
    assert done.withheld["homicide_borough_period"].kind == "refused"
    assert query("select distinct kind from ops.release_refusal") == [("refused",)]
    assert set(shown_of().values()) <= {"c", None}
    assert done.fell_short == [], "no partner's data fell short"


# A new table


CROSS = {
    "table": "knife_borough_year", "comment": "One row is a borough and a year, or a sum of them.", "shape": "cross",
    "measures": ["homicide_knife"], "area_kind": "borough", "period_kind": "calendar_year", "window": 2,
    "unit": "boroughs",
}  # fmt: skip


def test_a_new_table_is_one_specification(landing: Landing) -> None:
    """Borough by year with its margins, of a definition that nothing published before: no other file changes."""
    made.make(landing)
    query("insert into marts.mart_measure (definition_id, source_feed, is_headline, area_kind, area_code, area_name, "
          "period_kind, period_start, period_end, value_count, is_provisional) "
          "select 'homicide_knife', source_feed, true, area_kind, area_code, area_name, period_kind, period_start, "
          "period_end, 0, false from marts.mart_measure where area_kind = 'borough' and value_count is not null",
          "migrator")  # fmt: skip
    specs = load_specifications() | {"knife_borough_year": Specification.model_validate(CROSS)}
    done: Published = publish(landing=landing, contracts=load_contracts(), specifications=specs)
    assert done.withheld == {}
    assert done.row_counts["knife_borough_year"] == 3 * 2 + 2 + 3 + 1
    found = Counter(query("select margin, value_count, is_exempt from publish.knife_borough_year", "report_reader"))
    assert found == {("", 0, True): 6, ("area", 0, True): 2, ("period", 0, True): 3, ("all", 0, True): 1}
    query("drop table publish.knife_borough_year")
