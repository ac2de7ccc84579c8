"""A new definition on a known source, and a new source that counts by quarter, touch what the design says and no more."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from vru.contracts import load_contract
from vru.settings import CHECKOUT, Settings

from tests.warehouse.build_loader import load, own_warehouse, rows, withhold
from tests.warehouse.small_feeds import every_feed
from tests.warehouse.test_build_project_changes import PARTS

pytestmark = pytest.mark.timeout(600)

NEW_SOURCE = Path(__file__).with_name("new_source")
DEFINITIONS = "dbt_project/seeds/definition.csv"
ENTRIES = "dbt_project/models/marts/homicide/mps_homicide_victims.measures.yml"
UNIT_TESTS = "dbt_project/models/marts/homicide/homicide_unit_tests.yml"
SEED_ROW = '{id},1,"{id}, made",Test,What a test counts.,2003-01-01,,Made,{status},\n'
ENTRY = """\
  - definition_id: homicide_shooting
    headline_rank: 1
    rows: method = 'Shooting'
    unknown: method = 'Not known/Not Recorded'
    needs: [method]
"""
UNIT_TEST = """
  - name: shooting_is_the_method
    model: int_measure_count
    overrides:
      vars:
        only_measures: [mps_homicide_victims.homicide_shooting]
    given:
      - input: ref('dim_area')
        rows:
          - {area_key: region-L, area_kind: region, area_code: E12000007}
      - input: ref('int_homicide_victim')
        format: sql
        rows: |
          select date '2020-01-01' as recorded_month, 1 as victim_count, given.method, null::text as borough_name,
                 null::boolean as is_domestic, given.current_for
          from (
              values
              ('Shooting', array['method']), ('Blunt Implement', array['method']), (null, array['method']),
              -- a newer list, in which the method is withheld
              (null, array[''])
          ) as given (method, current_for)
    expect:
      rows:
        - {definition_id: homicide_shooting, area_key: region-L, unit_start: 2020-01-01, value_count: 1, unknown_count: 1}
"""
HEADER = "Quarter,Borough,Kind,Calls\n"
NEW_FILES = {
    "feeds/made_calls.yml",
    "dbt_project/models/staging/ambulance/made_calls.yml",
    "dbt_project/models/staging/ambulance/stg_made_calls.sql",
    "dbt_project/models/marts/ambulance/fct_made_call.sql",
    "dbt_project/models/marts/ambulance/ambulance.yml",
    "dbt_project/models/marts/ambulance/made_calls.measures.yml",
}


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def contents(folder: Path) -> dict[str, bytes]:
    """What stands in the copied parts of a checkout, apart from what dbt writes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in PARTS
        for path in (folder / part).rglob("*")
        if path.is_file() and not {"target", "logs"} & set(path.parts)
    }


def calls(first: date, last: date, vintage_at: str, *lines: str) -> int:
    """Load a delivery of quarters that states these lines; batch_id."""
    content = (HEADER + "".join(f"{line}\n" for line in lines)).encode()
    return load(
        "made_calls", content, vintage_at, file_name=f"calls_{first}.csv", period_start=first, period_end=last
    )  # fmt: skip


