"""The synthetic today, kept in one small JSON file in a folder that the caller gives."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, replace
from datetime import date, timedelta
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
    silences: tuple[tuple[date, date], ...] = ()
    """Stretches in which nobody delivered: the day after which, and the day until which; in order of time."""

    @property
    def delivered_to(self) -> date:
        """The day up to which partners have delivered: today, or in a silence the day on which it began."""
        return self.silences[-1][0] if self.is_silent else self.today

    @property
    def is_silent(self) -> bool:
        """Whether nobody has delivered since the last `next`."""
        return bool(self.silences) and self.silences[-1][1] == self.today

    def heard_on(self, day: date) -> date:
        """The day on which what was due to come out on this one did: after a silence, the day after its end."""
        for start, end in self.silences:
            if start < day <= end:
                return end + timedelta(days=1)
        return day


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
        silences=tuple(
            (date.fromisoformat(start), date.fromisoformat(end)) for start, end in stored.get("silences", [])
        ),
    )


def write(state_dir: Path | str, world: World) -> None:
    """Replace the state in one step, so that a reader sees the old or the new one and never a part."""
    folder = Path(state_dir)
    folder.mkdir(parents=True, exist_ok=True)
    stored = {
        "today": world.today.isoformat(),
        "seed": world.seed,
        "ealing_defect": world.ealing_defect,
        "silences": [[start.isoformat(), end.isoformat()] for start, end in world.silences],
    }
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


def next_month(world: World, *, is_silent: bool = False) -> World:
    """The same world on the same day of the month after; in a silent month nobody delivers."""
    today = months.add_months(months.first_day(world.today), 1).replace(day=world.today.day)
    if not is_silent:
        return replace(world, today=today)
    before = world.silences[:-1] if world.is_silent else world.silences
    return replace(world, today=today, silences=(*before, (world.delivered_to, today)))
