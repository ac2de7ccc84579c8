"""Clean files and what is done to them: a change is a mapping in a YAML file beside this module.

Each change names its records (`records`: all, a number from 1, or [first, last]; `where`: {header: value, or
part of it and *}; all if it names none) and does one thing: `set` cells, `replace` a part of them, `drop` the records, or
append `copies` of them with `set` applied to each. A text may name `{n}`, the number of the record, or of the copy.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from vru import documents

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
Record = dict[str, Any]
Change = Mapping[str, Any]


@dataclass(frozen=True)
class Delivery:
    """A file as it comes: its bytes, and what the manifest beside it states."""

    feed: str
    file_name: str
    content: bytes
    vintage: str
    announced: int | None = None


@cache
def plans() -> dict[tuple[str, str], Change]:
    """What is done to each resource's clean file, by feed and resource."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.yml")):
        plan = documents.read(path)
        assert plan["feed"] == path.stem
        found.update({(path.stem, resource): part for resource, part in plan["resources"].items()})
    return found


def delivery(feed: str, resource: str, case: Change) -> Delivery:
    """The resource's clean file with what every case changes, then with what this one does."""
    plan = plans()[feed, resource]
    changes = [*plan.get("base", []), *case.get("changes", [])]
    content = changed((FIXTURES / feed / plan["file"]).read_bytes(), changes)
    if case.get("is_cut"):
        content = content.removesuffix(b"\n")
    name = case.get("file", plan.get("name", plan["file"]))
    return Delivery(feed, name, content, str(case.get("vintage", plan["vintage"])), case.get("announced"))


def changed(content: bytes, changes: Iterable[Change]) -> bytes:
    """The file after the changes, in its own format."""
    if content.startswith(b"{"):
        features = json.loads(content)["features"]
        records = [{**feature["properties"], "geometry": feature["geometry"]} for feature in features]
    else:
        records = list(csv.DictReader(io.StringIO(content.decode())))
    for change in changes:
        records = _after(records, change)
    headers = list(dict.fromkeys(header for record in records for header in record))
    if content.startswith(b"{"):
        made = [
            {
                "type": "Feature",
                "properties": {h: v for h, v in r.items() if h != "geometry"},
                "geometry": r["geometry"],
            }
            for r in records
        ]
        return json.dumps({"type": "FeatureCollection", "features": made}).encode()
    text = io.StringIO()
    writer = csv.DictWriter(text, headers, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def _after(records: list[Record], change: Change) -> list[Record]:
    assert set(change) <= {"records", "where", "set", "replace", "drop", "copies"}, f"unknown key in {dict(change)}"
    chosen = [number for number, record in enumerate(records, start=1) if _is_meant(number, record, change)]
    assert chosen, f"no record is meant by {dict(change)}"
    cells = change.get("set", {})
    if change.get("drop"):
        return [record for number, record in enumerate(records, start=1) if number not in chosen]
    if copies := change.get("copies", 0):
        copied = [records[number - 1] for _ in range(copies) for number in chosen]
        return [*records, *(_with(record, cells, number) for number, record in enumerate(copied, start=1))]
    for number in chosen:
        record = records[number - 1]
        parts = {header: record[header].replace(*pair) for header, pair in change.get("replace", {}).items()}
        records[number - 1] = _with({**record, **parts}, cells, number)
    return records


def _is_meant(number: int, record: Record, change: Change) -> bool:
    records = change.get("records", "all")
    first, last = (1, number) if records == "all" else records if isinstance(records, list) else (records, records)
    return first <= number <= last and all(
        fnmatchcase(record[header], value) for header, value in change.get("where", {}).items()
    )


def _with(record: Record, cells: Mapping[str, Any], number: int) -> Record:
    return {**record, **{h: v.format(n=number) if isinstance(v, str) else v for h, v in cells.items()}}
