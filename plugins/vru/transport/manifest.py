"""The sidecar of a delivery by folder: `manifest.csv` with the columns file, vintage_at, rows, sha256."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vru.transport.errors import SourceError
from vru.transport.names import base_name

NAME = "manifest.csv"
COLUMNS = ("file", "vintage_at", "rows", "sha256")
MAX_BYTES = 64 << 20
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Line:
    """What the manifest states of one file. `problem` says why the line cannot be used."""

    number: int
    """Physical line; the header is line 1."""
    file: str
    vintage_at: datetime | None
    rows: int | None
    sha256: str | None
    problem: str = ""


def read(path: Path) -> list[Line]:
    """The lines in their order. Raises SourceError where the manifest as a whole cannot be read."""
    if path.stat().st_size > MAX_BYTES:
        raise _unreadable(f"larger than {MAX_BYTES} bytes")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            if missing := [name for name in COLUMNS[:2] if name not in header]:
                raise _unreadable(f"line 1: no column {' and '.join(missing)}")
            at = {name: header.index(name) for name in COLUMNS if name in header}
            return [_line(reader.line_num, at, row) for row in reader if any(cell.strip() for cell in row)]
    except UnicodeDecodeError as error:
        raise _unreadable("not UTF-8") from error
    except csv.Error as error:
        raise _unreadable("not a sound CSV file; look for an open quote") from error


def _line(number: int, at: dict[str, int], row: list[str]) -> Line:
    cells = {name: row[index].strip() if index < len(row) else "" for name, index in at.items()}
    file, rows, sha256 = cells["file"], cells.get("rows", ""), cells.get("sha256", "").lower()
    problem = ""
    if not file or base_name(file) != file or file in (".", ".."):
        problem, file = "'file' must be the bare name of a file in this folder", base_name(file)
    elif rows and not (rows.isascii() and rows.isdigit()):
        problem = "'rows' must be a whole number or empty"
    elif sha256 and SHA256.fullmatch(sha256) is None:
        problem = "'sha256' must be 64 hexadecimal digits or empty"
    vintage_at = _instant(cells["vintage_at"])
    if vintage_at is None and not problem:
        problem = "'vintage_at' must be a date or time like 2024-02-29 or 2024-02-29T10:00:00Z"
    if problem:
        return Line(number, file, None, None, None, f"manifest_line: {NAME}, line {number}: {problem}")
    return Line(number, file, vintage_at, int(rows) if rows else None, sha256 or None)


def _instant(text: str) -> datetime | None:
    """A stated instant in UTC; a bare date is its midnight in UTC, and a time without zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _unreadable(what: str) -> SourceError:
    return SourceError(
        f"manifest_unreadable: {NAME}: {what}; mend it, nothing of the folder is loaded", outcome="refused"
    )
