"""What a file name says about its content."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import PurePosixPath

from vru.contracts import Contract
from vru.periods import unit_end, unit_start
from vru.received import Named

_BLANKS = re.compile(r"[_\s]+")


def base_name(file_name: str) -> str:
    """The last part of a path, whichever slashes it is written with."""
    return PurePosixPath(file_name.replace("\\", "/")).name


def match(contract: Contract, file_name: str) -> Named | None:
    """What the first fitting pattern of the contract reads from this name; None if none fits.

    A name whose period is no date does not fit.
    """
    name = _BLANKS.sub("-", base_name(file_name))
    for resource in contract.resources:
        for known in resource.names:
            found = re.search(known.pattern, name, re.IGNORECASE)
            if found is None:
                continue
            groups = found.groupdict()
            partition, text = groups.get("partition"), groups.get("period")
            start = end = None
            if text is not None:
                try:
                    day = datetime.strptime(text, known.period_format).date()  # noqa: DTZ007 - a date has no zone
                except ValueError:
                    continue
                start = unit_start(day, resource.grain)
                end = None if resource.grain == "none" else unit_end(day, resource.grain)
            return Named(resource.name, partition.lower() if partition else None, start, end)
    return None


def named(contract: Contract, file_name: str) -> Named | None:
    """As `match`; a feed with one resource gives that one whatever the name."""
    found = match(contract, file_name)
    if found is None and len(contract.resources) == 1:
        return Named(contract.resources[0].name, None, None, None)
    return found
