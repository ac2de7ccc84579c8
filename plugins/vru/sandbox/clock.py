"""The synthetic today, kept in one small JSON file in a folder that the caller gives."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from vru.sandbox import months

FIRST_TODAY = date(2022, 10, 15)
DEFAULT_SEED = 2014
FILE_NAME = "sandbox_clock.json"


@dataclass(frozen=True)
class World:
    """What decides every byte that the sandbox serves."""

    today: date = FIRST_TODAY
    seed: int = DEFAULT_SEED
    ealing_defect: bool = False
    """Whether the homicide vintages published in 2022 move victims to Ealing, as one real copy did."""


def read(state_dir: Path | str) -> World:
    """The world as the folder states it; the first one where the folder holds none."""
    path = Path(state_dir) / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return World()
    stored = json.loads(text)
    return World(
        today=date.fromisoformat(stored["today"]),
        seed=int(stored["seed"]),
        ealing_defect=bool(stored["ealing_defect"]),
    )


def write(state_dir: Path | str, world: World) -> None:
    """Replace the state in one step, so that a reader sees the old or the new one and never a part."""
    folder = Path(state_dir)
    folder.mkdir(parents=True, exist_ok=True)
    stored = {"today": world.today.isoformat(), "seed": world.seed, "ealing_defect": world.ealing_defect}
    handle, name = tempfile.mkstemp(dir=folder, prefix=FILE_NAME, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(stored) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(folder / FILE_NAME)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def next_month(world: World) -> World:
    """The same world on the same day of the month after."""
    month = months.add_months(months.first_day(world.today), 1)
    return World(month.replace(day=world.today.day), world.seed, world.ealing_defect)
