"""R12: what one open release shows anyone may be shown exactly, and nothing else may."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from vru.contracts import load_contract
from vru.disclosure.exemption import Evidence, Release, count_of, is_public_address, recount
from vru.disclosure.policy import load_policy
from vru.disclosure.recounts import fingerprint
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
        "is_publishers": True,
        "public_id": f"id-{batch_id}",
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


def test_bytes_that_nobody_vouches_for_exempt_nothing_but_are_compared() -> None:
    """A file loaded by hand is counted again all the same: what it contradicts is wrong."""
    by_hand = evidence(is_publishers=False)
    assert not by_hand.is_exempt(60, MONTHS, "Brent")
    assert by_hand.differs(59, MONTHS, "Brent")
    assert not by_hand.differs(60, MONTHS, "Brent")


@pytest.mark.parametrize(
    ("url", "is_public"),
    [
        ("https://data.london.gov.uk/x.csv", True),
        ("sandbox://data.london.gov.uk/x.csv", True),
        ("http://data.london.gov.uk/x.csv", False),
        ("https://data.london.gov.uk.evil.example/x.csv", False),
        ("file:x.csv", False),
        ("inbox:mps_homicide_victims/x.csv", False),
    ],
)
def test_whose_bytes_they_are_is_seen_by_the_address(url: str, is_public: bool) -> None:
    assert is_public_address(url, load_contract(HOW.feed)) == is_public


def test_how_a_definition_is_counted_again_is_part_of_what_a_recount_is_kept_under() -> None:
    contract = load_contract(HOW.feed)
    knife = POLICY.recounts["homicide_knife"]
    kept = fingerprint(HOW, contract, POLICY)
    assert kept == fingerprint(HOW, contract, POLICY)
    later = contract.model_copy(update={"contract_version": contract.contract_version + 1})
    newer = POLICY.model_copy(update={"policy_version": POLICY.policy_version + 1})
    assert (
        len(
            {
                kept,
                fingerprint(knife, contract, POLICY),
                fingerprint(HOW, later, POLICY),
                fingerprint(HOW, contract, newer),
            }
        )
        == 4
    )


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
    knives = recount(
        release(1, sha256=landed.sha256, file_name=path.name), POLICY.recounts["homicide_knife"], load_contract(HOW.feed),
        landing,
    )  # fmt: skip
    assert 0 < count_of(knives, year) < 136
