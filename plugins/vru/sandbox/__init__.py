"""A synthetic London and a server that serves it in each partner's true wire format.

Nothing here comes from another package of the platform, so that reader and sandbox cannot agree by
construction. Same seed and same today: same bytes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from vru.sandbox import clock, events, homicide, months, police, population
from vru.sandbox.server import SandboxServer

__all__ = ["SandboxServer", "advance", "configure", "status", "today"]


def today(state_dir: Path | str) -> date:
    """The synthetic today."""
    return clock.read(state_dir).today


def advance(state_dir: Path | str, *, is_silent: bool = False) -> date:
    """Move the synthetic today one calendar month; gives the new one. In a silent month nobody delivers."""
    world = clock.next_month(clock.read(state_dir), is_silent=is_silent)
    clock.write(state_dir, world)
    return world.today


def configure(
    state_dir: Path | str,
    *,
    today: date | None = None,
    seed: int | None = None,
    ealing_defect: bool | None = None,
) -> None:
    """Set what tests may choose; what is not given stays."""
    chosen = {"today": today, "seed": seed, "ealing_defect": ealing_defect}
    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    clock.write(state_dir, replace(clock.read(state_dir), **given))


def status(state_dir: Path | str) -> dict[str, object]:
    """The synthetic today, the newest delivery of each partner, and what is late, restated or broken now."""
    world = clock.read(state_dir)
    day = world.delivered_to
    release = police.latest_release(day)
    late, restated = events.late_delivery(release), events.restated_month(release)
    return {
        "data": "synthetic",
        "today": world.today.isoformat(),
        "seed": world.seed,
        "months_advanced": events.tick(world.today),
        "silent_months": events.tick(world.today) - events.tick(day),
        "police_release": months.month_text(release),
        "homicide_vintage": homicide.vintages(world)[-1].published.isoformat(),
        "population_last_year": population.current_release(day).last_year,
        "late": None if late is None else f"{late.force} {months.month_text(release)}: {', '.join(late.kinds)}",
        "restated": None if restated is None else f"{restated[0]} {months.month_text(restated[1])}",
        "broken": events.broken_partner(day),
    }
