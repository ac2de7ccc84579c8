"""ops.poisson_interval against scipy."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest

from tests.warehouse.build_loader import own_warehouse, rows


@pytest.fixture(scope="module")
def warehouse() -> Iterator[None]:
    """A migrated warehouse."""
    with own_warehouse():
        yield


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.9973, 0.998])
def test_interval_is_exact(warehouse: None, confidence: float) -> None:
    counts = [*range(2001), 12_345, 100_000, 1_000_000]
    found = rows(
        "select n, i.low, i.high from unnest(%s) as n cross join lateral ops.poisson_interval(n, %s) as i order by n",
        (counts, confidence),
        role="analyst",
    )
    assert [row[0] for row in found] == counts
    from scipy.stats import chi2

    tail = (1 - confidence) / 2
    for count, low, high in found:
        assert low == pytest.approx(chi2.ppf(tail, 2 * count) / 2 if count else 0, rel=1e-9, abs=0)
        assert high == pytest.approx(chi2.isf(tail, 2 * count + 2) / 2, rel=1e-9)


def test_none_seen_is_not_none_possible(warehouse: None) -> None:
    ((low, high),) = rows("select low, high from ops.poisson_interval(0)", role="transformer")
    assert low == 0
    assert round(high, 2) == 3.69


def test_unknown_stays_unknown(warehouse: None) -> None:
    assert rows("select low, high from ops.poisson_interval(null)") == [(None, None)]


@pytest.mark.parametrize("arguments", ["-1", "1, 0", "1, 1", "1, 95"])
def test_nonsense_is_refused(warehouse: None, arguments: str) -> None:
    with pytest.raises(psycopg2.errors.NumericValueOutOfRange):
        rows(f"select * from ops.poisson_interval({arguments})")
