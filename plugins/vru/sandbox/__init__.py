"""A synthetic London and a server that serves it in each partner's true wire format.

Nothing here comes from another package of the platform, so that reader and sandbox cannot agree by
construction. Same seed and same today: same bytes.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from vru.sandbox import clock, events, homicide, months, police, population
from vru.sandbox.server import SandboxServer

__all__ = ["SandboxServer", "advance", "configure", "status", "today"]


def today(state_dir: Path | str) -> date:
    """The synthetic today."""
    return clock.read(state_dir).today


def advance(state_dir: Path | str) -> date:
    """Move the synthetic today one calendar month; gives the new one."""
    world = clock.next_month(clock.read(state_dir))
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
    world = clock.read(state_dir)
    clock.write(
        state_dir,
        clock.World(
            today=world.today if today is None else today,
            seed=world.seed if seed is None else seed,
            ealing_defect=world.ealing_defect if ealing_defect is None else ealing_defect,
        ),
    )


def status(state_dir: Path | str) -> dict[str, object]:
    """The synthetic today, the newest delivery of each partner, and what is late, restated or broken now."""
    world = clock.read(state_dir)
    release = police.latest_release(world.today)
    late, restated = events.late_delivery(release), events.restated_month(release)
    return {
        "data": "synthetic",
        "today": world.today.isoformat(),
        "seed": world.seed,
        "months_advanced": events.tick(world.today),
        "police_release": months.month_text(release),
        "homicide_vintage": homicide.vintages(world.today)[-1].published.isoformat(),
        "population_last_year": population.current_release(world.today).last_year,
        "late": None if late is None else f"{late.force} {months.month_text(release)}: {', '.join(late.kinds)}",
        "restated": None if restated is None else f"{restated[0]} {months.month_text(restated[1])}",
        "broken": events.broken_partner(world.today),
    }
