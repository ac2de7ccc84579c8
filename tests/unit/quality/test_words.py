"""A file with every word that a feed ever said passes the gate without a warning, and its words stand beside the values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from vru.contracts import load_contract

from tests.contract.test_words import SEARCH, STREET, WORDS, heard
from tests.unit.quality.walk.files import delivery
from tests.unit.quality.walk.gate import Gate

if TYPE_CHECKING:
    from vru.warehouse.server.embedded import Server

OWN = [
    (STREET, "Crime type", "Violent crime"), (STREET, "Crime type", "Public disorder and weapons"),
    (STREET, "Last outcome category", "Defendant found not guilty"), (STREET, "Last outcome category", ""),
    (SEARCH, "Outcome", "Suspect arrested"), (SEARCH, "Outcome", "Article found - Detailed outcome unavailable"),
    (SEARCH, "Self-defined ethnicity", "Mixed - White and Asian (M3)"), (SEARCH, "Object of search", ""),
]  # fmt: skip


@pytest.fixture
def gate(migrated: Server) -> Iterator[Gate]:
    found = Gate()
    mark = found.mark()
    yield found
    found.forget(mark)
    found.close()


@pytest.mark.parametrize("feed", [STREET, SEARCH])
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(OWN, id="own"),
        pytest.param(
            list(heard()),
            id="heard",
            marks=pytest.mark.skipif(not WORDS.is_file(), reason=f"{WORDS.name} is not beside the real data"),
        ),
    ],
)
def test_words_of_all_years_pass_without_a_warning(gate: Gate, said: list[tuple[str, str, str]], feed: str) -> None:
    (resource,) = load_contract(feed).resources
    words = [(header, word) for of, header, word in said if of == feed]
    changes = [{"records": 2 + number, "set": {header: word}} for number, (header, word) in enumerate(words)]
    batch_id = gate.audited(delivery(feed, resource.name, {"changes": changes}))
    found = gate.stand(batch_id)
    assert (found.status, found.failed, found.quarantined) == ("parsed", frozenset(), frozenset())
    names = {header: column.name for column in resource.columns for way in column.headers for header in way}
    for number, (header, word) in enumerate(words):
        column = resource.column(names[header])
        if column.source_name:
            (row,) = gate.query(
                f"select {column.name} as value, {column.source_name} as source "
                f"from raw.{load_contract(feed).raw_table(resource.name)} where batch_id = %s and line_number = %s",
                batch_id,
                3 + number,
            )
            assert row["source"] == (word or None)
            assert (row["value"] is None) == (word == "")
