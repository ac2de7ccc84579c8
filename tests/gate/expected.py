"""What is written down beside the code: what cannot be seen, below what power must not fall, why sound files are warned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vru import documents

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class CannotBeSeen:
    """One line of `cannot_be_seen.yml`: damages that nothing in the situation tells from a sound file, and why.

    `where` are regular expressions by name of a figure (feed, subject, on, size, size_class); empty is everywhere.
    Where something speaks against a damage, a line covers it only if it names that witness.
    """

    situation: str
    kinds: tuple[str, ...]
    limits: tuple[tuple[str, str], ...]
    why: str

    @property
    def where(self) -> str:
        """The limits in words."""
        return ", ".join(f"{name} {pattern}" for name, pattern in self.limits) or "everywhere"

    def covers(self, row: Mapping[str, Any]) -> bool:
        """Whether a result is one of these."""
        return (
            row["situation"] == self.situation
            and row["kind"] in self.kinds
            and (not row["witness"] or "witness" in dict(self.limits))
            and all(re.fullmatch(pattern, str(row[name])) for name, pattern in self.limits)
        )


@dataclass(frozen=True)
class Reason:
    """One line of `warnings.yml`: why sound files of a feed fail a check that warns."""

    world: str
    feed: str
    check: str
    why: str


@cache
def cannot_be_seen() -> list[CannotBeSeen]:
    """The list, in its order."""
    return [
        CannotBeSeen(entry["situation"], tuple(entry["kinds"]), tuple(entry.get("where", {}).items()), entry["why"])
        for entry in documents.read(FOLDER / "cannot_be_seen.yml")
    ]


@cache
def reasons() -> list[Reason]:
    """Why sound files are warned."""
    return [
        Reason(e.get("world", ".*"), e["feed"], e["check"], e["why"])
        for e in documents.read(FOLDER / "warnings.yml") or []
    ]


def is_explained(world: str, feed: str, check: str) -> bool:
    """Whether a warning of a sound file has a reason that is written down."""
    return any(re.fullmatch(r.world, world) and (r.feed, r.check) == (feed, check) for r in reasons())


@cache
def floors() -> dict[str, dict[str, dict[str, float]]]:
    """By world and feed, and situation and size: per cent seen (warned or better) below which power must not fall."""
    return dict(documents.read(FOLDER / "floors.yml") or {})
