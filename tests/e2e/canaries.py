"""Deliveries with a marked word in every place where a value could leak, and a search for those words.

Each word says where it was planted. None is anybody's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

import psycopg2
from psycopg2 import sql
from vru.settings import CHECKOUT
from vru.warehouse.server.embedded import Server

FIXTURES = CHECKOUT / "tests" / "fixtures"
VICTIMS, STREET, SEARCHES = "mps_homicide_victims", "police_uk_street", "police_uk_stop_search"

STORED_NOWHERE = ("canary-victim-name", "9990000018", "canary-date-of-birth", "canary-first-line", "canary@example.org")
"""In columns that no contract knows, in a file without a header, in a header."""

QUARANTINED = {
    "canary-count": "quarantine.row",
    "canary-latitude": "quarantine.row",
    "canary-area": "quarantine.row",
    "canary-longitude": "quarantine.row",
}
"""In cells that make a row a reject, of a held file or of one that counts, and in what fails a check on a row."""

RECEIVED = {
    "canary-age": ("quarantine.cell", "raw.mps_homicide_victims"),
    "canary-remark": ("raw.police_uk_street",),
    "canary-ethnicity": ("marts.fct_stop_search", "raw.police_uk_stop_search"),
}
"""In a cell that is nulled, so that only the text as received has it, and in values that a check only warns of."""

PUBLIC_WORD = "canary-age"
"""A word of an open feed that the contract does not know: whoever mends the contract must see it in `vru quarantine`."""

WORDS = (*STORED_NOWHERE, *QUARANTINED, *RECEIVED)

Table = list[list[str]]


def fill(inbox: Path) -> Path:
    """Write the deliveries: two files that count, two that do not, and one of each kind of police file."""
    victims = FIXTURES / VICTIMS / "homicide_victims.csv"
    street = FIXTURES / STREET / "2022-08-metropolitan-street.csv"
    searches = FIXTURES / SEARCHES / "2022-07-metropolitan-stop-and-search.csv"
    _write(inbox / VICTIMS, {
        "homicide_victims_1.csv": _changed(victims, _with_unknown_columns),
        "homicide_victims_2.csv": _changed(victims, _cell("Age Group", "canary-age")),
        "homicide_victims_3.csv": _changed(victims, _with_unknown_columns, _cell("Count of Victims", "canary-count")),
        "homicide_victims_4.csv": _changed(victims, _without_header),
        "homicide_victims_5.csv": _changed(victims, _with_a_value_as_header),
    })  # fmt: skip
    _write(inbox / STREET, {
        street.name: _changed(
            street, _cell("Latitude", "canary-latitude"), _cell("LSOA code", "canary-area", 2),
            _cell("Context", "canary-remark", 3),
        ),
        street.name.replace("08", "07"): _changed(
            street, *(_cell("Longitude", "canary-longitude", row) for row in range(1, 20))
        ).replace(b"2022-08", b"2022-07"),
    })  # fmt: skip
    _write(inbox / SEARCHES, {searches.name: _changed(searches, _cell("Self-defined ethnicity", "canary-ethnicity"))})
    return inbox


def in_files(folders: Iterable[Path], *, outside: Iterable[Path] = ()) -> dict[str, list[str]]:
    """Files in which a word stands, by word."""
    left_out = [str(folder) + "/" for folder in outside]
    found: dict[str, list[str]] = {word: [] for word in WORDS}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not str(path).startswith(tuple(left_out)):
                content = path.read_bytes()
                for word in WORDS:
                    if word.encode() in content:
                        found[word].append(str(path.relative_to(folder)))
    return found


def in_tables(server: Server, database: str) -> dict[str, list[str]]:
    """Tables in which a word stands, by word: every column as text, bytes also by their hexadecimal digits."""
    found: dict[str, list[str]] = {word: [] for word in WORDS}
    connection = psycopg2.connect(**server.owner_args(server.database_name(database)))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
                "where c.relkind in ('r', 'm', 'p') and n.nspname not in ('pg_catalog', 'information_schema') order by 1, 2"
            )
            for schema, table in cursor.fetchall():
                for word in WORDS:
                    cursor.execute(
                        sql.SQL("select exists (select from {} as t where t::text like %s or t::text like %s)").format(
                            sql.Identifier(schema, table)
                        ),
                        (f"%{word}%", f"%{word.encode().hex()}%"),
                    )
                    if cursor.fetchone() == (True,):
                        found[word].append(f"{schema}.{table}")
    finally:
        connection.close()
    return found


def _cell(column: str, value: str, row: int = 1) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        table[row][table[0].index(column)] = value

    return change


def _with_unknown_columns(table: Table) -> None:
    table[0] += ["Victim name", "NHS number", "Date of birth"]
    for row in table[1:]:
        row += STORED_NOWHERE[:3]


def _without_header(table: Table) -> None:
    table[0] = ["canary-first-line", *table[1][1:]]


def _with_a_value_as_header(table: Table) -> None:
    table[0][table[0].index("Borough")] = "canary@example.org"


def _changed(file: Path, *changes: Callable[[Table], None]) -> bytes:
    with file.open(encoding="utf-8", newline="") as content:
        table = list(csv.reader(content))
    for change in changes:
        change(table)
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(table)
    return written.getvalue().encode()


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """The files with a manifest that dates them one day after another."""
    folder.mkdir(parents=True)
    lines = [f"{name},2023-01-{day:02}T12:00:00+00:00,," for day, name in enumerate(files, start=1)]
    (folder / "manifest.csv").write_text("\n".join(["file,vintage_at,rows,sha256", *lines, ""]), encoding="utf-8")
    for name, content in files.items():
        (folder / name).write_bytes(content)
