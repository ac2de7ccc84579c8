"""Vocabularies cover what the feeds ever said: a word that was renamed is read as its present one, with its own beside it.

`words.csv`, beside the real open data, has every value of the categorical columns of 85 months of stop and search and of
171 of street crime (burglary alone), 2010 to 2025. It is no part of the repository.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from vru.contracts import Column, load_contract, load_contracts
from vru.parsing import read
from vru.quality.suites import load_feed_suite
from vru.settings import settings

from tests.real_data import REAL
from tests.unit.quality.walk.files import FIXTURES

WORDS = REAL.parent / "cases" / "words.csv"
STREET, SEARCH = "police_uk_street", "police_uk_stop_search"


def heard() -> Iterator[tuple[str, str, str]]:
    """Feed, header and word (empty for a blank cell) of what the feeds have said."""
    if WORDS.is_file():
        with WORDS.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                yield row["feed"], row["column"], "" if row["value"] == "(blank)" else row["value"]


def column_of(feed: str, header: str) -> Column:
    """The column that stands under a header."""
    (resource,) = load_contract(feed).resources
    (found,) = [column for column in resource.columns if [header] in column.headers]
    return found


def read_as(feed: str, header: str, word: str) -> tuple[object, object]:
    """What the contract in force makes of the clean file's second record with the word in it: value and cell kept."""
    (path,) = sorted((FIXTURES / feed).iterdir())
    records = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    records[1][header] = word
    text = io.StringIO()
    writer = csv.DictWriter(text, records[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    column = column_of(feed, header)
    chunks = list(read(load_contract(feed), None, io.BytesIO(text.getvalue().encode()), file_name=path.name))
    assert [(chunk.rejects, chunk.nulled) for chunk in chunks] == [([], [])] * len(chunks)
    row = chunks[0].frame.row(1, named=True)
    return row[column.name], row[column.source_name] if column.source_name else row[column.name]


@pytest.mark.skipif(not WORDS.is_file(), reason=f"{WORDS.name} is not beside the real data: set VRU_REAL_DATA")
def test_every_word_ever_said_is_read() -> None:
    """Without reject, null or warning: a known value, or a law by its name and year."""
    said = list(heard())
    assert len({(feed, header) for feed, header, _ in said}) == 10
    for feed, header, word in said:
        value, source = read_as(feed, header, word)
        column = column_of(feed, header)
        assert source == (word or None), (header, word)
        if not word:
            assert value is None
        elif column.values is not None:
            assert value in column.values, f"{header}: '{word}' is none of the words of the contract"
        else:
            (named,) = [c for c in load_feed_suite(feed).resources["stop_search"].checks if c.column == column.name]
            assert re.search(r"\bAct \d{4}\b", word), f"{header}: '{word}' fails {named.id}"


@pytest.mark.skipif(not WORDS.is_file(), reason=f"{WORDS.name} is not beside the real data: set VRU_REAL_DATA")
def test_no_two_words_of_one_time_become_one() -> None:
    """Words that a file has side by side are different things: only those that follow each other may be one value."""
    with WORDS.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["value"] != "(blank)"]
    by_value: dict[tuple[str, str, object], list[tuple[str, str]]] = {}
    for row in rows:
        value, _ = read_as(row["feed"], row["column"], row["value"])
        by_value.setdefault((row["feed"], row["column"], value), []).append((row["first_month"], row["last_month"]))
    joined = {key: sorted(times) for key, times in by_value.items() if len(times) > 1}
    assert len(joined) == 7 + 17
    for key, times in joined.items():
        assert all(before[1] < after[0] for before, after in itertools.pairwise(times)), key


@pytest.mark.parametrize(
    ("feed", "header", "word", "value"),
    [
        (STREET, "Crime type", "Violent crime", "Violence and sexual offences"),
        (STREET, "Crime type", "VIOLENT CRIME ", "Violence and sexual offences"),
        (STREET, "Crime type", "Public disorder and weapons", "Public disorder and weapons"),
        (STREET, "Crime type", "Burglary", "Burglary"),
        (STREET, "Last outcome category", "Offender sent to prison", "Offender sent to prison"),
        (STREET, "Last outcome category", "Offender given a penalty notice", "Offender given penalty notice"),
        (SEARCH, "Outcome", "Suspect arrested", "Arrest"),
        (SEARCH, "Outcome", "Nothing found - no further action", "A no further action disposal"),
        (SEARCH, "Outcome", "Local resolution", "Community resolution"),
        (SEARCH, "Outcome", "Khat or Cannabis warning", "Khat or Cannabis warning"),
        (SEARCH, "Self-defined ethnicity", "White - White British (W1)", "White - English/Welsh/Scottish/Northern Irish/British"),
        (SEARCH, "Self-defined ethnicity", "Chinese or other ethnic group - Chinese (O1)", "Asian/Asian British - Chinese"),
        (SEARCH, "Self-defined ethnicity", "Not Stated (NS)", "Other ethnic group - Not stated"),
        (SEARCH, "Object of search", "Evidence of hunting any wild mammal with a dog", "Evidence of hunting any wild mammal with a dog"),
    ],
)  # fmt: skip
def test_a_word_is_read_as_its_present_one_with_its_own_beside_it(
    feed: str, header: str, word: str, value: str
) -> None:
    assert read_as(feed, header, word) == (value, word)


def test_a_word_that_nobody_knows_is_kept_where_the_contract_says_so() -> None:
    assert read_as(SEARCH, "Outcome", " Walked the plank ") == ("Walked the plank", " Walked the plank ")
    assert read_as(STREET, "Crime type", "Piracy") == ("Piracy", "Piracy")


def test_words_that_are_kept_are_judged_by_the_suite() -> None:
    for feed, contract in load_contracts().items():
        for resource in contract.resources:
            kept = {column.name for column in resource.columns if column.unmapped == "keep"}
            judged = {
                check.column
                for check in load_feed_suite(feed).resources[resource.name].checks
                if check.type == "expect_word_to_be_known"
            }
            assert kept == judged, f"expectations/raw/{feed}.yml, resource {resource.name}"


def seed(name: str) -> list[dict[str, str]]:
    with Path(settings().dbt_dir / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_breaks_name_columns_that_the_contracts_have() -> None:
    columns = {
        (feed, column.name) for feed, contract in load_contracts().items() for r in contract.resources for column in r.columns
    }  # fmt: skip
    named = {(row["source_feed"], row["column_name"]) for row in seed("series_break_column")}
    assert len(named) >= 5
    assert named <= columns


def test_a_value_with_more_than_one_word_of_meaning_has_a_break() -> None:
    """Wherever a word of another time is read as the present one, somebody has said from when on."""
    breaks = {row["break_id"]: date.fromisoformat(row["break_date"]) for row in seed("series_break")}
    of_column: dict[tuple[str, str], list[date]] = {}
    for row in seed("series_break_column"):
        of_column.setdefault((row["source_feed"], row["column_name"]), []).append(breaks[row["break_id"]])
    assert date(2018, 1, 1) in of_column[SEARCH, "outcome"]
    assert date(2017, 4, 1) in of_column[SEARCH, "self_defined_ethnicity"]
    assert {date(2011, 9, 1), date(2013, 5, 1)} <= set(of_column[STREET, "crime_type"])
    for feed in (STREET, SEARCH):
        for column in load_contract(feed).resources[0].columns:
            if column.unmapped == "keep":
                assert of_column.get((feed, column.name)), column.name
