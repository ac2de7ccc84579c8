"""Each feed absent in turn: its rows are gone, what leans on it is null and says why, and nothing else changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from psycopg2 import sql
from psycopg2.extras import RealDictCursor
from vru.settings import CHECKOUT

from tests.warehouse.build_loader import execute, load, own_warehouse, rows
from tests.warehouse.small_feeds import every_feed

BOUNDARIES = CHECKOUT / "tests" / "fixtures" / "ons_geography" / "boroughs_lad22.geojson"

Row = dict[str, Any]
Marts = dict[str, list[Row]]
Test = Callable[[Row], bool]

MEASURES = ("mart_measure", "headline_london_month", "headline_borough_year")
HOW_IT_WAS_BUILT = ("build_info", "build_input", "build_change", "build_state")


@dataclass(frozen=True)
class Lean:
    """How a mart leans on a feed: columns that become null, those that may differ, and what every row then holds to."""

    null: tuple[str, ...]
    other: tuple[str, ...] = ()
    holds: Test = lambda row: True


@dataclass(frozen=True)
class Effect:
    """What the absence of a feed does: rows that are gone, by mart, and marts that lean on it."""

    gone: Mapping[str, Test]
    leans: Mapping[str, Lean] = field(default_factory=dict)


def every_row(row: Row) -> bool:
    """All rows of a mart."""
    return True


NO_LOOKUP = "the LSOA lookups of both vintages are not there"
NO_POPULATION = "no population estimate of the year or the three years before it"
PER_HEAD = (
    "population_count", "population_year", "population_series", "population_known_at",
    "rate_per_100k", "rate_low", "rate_high",
)  # fmt: skip


def says_why_there_is_no_rate(row: Row) -> bool:
    """In one of two columns, with its code, and the figure is known since its count alone."""
    code, reason = ("no_population", NO_POPULATION) if row["null_reason"] is None else (None, None)
    return (row["rate_null_reason_code"], row["rate_null_reason"], row["known_at"]) == (
        code,
        reason,
        row["count_known_at"],
    )


EFFECTS = {
    "mps_homicide_victims": Effect(
        dict.fromkeys(("fct_homicide_victim", "fct_homicide_victim_by_borough", *MEASURES), every_row)
    ),
    "ons_geography": Effect(
        {"dim_area": lambda row: row["area_kind"] == "lsoa", "dim_area_boundary": every_row},
        {
            "dim_area": Lean(("hectares", "is_inner")),  # their descriptions say why
            "fct_street_crime": Lean(
                ("is_in_london", "borough_code", "lsoa_vintage"),
                ("is_in_london_null_reason",),
                lambda row: row["is_in_london_null_reason"] == NO_LOOKUP,
            ),
        },
    ),
    "ons_population": Effect(
        {},
        {
            "mart_measure": Lean(
                PER_HEAD,
                ("rate_null_reason_code", "rate_null_reason", "quality_score"),
                says_why_there_is_no_rate,
            ),
            "headline_london_month": Lean(PER_HEAD, ("quality_score",)),
            "headline_borough_year": Lean(PER_HEAD, ("quality_score",)),
        },
    ),
    "police_uk_street": Effect({"fct_street_crime": every_row}),
    "police_uk_stop_search": Effect({"fct_stop_search": every_row}),
}


@pytest.fixture(scope="module")
def full() -> Iterator[Marts]:
    """Every mart's rows, built from every feed."""
    from vru import transform

    with own_warehouse():
        every_feed("2023-11", "2023-12", last_victim="Dec 2021")
        load("ons_geography", BOUNDARIES, "2022-12-31")
        assert transform.build() is not None
        yield read_marts()


def read_marts() -> Marts:
    """Every row of every mart in use, by table."""
    from vru.warehouse.engine import raw_connection

    names = [
        name
        for (name,) in rows("select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind in ('r', 'v')")
        if name not in HOW_IT_WAS_BUILT
    ]  # fmt: skip
    connection = raw_connection("analyst")
    found = {}
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            for name in names:
                cursor.execute(sql.SQL("select * from marts.{}").format(sql.Identifier(name)))
                found[name] = [dict(row) for row in cursor.fetchall()]
    finally:
        connection.close()
    return found


@contextmanager
def absent(feed: str) -> Iterator[None]:
    """As if nothing of the feed had been received yet."""
    later = (
        "update ops.delivery set received_at = received_at {} interval '10 years' "
        "where content_id in (select content_id from ops.content where feed = %s)"
    )
    execute("loader", later.format("+"), (feed,))
    yield
    execute("loader", later.format("-"), (feed,))


def without(rows_: list[Row], columns: tuple[str, ...]) -> Counter[str]:
    """Rows as they can be compared, apart from some columns."""
    return Counter(repr(sorted((k, v) for k, v in row.items() if k not in columns)) for row in rows_)


def test_no_mart_of_the_full_build_is_empty(full: Marts) -> None:
    """Otherwise nothing would be seen to vanish from it."""
    assert [name for name, found in full.items() if not found] == []
    for feed, effect in EFFECTS.items():
        for name, is_gone in effect.gone.items():
            assert any(map(is_gone, full[name])), (feed, name)
        for name, lean in effect.leans.items():
            for column in lean.null:
                assert any(row[column] is not None for row in full[name]), (feed, name, column)


def test_every_feed_has_its_turn(full: Marts) -> None:
    assert {feed for (feed,) in rows("select feed from ops.feed")} == set(EFFECTS)


@pytest.mark.parametrize("feed", EFFECTS)
def test_the_marts_stand_without_a_feed(full: Marts, feed: str) -> None:
    from vru import transform

    with absent(feed):
        assert transform.build() is not None
        assert rows("select count(*) from marts.build_input where feed = %s", (feed,)) == [(0,)]
        found = read_marts()
    effect = EFFECTS[feed]
    gone: dict[str, Test] = {**effect.gone, "mart_feed_quality": lambda row: row["feed"] == feed}
    assert found.keys() == full.keys()
    for name, expected in full.items():
        lean = effect.leans.get(name, Lean(()))
        left = [row for row in expected if name not in gone or not gone[name](row)]
        assert without(found[name], (*lean.null, *lean.other)) == without(left, (*lean.null, *lean.other)), name
        for row in found[name]:
            assert {row[column] for column in lean.null} <= {None}, name
            assert lean.holds(row), name
