"""What a build does to what stands: differences only, withdrawals, killed builds, failed audits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.warehouse.build_loader import execute, rows, withdraw
from tests.warehouse.build_process import BuildProcess
from tests.warehouse.small_feeds import built_warehouse, months, street

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def warehouse() -> Iterator[None]:
    """Both schemas of marts built from every feed and three months of street records; the tests share it."""
    from vru import transform

    with built_warehouse():
        street("2022-09", 5)
        assert transform.build() is not None
        yield


@pytest.fixture
def built(warehouse: None) -> None:
    """Nothing is left to do: what a test before this one left is built."""
    from vru import transform

    transform.build()


def test_measures_of_a_short_list(built: None) -> None:
    found = rows(
        "select area_name, to_char(period_start, 'YYYY-MM'), value_count, null_reason, population_year, rate_per_100k, "
        "is_provisional from marts.mart_measure where definition_id = 'homicide' and period_kind = 'month' "
        "and area_name in ('London', 'Ealing', 'Brent', 'City of London') order by area_name, period_start"
    )
    assert found == [
        ("Brent", "2021-01", 0, None, None, None, False),
        ("Brent", "2021-02", 0, None, None, None, False),
        ("Brent", "2021-03", 1, None, None, None, False),
        ("City of London", "2021-01", None, "not covered by this source", None, None, False),
        ("City of London", "2021-02", None, "not covered by this source", None, None, False),
        ("City of London", "2021-03", None, "not covered by this source", None, None, False),
        ("Ealing", "2021-01", 1, None, 2020, 1.0, False),
        ("Ealing", "2021-02", 0, None, 2020, 0.0, False),
        ("Ealing", "2021-03", 0, None, 2020, 0.0, False),
        ("London", "2021-01", 2, None, 2020, 0.2, False),
        ("London", "2021-02", 0, None, 2020, 0.0, False),
        ("London", "2021-03", 1, None, 2020, 0.1, False),
    ]


def test_only_what_differs_is_written(built: None) -> None:
    from vru import transform

    before = dict(rows("select ctid::text, month from marts.fct_street_crime"))
    assert months() == {"2022-07": 3, "2022-08": 4, "2022-09": 5}
    assert before
    street("2022-10", 6)
    street("2022-07", 2, "2023-07-01")  # restated
    result = transform.build()
    assert result is not None
    assert not result.is_full
    written = dict(
        rows("select node, row_count from ops.model_run where build_id = %s and node like %s",
             (result.build_id, "model.fct_s%"))
    )  # fmt: skip
    # the schema built in had missed the build before as well
    assert written["model.fct_street_crime"] in (8, 8 + 5)
    assert written["model.fct_stop_search"] == 0
    assert months() == {"2022-07": 2, "2022-08": 4, "2022-09": 5, "2022-10": 6}


def test_the_same_content_stated_again_writes_no_fact(built: None) -> None:
    from vru import transform

    execute(
        "loader",
        "insert into ops.delivery (content_id, vintage_at, vintage_source, source_url, file_name, size_bytes) "
        "select content_id, vintage_at + interval '30 days', 'manifest', source_url, file_name, size_bytes "
        "from ops.stated "
        "where feed = 'mps_homicide_victims'",
    )
    assert transform.is_due()
    result = transform.build()
    assert result is not None
    assert rows("select distinct known_at::date from marts.fct_homicide_victim") == [(date(2021, 7, 31),)]


def test_a_withdrawn_month_empties_in_both_schemas(built: None) -> None:
    from vru import transform

    assert months()["2022-08"] == months("marts_build")["2022-08"] == 4
    ((batch,),) = rows("select distinct batch_id from marts.fct_street_crime where month = date '2022-08-01'")
    withdraw(batch)
    assert transform.is_due()
    transform.build()
    assert "2022-08" not in months()
    assert months("marts_build")["2022-08"] == 4
    street("2023-02", 2)
    transform.build()
    assert "2022-08" not in months()
    assert "2022-08" not in months("marts_build")
    assert months()["2023-02"] == 2


@pytest.mark.deep
def test_a_build_killed_in_its_midst_is_caught_up_by_the_next(built: None, tmp_path: Path) -> None:
    from vru import transform

    street("2023-04", 3)
    before = transform.mart_hash()
    BuildProcess(tmp_path / "build.log", domains=2).die()
    ((build_id,),) = rows("select build_id from ops.build where status = 'running'")
    assert transform.mart_hash() == before
    # what it had begun with stands in the schema's own input set, but not in its tables
    assert rows("select count(*) from marts_build.build_input where unit_start = date '2023-04-01'") == [(1,)]
    assert "2023-04" not in months("marts_build")
    street("2023-05", 4)
    execute("transformer", "update ops.lease set heartbeat_at = heartbeat_at - interval '61 seconds'")
    result = transform.build()
    assert result is not None
    assert not result.is_full
    assert months()["2023-04"] == 3
    assert months()["2023-05"] == 4
    assert rows("select status from ops.build where build_id = %s", (build_id,)) == [("failed",)]
    with pytest.raises(transform.BuildError, match="later build"):
        transform.run_domain(build_id, "shared")


def test_a_first_build_that_was_killed_starts_anew(built: None) -> None:
    from vru import transform

    execute("transformer", "update marts_build.build_state set is_usable = false")
    street("2023-06", 2)
    result = transform.build()
    assert result is not None
    assert result.is_full
    assert months()["2023-06"] == 2


@pytest.mark.deep
def test_a_failed_audit_leaves_the_marts_and_is_caught_up_by_the_next_build(built: None) -> None:
    from vru import transform

    unlucky = street("2023-07", 2)
    before = transform.mart_hash()
    info = rows("select * from marts.build_info")
    plan = transform.prepare()
    assert plan is not None
    for domain in transform.domains():
        transform.run_domain(plan.build_id, domain)
    with pytest.raises(transform.BuildError, match="audit"):
        transform.finish(plan.build_id)  # nobody has looked at it yet
    execute("transformer", "drop table marts_build.mart_measure cascade")
    with pytest.raises(transform.BuildError, match="implausible"):
        transform.audit(plan.build_id)
    with pytest.raises(transform.BuildError, match="audit"):
        transform.finish(plan.build_id)
    transform.fail(plan.build_id, "the audit failed")
    assert transform.mart_hash() == before
    assert rows("select * from marts.build_info") == info
    assert rows("select count(*) from ops.lease") == [(0,)]
    # all its models had been written, and of those the next build must know
    withdraw(unlucky)
    street("2023-08", 3)
    result = transform.build()
    assert result is not None
    assert result.build_id > plan.build_id
    assert not result.is_full
    assert "2023-07" not in months()
    assert months()["2023-08"] == 3
    assert rows("select count(*) > 0 from marts.mart_measure") == [(True,)]


def test_a_model_that_fails_stops_the_build_which_goes_on_once_it_is_mended(built: None) -> None:
    from vru import transform

    street("2023-09", 1)
    before = transform.mart_hash()
    plan = transform.prepare()
    assert plan is not None
    execute("transformer", "alter table marts_build.build_change rename to mislaid")
    for domain in ("shared", "homicide"):
        transform.run_domain(plan.build_id, domain)
    with pytest.raises(transform.BuildError, match=r"model\.fct_street_crime"):
        transform.run_domain(plan.build_id, "police_uk")
    transform.fail(plan.build_id, "a model failed")
    assert transform.mart_hash() == before
    failed = rows("select status, message from ops.model_run where build_id = %s and node = 'model.fct_street_crime'",
                  (plan.build_id,))  # fmt: skip
    assert failed[0][0] == "error"
    assert failed[0][1]
    assert rows("select count(*) from ops.lease") == [(0,)]
    # a person mends it, and lets the failed task and those after it run again
    execute("transformer", "alter table marts_build.mislaid rename to build_change")
    for domain in ("police_uk", "measures"):
        transform.run_domain(plan.build_id, domain)
    transform.audit(plan.build_id)
    assert transform.finish(plan.build_id).schema == "marts"
    assert months()["2023-09"] == 1


def test_a_changed_lookup_writes_every_unit_again(built: None) -> None:
    from vru import transform

    assert rows("select distinct lsoa_vintage from marts.fct_street_crime") == [("both",)]
    ((batch,),) = rows("select batch_id from ops.batch where feed = 'ons_geography' and partition = '2021'")
    withdraw(batch)
    result = transform.build()
    assert result is not None
    assert result.is_full
    assert rows("select distinct lsoa_vintage, is_in_london from marts.fct_street_crime") == [("2011", True)]
