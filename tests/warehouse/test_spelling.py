"""One rule of trimming and comparing words: what Python says, polars says, and so does SQL."""

from __future__ import annotations

import random
import unicodedata
from typing import TYPE_CHECKING

import polars as pl
import pytest
from vru.spelling import BLANKS, DASHES, INVISIBLE, JOINERS, LINE_ENDS, compared, trimmed, trimmed_cells
from vru.warehouse.raw_tables import sync_raw_tables
from vru.warehouse.replace_keys import record_keys

from tests.unit.parsing.conftest import contract as upsert_feed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg2.extensions import connection as Connection
    from vru.warehouse.server.embedded import Server

    from tests.warehouse.conftest import Ledger

SPECIAL = BLANKS + LINE_ENDS + INVISIBLE + JOINERS + DASHES + ".&/aZ1ß,'"
FORMS = ("{0}", "a{0}B", " {0}a", "a {0}{0} b{0}", "{0}1{0}.5{0}")


@pytest.fixture(scope="module")
def connection(warehouse: Server) -> Iterator[Connection]:
    """A session of the role whose models call the functions."""
    from vru.warehouse.engine import raw_connection

    del warehouse
    connection = raw_connection("transformer")
    yield connection
    connection.close()


def in_sql(connection: Connection, texts: list[str]) -> list[tuple[str, str]]:
    """What the database makes of each text: trimmed, and as compared."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select ops.trimmed(t), ops.compared(t) from unnest(%s::text[]) with ordinality as x (t, n) order by n",
            (texts,),
        )
        return cursor.fetchall()


def all_agree(connection: Connection, texts: list[str]) -> None:
    """Python, polars and SQL say the same of every text. Says which character they differ on."""
    expected = [(trimmed(text), compared(text)) for text in texts]
    assert trimmed_cells(pl.Series(texts, dtype=pl.String)).to_list() == [one for one, _ in expected]
    differ = [
        (ascii(text), wanted, got)
        for text, wanted, got in zip(texts, expected, in_sql(connection, texts), strict=True)
        if got != wanted
    ]
    assert not differ, differ[:5]


def test_every_character_is_treated_alike(connection: Connection) -> None:
    """Every character that this Python knows, ideographs apart: alone, inside, at the edges, in runs."""
    known = [
        chr(code)
        for code in (*range(1, 0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x1FC00), *range(0xE0000, 0xE0200))
        if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")
    ]
    assert len(known) > 25_000
    for form in FORMS:
        all_agree(connection, [form.format(character) for character in known])


def test_every_mixture_is_treated_alike(connection: Connection) -> None:
    chance = random.Random(2026)
    all_agree(connection, ["".join(chance.choices(SPECIAL, k=chance.randint(0, 9))) for _ in range(40_000)])


def test_what_has_been_trimmed_or_compared_stays_as_it_is(connection: Connection) -> None:
    chance = random.Random(2027)
    texts = ["".join(chance.choices(SPECIAL, k=chance.randint(0, 9))) for _ in range(20_000)]
    assert [trimmed(trimmed(text)) for text in texts] == [trimmed(text) for text in texts]
    assert [compared(trimmed(text)) for text in texts] == [compared(text) for text in texts]
    assert [compared(compared(text)) for text in texts] == [compared(text) for text in texts]
    assert in_sql(connection, [""]) == [("", "")]


def test_every_blank_and_dash_of_unicode_is_one() -> None:
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    controls = "\x1c\x1d\x1e\x1f"  # separators of records, refused as control characters
    assert {c for c in every if c.isspace()} - set(controls) <= set(BLANKS + LINE_ENDS)
    assert {c for c in every if unicodedata.category(c) == "Pd"} <= set(DASHES)
    assert not set(BLANKS + LINE_ENDS) & set(INVISIBLE + JOINERS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Other.", "other"),
        ("Kensington & Chelsea", "KENSINGTON AND  CHELSEA"),
        ("Kensington&Chelsea", "Kensington and Chelsea"),
        ("10\u201317", "10-17"),
        ("White \u2014 British", "White-British"),
        ("Other/NK", "Other / NK"),
        ("St. Helier", "St Helier"),
        ("Robbery\u00a0", "\ufeffRobbery"),
        ("Not\u2009\u3000known", "not\tknown"),
        ("First\nsecond", "First second"),
    ],
)
def test_the_same_but_for_spelling(one: str, other: str) -> None:
    assert compared(one) == compared(other)


@pytest.mark.parametrize(
    ("one", "other"), [("1.5", "15"), ("12 3", "1 23"), ("Brent", "Bromley"), ("A+", "A"), (".", "-"), ("...", "")]
)
def test_not_the_same(one: str, other: str) -> None:
    assert compared(one) != compared(other)


def test_what_is_stored() -> None:
    assert trimmed("\u00a0 Street\u2003 of\t the\u00a0\u00a0Lamb\u200b \u3000") == "Street of the Lamb"
    assert trimmed("Cam\u200bden\u00ad") == "Camden"
    assert trimmed("first \n\n second\n") == "first \n\n second"
    assert trimmed("10\u201317 & Other.") == "10\u201317 & Other."


def test_replace_keys_of_a_standing_table_follow_the_rule(history: Ledger) -> None:
    """A state that was made when keys were only trimmed and without case; its keys of batches with them."""
    contract = upsert_feed(
        [{"name": "board", "nullable": False}, {"name": "number", "type": "integer", "nullable": False}, {"name": "note"}],
        delivery="upsert", row_identity="key", key=["board", "number"],
    )  # fmt: skip
    history.feed("test_feed", "upsert")
    batch = history.batch("test_feed", "a", 1)
    with history.connection.cursor() as cursor:
        sync_raw_tables(history.connection, {"test_feed": contract})
        cursor.execute(
            "alter table raw.test_feed alter column unit_key set expression as "
            "('[]'::jsonb || ops.key_part(lower(btrim(board))) || ops.key_part(number))"
        )
        rows = [(batch, 2, "St. Mary\u2019s", 1), (batch, 3, " ST\u00a0MARY\u2019S ", 1), (batch, 4, "A \u2013 B", 1)]
        cursor.executemany(
            "insert into raw.test_feed (batch_id, line_number, board, number) values (%s, %s, %s, %s)", rows
        )
        record_keys(cursor, contract, "rows", batch)
        cursor.execute("select count(*) from ops.batch_key where batch_id = %s", (batch,))
        assert cursor.fetchone() == (3,)
        sync_raw_tables(history.connection, {"test_feed": contract})
        for table in ("raw.test_feed", "ops.batch_key"):
            cursor.execute(f"select distinct unit_key from {table} where batch_id = %s order by 1", (batch,))
            assert cursor.fetchall() == [(["a-b", 1],), (["st mary\u2019s", 1],)]
        cursor.execute("select board from raw.test_feed order by line_number")
        assert cursor.fetchall() == [(row[2],) for row in rows], "what was received stays"
