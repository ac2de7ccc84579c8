"""R12: what one open release shows anyone may be shown exactly, and nothing else may."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from vru.contracts import load_contract
from vru.disclosure import homicide
from vru.disclosure.exemption import Evidence, Release, count_of, recount
from vru.disclosure.policy import load_policy
from vru.landing import Landing

from tests.real_data import REAL, needs_real_data

POLICY = load_policy()
HOW = POLICY.recounts["homicide"]
YEARS = range(2016, 2021)
MONTHS = [date(year, month, 1) for year in YEARS for month in range(1, 13)]


def release(batch_id: int, **changes: object) -> Release:
    stated: dict[str, object] = {
        "batch_id": batch_id,
        "feed": HOW.feed,
        "resource": HOW.resource,
        "sha256": f"{batch_id:064x}",
        "file_name": f"victims-{batch_id}.csv",
        "url": "https://data.example/victims",
        "vintage_at": datetime(2021, 5, 5, tzinfo=UTC),
        "licence": "OGL v2.0",
        "personal_data": False,
    }
    return Release(**(stated | changes))  # type: ignore[arg-type]


def evidence(
    per_month: int = 1, *, from_second: tuple[date, ...] = (), second: int | None = None, **changes: object
) -> Evidence:
    """A source whose two releases have one borough; months in ``from_second`` were read from the second."""
    counted = {(month, "Brent"): per_month for month in MONTHS}
    later = dict.fromkeys(counted, per_month if second is None else second)
    return Evidence(
        HOW,
        POLICY,
        {
            (month, column): frozenset({2 if month in from_second else 1})
            for month in MONTHS
            for column in ("", "borough_name")
        },
        {1: counted, 2: later},
        {1: release(1, **changes), 2: release(2, **changes)},
    )


def boroughs(counts: list[int]) -> list[homicide.BoroughYear]:
    return [
        homicide.BoroughYear("E09000005", "Brent", year, count, 330_000, "mye")
        for year, count in zip(YEARS, counts, strict=True)
    ]


def test_a_count_that_one_open_release_shows_is_exempt() -> None:
    assert evidence().is_exempt(60, MONTHS, "Brent")
    assert evidence().is_exempt(1, MONTHS[:1])


@pytest.mark.parametrize("count", [59, 61, None])
def test_a_count_that_is_off_by_one_is_not(count: int | None) -> None:
    assert not evidence().is_exempt(count, MONTHS, "Brent")


@pytest.mark.parametrize("changes", [{"licence": "by agreement"}, {"personal_data": True}])
def test_what_is_not_open_exempts_nothing(changes: dict[str, object]) -> None:
    assert not evidence(**changes).is_exempt(60, MONTHS, "Brent")


def test_a_figure_from_two_releases_is_not_exempt_even_where_they_agree() -> None:
    assert not evidence(from_second=(MONTHS[-1],)).is_exempt(60, MONTHS, "Brent")


def test_a_period_that_the_build_did_not_read_is_not_exempt() -> None:
    assert not evidence().is_exempt(0, [date(2030, 1, 1)], "Brent")


def test_five_years_from_one_release_are_exact() -> None:
    rows, total = homicide.borough_period(boroughs([12] * 5), evidence())
    assert rows[0]["value_count"] == 60
    assert rows[0]["is_exempt"]
    assert rows[0]["rate_per_100k"] == pytest.approx(60 / (5 * 330_000) * 100_000)
    assert total is not None
    assert total["value_count"] == 60


def test_five_years_from_two_releases_are_rounded_and_their_rate_rests_on_the_rounded_count() -> None:
    rows, _ = homicide.borough_period(boroughs([12] * 4 + [14]), evidence(from_second=tuple(MONTHS[-12:])))
    assert rows[0]["value_count"] == 60, "62 rounded"
    assert not rows[0]["is_exempt"]
    assert rows[0]["rate_per_100k"] == pytest.approx(60 / (5 * 330_000) * 100_000)


def test_a_small_figure_from_two_releases_leaves_no_number_anywhere() -> None:
    counts = [1, 1, 1, 1, 1]
    many = [
        homicide.BoroughYear(f"E{i:08}", f"Borough {i}", year, 8 + i, 300_000, "mye")
        for i in range(31)
        for year in YEARS
    ]
    rows, total = homicide.borough_period(boroughs(counts) + many, evidence(from_second=(MONTHS[-1],)))
    brent = next(row for row in rows if row["area_name"] == "Brent")
    assert brent["is_suppressed"]
    assert brent["marker"] == "c"
    assert [brent[key] for key in ("value_count", "rate_per_100k", "rate_low", "rate_high")] == [None] * 4
    assert total is not None
    assert total["hidden_parts"] == 1
    assert total["is_partial"]


def test_rates_never_mix_two_population_series() -> None:
    years = [
        homicide.BoroughYear("E09000005", "Brent", year, 12, 330_000, "old" if year < 2018 else "rebased")
        for year in YEARS
    ]
    rows, _ = homicide.borough_period(years, evidence())
    assert rows[0]["value_count"] == 60
    assert rows[0]["rate_per_100k"] is None
    assert rows[0]["rate_null_reason"]


def test_the_window_ends_with_the_last_year_that_is_sound_for_every_covered_borough() -> None:
    years = [
        homicide.BoroughYear("E09000005", "Brent", year, 2 if year < 2021 else None, 330_000, "mye", "withheld")
        for year in range(2014, 2023)
    ]
    city = [
        homicide.BoroughYear("E09000001", "City of London", year, None, 9_000, "mye", homicide.CITY_NOTE)
        for year in range(2014, 2023)
    ]
    rows, _ = homicide.borough_period(years + city, evidence())
    assert {(row["period_start"].year, row["period_end"].year) for row in rows} == {(2016, 2020)}
    assert next(r for r in rows if r["area_name"] == "City of London")["null_reason"] == homicide.CITY_NOTE


def test_chart_limits_leave_only_where_every_month_is_exempt() -> None:
    series = [homicide.Month(month, 9 + i % 3) for i, month in enumerate(MONTHS)]
    open_evidence = Evidence(
        HOW,
        POLICY,
        {(m.month, ""): frozenset({1}) for m in series},
        {1: {(m.month, "Brent"): m.count or 0 for m in series}},
        {1: release(1)},
    )
    rows, verdict = homicide.london_months(series, [], open_evidence)
    assert rows[-1]["upper_limit"] == 21
    assert verdict["p_value"] is not None
    closed = Evidence(HOW, POLICY, open_evidence.source_of, {}, open_evidence.releases)
    rows, hidden = homicide.london_months(series, [], closed)
    assert all(row[key] is None for row in rows for key in ("centre_line", "upper_limit", "lower_limit", "chart_rules"))
    assert {row["value_count"] for row in rows} == {10}
    assert hidden["verdict"] == verdict["verdict"]
    numbers = ("p_value", "window_count", "window_low", "window_high", "expected_count", "baseline_mean", "dispersion")
    assert [hidden[key] for key in numbers] == [None] * len(numbers)


@needs_real_data
def test_the_landed_bytes_of_the_real_release_are_counted_again(tmp_path: Path) -> None:
    path = REAL / "mps_homicide_victims" / "homicide_victims_vintage_2021_05.csv"
    landing = Landing(tmp_path / "landing")
    data = path.read_bytes()
    with landing.receive() as receiver:
        receiver.write(data)
        landed = receiver.commit()
    assert landed.sha256 == hashlib.sha256(data).hexdigest()
    counted = recount(release(1, sha256=landed.sha256, file_name=path.name), HOW, load_contract(HOW.feed), landing)
    year = [date(2018, month, 1) for month in range(1, 13)]
    assert count_of(counted, year) == 136
    everything = {month for month, _ in counted}
    assert count_of(counted, everything) == 2544
    assert count_of(counted, everything, "Lambeth") == 155
