"""Every comparison with other vintages and periods ends the same in whatever order the files come, by the real steps.

`walk/<feed>.yml` holds for each resource three deliveries, oldest statement first, with the checks that each fails; what
a comparison of months needs stands before.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from vru.contracts import load_contracts
from vru.quality.suites import load_feed_suite

from tests.unit.quality.walk.files import delivery, plans
from tests.unit.quality.walk.gate import SEES_EVERYTHING, Gate, Stand

if TYPE_CHECKING:
    from vru.warehouse.server.embedded import Server

CHECKS = {
    (feed, resource): {check.id: check for check in suite.checks if check.type not in SEES_EVERYTHING}
    for feed in load_contracts()
    for resource, suite in load_feed_suite(feed).resources.items()
}
COMPARED = [place for place, checks in CHECKS.items() if any(check.is_between for check in checks.values())]
USUAL = 1
"""Resources of which `make test` runs every order; `make test-faults` runs them all."""
PLACES = pytest.mark.parametrize(("feed", "resource"), COMPARED, ids=[".".join(place) for place in COMPARED])


@PLACES
def test_every_comparison_fails_in_one_of_the_deliveries(feed: str, resource: str) -> None:
    failed = {name for case in plans()[feed, resource]["in_any_order"] for name in case["fails"]}
    wanted = {check.id for check in CHECKS[feed, resource].values() if check.is_between}
    assert wanted - failed == set(), f"add a delivery that fails it to in_any_order in walk/{feed}.yml"


@pytest.fixture(scope="module")
def gate(migrated: Server) -> Iterator[Gate]:
    """One warehouse for the module."""
    found = Gate()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("feed", "resource"),
    [
        pytest.param(*place, id=".".join(place), marks=() if number < USUAL else pytest.mark.deep)
        for number, place in enumerate(random.Random(20181104).sample(COMPARED, len(COMPARED)))
    ],
)
def test_every_order_of_arrival_ends_the_same(gate: Gate, feed: str, resource: str) -> None:
    plan = plans()[feed, resource]
    files = [delivery(feed, resource, case) for case in plan["in_any_order"]]
    periods = {file.file_name for file in files}
    empty = gate.mark()
    for case in plan.get("stands", []) if len(periods) > 1 else []:
        if (stands := delivery(feed, resource, case)).file_name not in periods:
            assert gate.stand(gate.admitted(stands)).status == "admitted"
    mark = gate.mark()
    ended: dict[tuple[int, ...], tuple[list[Stand], list[Any]]] = {}
    for order in itertools.permutations(range(3)):
        batches = {place: gate.admitted(files[place]) for place in order}
        ended[order] = ([gate.stand(batches[place]) for place in range(3)], gate.current(feed))
        gate.forget(mark)
    gate.forget(empty)

    oldest_first, current = ended[0, 1, 2]
    for case, found in zip(plan["in_any_order"], oldest_first, strict=True):
        assert found.failed == set(case["fails"])
        severities = {
            CHECKS[feed, resource][name].severity_name for name in found.failed - {"quarantine_over_tolerance"}
        }
        is_held = (
            found.is_held_for_rows
            or "quarantine_over_tolerance" in found.failed
            or ("critical" in severities and not found.quarantined)
        )
        assert found.status == ("held" if is_held else "admitted")
        assert bool(found.reason) == is_held
        # of a list that does not count a disagreement is only noted
        assert bool(found.withheld) == ("withhold" in severities and not is_held)
    for order, (stands, stood) in ended.items():
        assert stands == oldest_first, f"arrived in order {order}"
        assert stood == current, f"arrived in order {order}"