@dataclass(frozen=True)
class Copy:
    """The copy of the checkout, and what stood in it before anything was added."""

    folder: Path
    before: dict[str, bytes]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A copy of the checkout with both additions, and marts built from it; its batches have withheld columns."""
    from vru import transform
    from vru.transform import dbt, scaffold
    from vru.warehouse.migrate import migrate

    folder = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        shutil.copytree(CHECKOUT / part, folder / part, ignore=shutil.ignore_patterns("target", "logs"))
    before = contents(folder)
    append(folder / DEFINITIONS, SEED_ROW.format(id="homicide_shooting", status="active"))
    append(folder / ENTRIES, ENTRY)
    append(folder / UNIT_TESTS, UNIT_TEST)
    for name in ("assault_call", "call", "london_call"):
        append(folder / DEFINITIONS, SEED_ROW.format(id=name, status="active"))
    append(folder / DEFINITIONS, SEED_ROW.format(id="knife_crime", status="no source"))
    shutil.copytree(NEW_SOURCE, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Settings, "checkout", folder)
        contract = load_contract("made_calls")
        staging = folder / "dbt_project/models/staging/ambulance"
        staging.mkdir()
        (staging / "stg_made_calls.sql").write_text(scaffold.staging_sql(contract, contract.resources[0]))
        (staging / "made_calls.yml").write_text(scaffold.sources_yaml(contract))
        assert transform.domains() == ("shared", "ambulance", "homicide", "police_uk", "measures")
        with own_warehouse("new_measure"):
            migrate()  # as every command does first: the new feed's tables
            every_feed("2022-07")
            older = calls(
                date(2020, 1, 1), date(2020, 12, 31), "2021-02-10",
                "2020-01,E09000009,Assault,7", "2020-01,E09000005,Assault,1", "2020-01,X,Assault,2", "2020-01,,Fall,4",
                "2020-04,E09000009,,3", "2020-07,E09000009,Assault,5", "2020-10,E09000009,Assault,6",
            )  # fmt: skip
            newer = calls(
                date(2021, 4, 1), date(2021, 12, 31), "2022-02-09",
                "2021-04,E09000009,Assault,1", "2021-07,E09000009,Fall,1", "2021-10,E09000005,Assault,9",
                "2021-10,X,Fall,3",
            )  # fmt: skip
            withhold(older, "borough_code")
            withhold(newer, "call_kind", "all_one_value")
            plan = transform.prepare()
            assert plan is not None
            for domain in transform.domains():
                transform.run_domain(plan.build_id, domain)
            found = dbt.run(["test", "--select", "test_type:unit"], plan.schema)
            assert {run.node for run in found} >= {
                "unit_test.shooting_is_the_method", "unit_test.london_counts_whom_no_borough_counts"
            }  # fmt: skip
            assert [run for run in found if run.status != "pass"] == []
            transform.audit(plan.build_id)
            transform.finish(plan.build_id)
            yield Copy(folder, before)


def measured(definition: str, area: str, columns: str) -> dict[tuple[str, str], Any]:
    """Figures by kind of period and its start."""
    found = rows(
        f"select period_kind, period_start::text, {columns} from marts.mart_measure "
        "where definition_id = %s and area_name = %s",
        (definition, area),
        role="analyst",
    )
    return {(kind, start): values for kind, start, *values in found}


def test_nothing_else_was_touched(checkout: Copy) -> None:
    now = contents(checkout.folder)
    assert set(checkout.before) <= set(now)
    changed = {name for name, text in checkout.before.items() if now[name] != text}
    assert changed == {DEFINITIONS, ENTRIES, UNIT_TESTS}
    for name in changed:
        assert now[name].startswith(checkout.before[name]), "something is added, and nothing that stood is another"
    new = set(now) - set(checkout.before)
    assert new == NEW_FILES


def test_a_new_definition_on_a_known_source_is_counted_where_the_others_are(checkout: Copy) -> None:
    months = measured("homicide_shooting", "London", "value_count, unknown_count, source_feed, count_unit")
    assert {key: value for key, value in months.items() if key[0] == "month"} == {
        ("month", "2021-01-01"): [1, 0, "mps_homicide_victims", "victims"],
        ("month", "2021-02-01"): [0, 0, "mps_homicide_victims", "victims"],
        ("month", "2021-03-01"): [1, 0, "mps_homicide_victims", "victims"],
    }
    assert rows(
        "select definition_id, count(*), sum(value_count) from marts.mart_measure where source_feed <> 'made_calls' "
        "group by 1 order by 1"
    ) == [
        ("homicide", 34 * 5, 5), ("homicide_domestic", 34 * 5, 1), ("homicide_knife", 34 * 5, 1),
        ("homicide_shooting", 34 * 5, 4),
    ]  # fmt: skip


def test_a_source_by_quarter_has_quarters_and_years_and_no_months(checkout: Copy) -> None:
    found = measured("call", "London", "value_count, null_reason_code, expected_unit_count, usable_unit_count")
    assert found == {
        ("quarter", "2020-01-01"): [14, None, 1, 1],
        ("quarter", "2020-04-01"): [3, None, 1, 1],
        ("quarter", "2020-07-01"): [5, None, 1, 1],
        ("quarter", "2020-10-01"): [6, None, 1, 1],
        ("quarter", "2021-01-01"): [None, "no_delivery", 1, 0],
        ("quarter", "2021-04-01"): [1, None, 1, 1],
        ("quarter", "2021-07-01"): [1, None, 1, 1],
        ("quarter", "2021-10-01"): [12, None, 1, 1],
        ("calendar_year", "2020-01-01"): [28, None, 4, 4],
        ("calendar_year", "2021-01-01"): [None, "incomplete_period", 4, 3],
        ("financial_year", "2019-04-01"): [None, "incomplete_period", 4, 1],
        ("financial_year", "2020-04-01"): [None, "incomplete_period", 4, 3],
        ("financial_year", "2021-04-01"): [None, "incomplete_period", 4, 3],
    }
    assert rows("select count(*) from marts.headline_london_month where source_feed = 'made_calls'") == [(0,)]


def test_a_withheld_column_takes_the_figures_that_need_it_and_no_others(checkout: Copy) -> None:
    columns = "value_count, unknown_count, null_reason, withheld_unit_count"
    reason = "call kind column withheld (check all_one_value)"
    london = measured("assault_call", "London", columns)
    assert london["quarter", "2020-01-01"] == [10, 0, None, 0]
    assert london["quarter", "2020-04-01"] == [0, 3, None, 0], "a kind that is not stated is not no assault"
    assert london["quarter", "2021-10-01"] == [None, None, reason, 1]
    assert london["calendar_year", "2020-01-01"] == [21, 3, None, 0]
    ealing = measured("call", "Ealing", columns)
    assert ealing["quarter", "2020-07-01"] == [None, None, "borough column withheld (check borough_shift)", 1]
    assert ealing["calendar_year", "2020-01-01"] == [None, None, "borough column withheld (check borough_shift)", 4]
    assert ealing["quarter", "2021-07-01"] == [1, 0, None, 0]
    assert ealing["quarter", "2021-10-01"] == [0, 0, None, 0], "the source says none"
    assert measured("call", "City of London", columns)["quarter", "2021-10-01"] == [
        None,
        None,
        "its calls go elsewhere",
        0,
    ]


def test_a_quarter_is_provisional_by_the_lag_of_its_source(checkout: Copy) -> None:
    found = measured("call", "London", "is_provisional, count_known_at::date")
    # 40 days before 10 February 2021 is 1 January; before 9 February 2022 it is 31 December
    assert found["quarter", "2020-10-01"] == [False, date(2021, 2, 10)]
    assert found["quarter", "2021-10-01"] == [True, date(2022, 2, 9)]
    assert found["quarter", "2021-07-01"] == [False, date(2022, 2, 9)]


def test_events_that_lie_nowhere_are_told(checkout: Copy) -> None:
    assert measured("call", "London", "unplaced_pct")["quarter", "2021-10-01"] == [0]
    for area in ("Brent", "Ealing"):
        assert measured("call", area, "unplaced_pct")["quarter", "2021-10-01"] == [25]
        assert measured("call", area, "unplaced_pct")["quarter", "2021-07-01"] == [0]


def test_events_that_may_lie_here_are_told_beside_every_figure(checkout: Copy) -> None:
    """Of those without a place nobody can say whether they are London's; those of elsewhere are not."""
    for area, count in (("London", 8), ("Brent", 1), ("Ealing", 7)):
        found = measured("london_call", area, "value_count, unplaced_pct")
        assert found["quarter", "2020-01-01"] == [count, pytest.approx(100 * 4 / 12)]
        assert found["quarter", "2020-07-01"] == [5 if area != "Brent" else 0, 0]
    assert measured("london_call", "London", "unplaced_pct")["quarter", "2021-10-01"] == [0]


def test_an_active_definition_that_nobody_counts_fails_the_build(checkout: Copy) -> None:
    from vru import transform

    seed = checkout.folder / DEFINITIONS
    before = seed.read_text(encoding="utf-8")
    append(seed, SEED_ROW.format(id="forgotten", status="active"))
    assert transform.is_due()
    with pytest.raises(transform.BuildError, match="every_active_definition_is_counted"):
        transform.build()
    assert rows("select count(*) from marts.mart_measure where definition_id in ('forgotten', 'knife_crime')") == [(0,)]
    assert rows("select status from marts.dim_definition where definition_id = 'knife_crime'") == [("no source",)]
    seed.write_text(before, encoding="utf-8")
    assert not transform.is_due()
