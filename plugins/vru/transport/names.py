"""What a file name says about its content."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from vru.contracts import Contract, Resource, Workbook
from vru.periods import read_time, unit_end, unit_start
from vru.received import Named
from vru.spelling import compared, trimmed

SUFFIXES = (
    ".csv", ".txt", ".tsv", ".json", ".geojson", ".xls", ".xlsx", ".xlsm", ".xlsb", ".ods", ".pdf", ".zip", ".gz",
    ".parquet", ".xml",
)  # fmt: skip
"""Endings of names that say what the content is."""
FOREIGN_FOLDERS = frozenset({"__MACOSX"})
"""Folders of an archive in which the program that made it keeps what is its own."""
_BLANKS = re.compile(r"[_\s]+")
_STARTS = "_(["
"""How a partner's name may begin, besides a letter or digit. Programs mark what is theirs: `.x`, `~$x`, `#x#`."""


def base_name(file_name: str) -> str:
    """The last part of a path, whichever slashes it is written with."""
    return PurePosixPath(file_name.replace("\\", "/")).name


def is_delivery(contract: Contract, file_name: str) -> bool:
    """Whether a name is that of a delivery, from its first letter to its ending, and not only in part.

    It begins as names do that people give, ends in what says what the content is (or in nothing), and fits a pattern of
    the contract, unless a resource has none. So a file on its way (`x.csv.part`), one that marks another as open
    (`~$x.xlsx`), a system's notes (`Thumbs.db`, `._x.csv`) and what belongs to somebody else are none.
    """
    name = base_name(file_name)
    suffix = PurePosixPath(name).suffix.lower()
    if not name or not (name[0].isalnum() or name[0] in _STARTS) or (suffix and suffix not in SUFFIXES):
        return False
    return match(contract, name) is not None or any(not resource.names for resource in contract.resources)


def match_member(contract: Contract, member_name: str) -> Named | None:
    """What the name of an archive's member says; None for one that is no delivery, wherever in the archive it lies."""
    folders = PurePosixPath(member_name.replace("\\", "/")).parts[:-1]
    if any(part.startswith(".") or part in FOREIGN_FOLDERS for part in folders):
        return None
    return match(contract, member_name) if is_delivery(contract, member_name) else None


def match(contract: Contract, file_name: str) -> Named | None:
    """What the first fitting pattern of the contract reads from this name; None if none fits.

    A name whose period is no date does not fit.
    """
    return next((says for resource in contract.resources if (says := match_resource(resource, file_name))), None)


def match_resource(resource: Resource, file_name: str) -> Named | None:
    """What the first fitting pattern of this resource reads from a file's name; None if none fits."""
    name = _BLANKS.sub("-", base_name(file_name))
    found = (_read(resource, known.pattern, known.period_format, name) for known in resource.names)
    return next((says for says in found if says is not None), None)


def match_sheet(resource: Resource, form: Workbook, sheet: str) -> Named | None:
    """What the name of a sheet says, if the resource is read from that sheet; None if it is not."""
    if form.sheet is not None:
        is_it = compared(sheet) == compared(form.sheet)
        return Named(resource.name, None, None, None) if is_it else None
    return _read(resource, form.sheet_pattern or "", form.period_format, trimmed(sheet))


def _read(resource: Resource, pattern: str, period_format: str, name: str) -> Named | None:
    found = re.search(pattern, name, re.IGNORECASE)
    if found is None:
        return None
    groups = found.groupdict()
    partition, text = groups.get("partition"), groups.get("period")
    start = end = None
    if text is not None:
        read = read_time(text, [period_format])
        if read is None:
            return None
        day = read.date()
        start = unit_start(day, resource.grain)
        end = None if resource.grain == "none" else unit_end(day, resource.grain)
    return Named(resource.name, partition.lower() if partition else None, start, end)


def named(contract: Contract, file_name: str) -> Named | None:
    """As `match`; a feed with one resource gives that one whatever the name."""
    found = match(contract, file_name)
    if found is None and len(contract.resources) == 1:
        return Named(contract.resources[0].name, None, None, None)
    return found
