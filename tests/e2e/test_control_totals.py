"""The real files of every feed, loaded through Airflow, reproduce every row of their control totals.

File facts come from `ops`, all else by SQL on raw. `totals.py` derives the query of each measure from contract and words;
what is not derived stands there with its reason.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable

import pytest
from vru.contracts import load_contract, load_contracts

from tests.e2e.conftest import Home
from tests.e2e.totals import EXCEPTIONS, NO_CONTRACT, Table, derived
from tests.real_data import REAL, needs_real_data

CITY_SIX = "city_of_london 2022-07..2022-12 (six files)"
BLANK = "(blank)"
Wanted = dict[tuple[str, str, str], dict[str, str]]


@pytest.fixture(scope="module")
def real_run(new_home: Callable[..., Home]) -> Home:
    """The real files, through `vru run`."""
    home = new_home()
    done = home("run", "--profile", "files", "--inbox", REAL)
    assert "skipped, no such feed: imd, mps_homicide_accused" in done.stderr
    return home


def expected() -> Wanted:
    """(feed, file, measure) to key to value, from the control file, of every feed in it."""
    totals: Wanted = defaultdict(dict)
    with (REAL / "control_totals.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert row["key"] not in totals[row["feed"], row["file"], row["measure"]]
            totals[row["feed"], row["file"], row["measure"]][row["key"]] = row["value"]
    return totals


def same(found: str, wanted: str) -> bool:
    """Equal as text, or as numbers where both are numbers."""
    try:
        return found == wanted or float(found) == float(wanted)
    except ValueError:
        return False


def told(key: str) -> str:
    """A key; a blank cell is a blank cell, however the file spells it."""
    return "" if key == BLANK else key


class Loaded:
    """What was loaded of each file that the control file names."""

    def __init__(self, home: Home) -> None:
        self.home = home
        found = home.sql("select file_name, array_agg(batch_id), min(resource) from ops.batch "
                         "where status = 'admitted' group by 1")  # fmt: skip
        self.batches = {name: batches for name, batches, _ in found}
        self.resource = {name: resource for name, _, resource in found}
        six = [f"2022_{month:02d}_city_of_london_street.csv" for month in range(7, 13)]
        self.batches[CITY_SIX] = sorted(batch for name in six for batch in self.batches[name])
        self.resource[CITY_SIX] = self.resource[six[0]]
        both = "lsoa11_to_borough.csv + lsoa21_to_borough.csv"
        self.batches[both], self.resource[both] = [0], "lsoa"

    def derived(self, feed: str, file: str, measure: str, keys: set[str]) -> str | None:
        """The query that contract and words give."""
        contract = load_contract(feed)
        return derived(Table(contract, contract.resource(self.resource[file])), measure, keys)

    def differences(self, query: str, file: str, wanted: dict[str, str]) -> list[str]:
        """What a query of a file does not reproduce."""
        numbers = "array[" + ",".join(map(str, self.batches[file])) + "]::bigint[]"
        rows = self.home.sql(query.replace(":b", numbers))
        found = {told(str(key)): str(value) for key, value in rows if value is not None}
        due = {told(key): value for key, value in wanted.items()}
        if len(due) == len(found) == 1:  # a file's one figure may be given a name
            (found_key,), (due_key,) = found, due
            found = {due_key: found[found_key]}
        return [
            f"'{key}': {found.get(key)} instead of {due.get(key)}"
            for key in due.keys() | found.keys()
            if not same(found.get(key, "0"), due.get(key, "0"))
        ]


@pytest.fixture(scope="module")
def loaded(real_run: Home) -> Loaded:
    """The real files in the warehouse."""
    return Loaded(real_run)


@needs_real_data
def test_every_control_total_is_reproduced(loaded: Loaded) -> None:
    wrong, compared = [], 0
    for (feed, file, measure), wanted in expected().items():
        if feed in NO_CONTRACT:
            continue
        _, query = EXCEPTIONS.get((feed, measure), ("", loaded.derived(feed, file, measure, {*wanted})))
        assert query, f"{feed} {measure}: neither derived from contract and words nor among the exceptions of totals.py"
        compared += len(wanted)
        wrong += [f"{feed} {file} {measure} {each}" for each in loaded.differences(query, file, wanted)]
    assert not wrong, f"{len(wrong)} of {compared} differ:\n" + "\n".join(wrong[:40])
    assert compared >= 1000


@needs_real_data
def test_every_exception_is_needed(loaded: Loaded) -> None:
    """No derived query reproduces what an exception does, and a feed without a contract has none."""
    totals = expected()
    assert set(NO_CONTRACT) == {feed for feed, _, _ in totals} - set(load_contracts())
    asked = {(feed, measure) for feed, _, measure in totals}
    assert set(EXCEPTIONS) - asked == set(), "exceptions that no row of the control file asks for"
    for feed, measure in EXCEPTIONS:
        right = []
        for (of, file, name), wanted in totals.items():
            if (of, name) == (feed, measure):
                query = loaded.derived(feed, file, measure, {*wanted})
                right.append(query is not None and not loaded.differences(query, file, wanted))
        assert not all(right), f"{feed} {measure}: contract and words say it all; take it out of EXCEPTIONS"
