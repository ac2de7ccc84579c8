"""A small contract in which every rule of a parse can be tried."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from vru.contracts import Contract
from vru.parsing import Chunk, Reading, read

COLUMNS: list[dict[str, Any]] = [
    {"name": "code", "aliases": ["Code"], "nullable": False, "mandatory": True},
    {"name": "month", "type": "month", "aliases": ["Month"], "formats": ["%Y-%m", "%b-%y"], "nullable": False},
    {"name": "kind", "aliases": ["Kind"], "values": {"Knife": ["Blade"], "Other": []}, "mandatory": True},
    {"name": "victims", "type": "integer", "aliases": ["Victims"]},
    {"name": "rate", "type": "decimal", "aliases": ["Rate"], "null_markers": ["n/a"]},
    {"name": "note", "aliases": ["Note"], "required": False},
]


def contract(columns: list[dict[str, Any]] | None = None, **resource: Any) -> Contract:
    """A feed with one resource of these columns."""
    shape = {
        "name": "rows",
        "description": "Rows for a test.",
        "formats": [{"kind": "csv"}],
        "delivery": "snapshot",
        "columns": [{"description": "A column for a test.", **c} for c in columns or COLUMNS],
        **resource,
    }
    return feed([shape])


def feed(resources: list[dict[str, Any]]) -> Contract:
    """A feed with these resources."""
    return Contract.model_validate(
        {
            "feed": "test_feed",
            "title": "Test",
            "publisher": "Test",
            "owner": "Test",
            "description": "A feed that exists only so that the rules of a parse can be tried.",
            "licence": "none",
            "attribution": "none",
            "homepage": "https://example.org",
            "contract_version": 1,
            "schedule": "0 0 * * *",
            "cadence_days": 1,
            "due_lag_days": 1,
            "transport": {"kind": "inbox"},
            "when_red": "Look at the test that failed, then mend it.",
            "resources": resources,
        }
    )


class Result:
    """A reading that was read to its end."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.chunks: list[Chunk] = list(reading)
        self.rejects = [r for c in self.chunks for r in c.rejects]
        self.nulled = [n for c in self.chunks for n in c.nulled]
        rows: list[dict[str, Any]] = [row for c in self.chunks for row in c.frame.to_dicts()]
        is_wide = reading.resource.unpivot is not None
        #: Of a wide record with its parts; of any other record the part is 0.
        self.rows = rows if is_wide else [{k: v for k, v in row.items() if k != "part"} for row in rows]
        assert reading.rows_parsed == sum(c.records for c in self.chunks)
        assert reading.raw_rows == len(rows)
        assert reading.rows_rejected == len({r.line_number for r in self.rejects})
        if not is_wide:
            assert reading.rows_accepted == len(rows)
            assert {row["part"] for row in rows} | {r.part for r in self.rejects} <= {0}

    @property
    def codes(self) -> list[tuple[int, str, str]]:
        """Line, column and code of every reject."""
        return [(r.line_number, r.column, r.code) for r in self.rejects]


Parse = Callable[..., Result]


@pytest.fixture
def parse() -> Parse:
    """Reads text or bytes under the test contract, or another one, to the end."""

    def run(content: str | bytes, under: Contract | None = None, *, name: str = "file.csv", **options: Any) -> Result:
        data = content.encode() if isinstance(content, str) else content
        under = under or contract()
        return Result(read(under, under.resources[0].name, io.BytesIO(data), file_name=name, **options))

    return run
