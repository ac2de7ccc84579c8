"""Every check of every raw suite has a file that fails it, by the real parse, Great Expectations and PostgreSQL.

It fails no other, but for those that `also` names: what a stricter check finds, the one that only notes it finds as well;
and for what looks at every row that is stated again (`restated.SEES_EVERYTHING`) and has proofs of its own.

`walk/<feed>.yml` says for each check what is done to the clean file of `tests/fixtures`. All files of a resource meet
the same earlier deliveries, so that every comparison has something to compare with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from vru.contracts import load_contract, load_contracts
from vru.quality.suites import load_feed_suite

from tests.unit.quality.walk.files import delivery, plans
from tests.unit.quality.walk.gate import SEES_EVERYTHING, Gate

if TYPE_CHECKING:
    from vru.warehouse.server.embedded import Server

CHECKS = {
    (feed, resource, check.id): check
    for feed in load_contracts()
    for resource, suite in load_feed_suite(feed).resources.items()
    for check in suite.checks
    if check.type not in SEES_EVERYTHING
}
RESOURCES = sorted({(feed, resource) for feed, resource, _ in CHECKS})


def test_every_check_has_a_file_and_every_file_a_check() -> None:
    files = {(feed, resource, name) for (feed, resource), plan in plans().items() for name in plan["checks"]}
    assert set(CHECKS) - files == set(), "checks without a file that they alone fail: add it to walk/<feed>.yml"
    assert files - set(CHECKS) == set(), "files for checks that no suite has: take them out of walk/<feed>.yml"


@pytest.fixture(scope="module")
def gate(migrated: Server) -> Iterator[Gate]:
    """One warehouse for the module."""
    found = Gate()
    yield found
    found.close()


@pytest.fixture(scope="module")
def standing() -> set[tuple[str, str]]:
    """Resources whose earlier deliveries have been let in."""
    return set()


@pytest.fixture
def met(gate: Gate, standing: set[tuple[str, str]], request: pytest.FixtureRequest) -> Iterator[Gate]:
    """The gate with the earlier deliveries of the resource; what the test adds is gone afterwards."""
    feed, resource = request.node.callspec.params["feed"], request.node.callspec.params["resource"]
    if (feed, resource) not in standing:
        for case in plans()[feed, resource].get("stands", []):
            found = gate.stand(gate.admitted(delivery(feed, resource, case)))
            assert (found.status, found.failed) == ("admitted", frozenset()), found.reason
        standing.add((feed, resource))
    mark = gate.mark()
    yield gate
    gate.forget(mark)


@pytest.mark.parametrize(("feed", "resource"), RESOURCES, ids=[".".join(place) for place in RESOURCES])
def test_the_clean_file_fails_nothing(met: Gate, feed: str, resource: str) -> None:
    batch_id = met.audited(delivery(feed, resource, {}))
    found = met.stand(batch_id)
    assert (found.status, found.reason, found.failed, found.withheld) == ("parsed", "", frozenset(), ())
    assert found.quarantined == frozenset()


@pytest.mark.parametrize(
    ("feed", "resource", "name"), sorted(CHECKS), ids=[".".join(place) for place in sorted(CHECKS)]
)
def test_a_check_fails_alone(met: Gate, feed: str, resource: str, name: str) -> None:
    check = CHECKS[feed, resource, name]
    case = plans()[feed, resource]["checks"][name]
    batch_id = met.audited(delivery(feed, resource, {"changes": case} if isinstance(case, list) else case))
    found = met.stand(batch_id)
    withheld = case.get("withheld", []) if isinstance(case, dict) else []
    assert found.withheld == tuple(sorted(withheld) or check.withheld_columns)
    if check.is_on_rows and check.severity == "critical":
        lines = {line for line, _ in found.quarantined}
        assert found.quarantined == {(line, name) for line in lines} != frozenset()
        left = met.lines(feed, resource, batch_id)
        assert not lines & left
        contract = load_contract(feed)
        is_key = check.column in contract.resource(resource).key
        is_over = len(lines) * 100 > contract.tolerance_pct * (len(lines) + len(left))
        follows = {"quarantine_over_tolerance": is_over, "bad_value_in_key": is_key}
        assert found.failed == {name, *(consequence for consequence, holds in follows.items() if holds)}
        assert found.status == ("held" if is_over or is_key or found.is_held_for_rows else "parsed")
        return
    also = set(case.get("also", [])) if isinstance(case, dict) else set()
    assert (found.failed, found.quarantined) == ({name, *also}, frozenset())
    if check.severity == "critical":
        assert found.status == "held"
        measured = found.measured[name]
        assert found.reason.startswith(f"{name}: {' '.join(check.reason.split())} ({' '.join(measured.split())})")
        assert " against limit " in measured or check.type.startswith("delivery."), measured
    elif not found.is_held_for_rows:
        assert (found.status, found.reason) == ("parsed", "")
