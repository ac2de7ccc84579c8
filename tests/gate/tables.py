"""The tables: for each feed what damage of what size comes to, and for sound files what is held or warned.

`python -m tests.gate.tables` prints what the last run measured, writes it to `build/gate/tables.md` and ends with one line.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.gate.expected import CannotBeSeen, cannot_be_seen

OUTCOMES = ("held", "withheld", "mended", "warned", "missed")
ORDER = ("large", "small", "tiny")
CLASS = {"large": "a tenth or more", "small": "2 to 10 %", "tiny": "less than 2 %"}
Row = dict[str, Any]


def results_dir() -> Path:
    """Where results and tables are written; git ignores it."""
    folder = Path(os.environ.get("GATE_TABLES") or Path(__file__).parents[2] / "build" / "gate")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read(kind: str) -> list[Row]:
    """What the tests of this run wrote: `damages`, `sound` or `natural`."""
    return [row for path in sorted(results_dir().glob(f"{kind}-*.json")) for row in json.loads(path.read_text("utf-8"))]


def write(kind: str, name: str, rows: Iterable[Row]) -> None:
    """Keep what one test measured."""
    (results_dir() / f"{kind}-{name}.json").write_text(json.dumps(list(rows)), "utf-8")


def power(rows: list[Row], feed: str) -> list[str]:
    """The two tables of a feed: by what speaks against the damage, and by damage and size."""
    lines = [f"## {feed}", ""]
    lines += ["| there is | witness | size | tried | held | withheld | put right | warned | missed | cause named |"]
    lines += ["|---|---|---|---|---|---|---|---|---|---|"]
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["situation"], row["witness"] or "none", row["size_class"]].append(row)
    for (situation, witness, size), found in sorted(
        groups.items(), key=lambda item: (*item[0][:2], ORDER.index(item[0][2]))
    ):
        lines.append(f"| {situation} | {witness} | {CLASS[size]} | {_figures(found)} |")
    lines += ["", "| damage | size | there is | tried | held | withheld | put right | warned | missed | cause named |"]
    lines += ["|---|---|---|---|---|---|---|---|---|---|"]
    by_kind: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_kind[row["kind"], row["size"], row["situation"]].append(row)
    lines += [f"| {' | '.join(key)} | {_figures(found)} |" for key, found in sorted(by_kind.items())]
    return [*lines, ""]


def _figures(rows: list[Row]) -> str:
    count = Counter(row["outcome"] for row in rows)
    seen = [row for row in rows if row["outcome"] != "missed"]
    right = sum(row["is_right"] for row in seen)
    return " | ".join([str(len(rows)), *(str(count[o] or "") for o in OUTCOMES), f"{right} of {len(seen)}"])


def sound(rows: list[Row]) -> list[str]:
    """Sound files: how many, held, warned."""
    lines = [
        "## Sound files",
        "",
        "| world | feed | files | held | warned | of these with a reason written down |",
        "|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["world"], row["feed"]].append(row)
    for (world, feed), found in sorted(groups.items()):
        warned = [row for row in found if row["warned"]]
        lines.append(
            f"| {world} | {feed} | {len(found)} | {sum(row['is_held'] for row in found)} | {len(warned)} | "
            f"{sum(not row['unexplained'] for row in warned)} |"
        )
    return [*lines, ""]


def unseen(listed: list[CannotBeSeen], rows: list[Row]) -> list[str]:
    """What cannot be seen, and why."""
    lines = ["## What cannot be seen", "", "| there is | damage | where | missed | why |", "|---|---|---|---|---|"]
    for entry in listed:
        found = [row for row in rows if entry.covers(row)]
        missed = sum(row["outcome"] == "missed" for row in found)
        lines.append(
            f"| {entry.situation} | {', '.join(entry.kinds)} | {entry.where} | {missed} of {len(found)} | {entry.why} |"
        )
    return [*lines, ""]


def main() -> int:
    """Print and write the tables; 1 where a line of what cannot be seen is stale."""
    damages, files, variation = read("damages"), read("sound"), read("natural")
    lines = ["# The gate's power", ""]
    for feed in sorted({row["feed"] for row in damages}):
        lines += power([row for row in damages if row["feed"] == feed], feed)
        told = sorted(
            {f"- {row['world']}, {row['subject']}: {row['told']}" for row in variation if row["feed"] == feed}
        )
        lines += ["Natural variation:", *told, ""] if told else []
    lines += sound(files)
    listed = cannot_be_seen()
    lines += unseen(listed, damages)
    worlds = {row["world"] for row in damages}
    stale = [
        f"{entry.situation}, {', '.join(entry.kinds)}, {entry.where}" for entry in listed
        if {"real", "seed-2014"} <= worlds and not any(entry.covers(row) and row["outcome"] == "missed" for row in damages)
    ]  # fmt: skip
    lines += [f"stale line of what cannot be seen: {line}" for line in stale]
    lines.append(_summary(damages, files))
    text = "\n".join(lines)
    (results_dir() / "tables.md").write_text(f"{text}\n", "utf-8")
    print(text)
    return int(bool(stale))


def _summary(damages: list[Row], files: list[Row]) -> str:
    def share(rows: list[Row], outcomes: tuple[str, ...]) -> str:
        return f"{100 * sum(r['outcome'] in outcomes for r in rows) / len(rows):.1f} %" if rows else "-"

    kept_out = OUTCOMES[:3]
    witnessed = [row for row in damages if row["witness"] and not row["is_listed"]]
    large = [row for row in witnessed if row["size_class"] == "large"]
    small = [row for row in witnessed if row["size_class"] == "small"]
    right = [row for row in small if row["is_right"] or row["outcome"] == "missed"]
    history = [row for row in damages if row["situation"] == "history" and row["is_whole"] and not row["is_listed"]]
    return (
        f"{len(damages)} damages: with a witness {share(large, kept_out)} of {len(large)} large ones kept out, "
        f"{share(right, OUTCOMES[:4])} of {len(small)} of 2 to 10 % seen for the right cause; with history alone "
        f"{share(history, kept_out)} of {len(history)} of the whole delivery; sound files: {len(files)}, "
        f"{sum(row['is_held'] for row in files)} held, {sum(bool(row['unexplained']) for row in files)} warned without a reason"
    )


if __name__ == "__main__":
    sys.exit(main())
