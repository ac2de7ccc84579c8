"""What comes before a report is written: marts that hold what was let in, and disclosure control of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import datetime

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ready:
    """Where the published marts are, and whether something was let in that they do not hold."""

    schema: str = "marts"
    are_marts_old: bool = False
    fell_short: list[str] = field(default_factory=list)
    """One line for each table that was withheld because the marts contradict its publisher."""


def make_ready(known_at: datetime | None = None, admitted_at: datetime | None = None) -> Ready:
    """Build the marts where a build is due, or those of (K, W), and publish of them what may leave.

    Where a build that is due fails, the marts in use stand, and the report says that they are old. Raises BuildError
    where there are no marts to fall back on, and what disclosure control refuses.
    """
    from vru import transform
    from vru.contracts import load_contracts
    from vru.disclosure.publish import publish
    from vru.landing import Landing
    from vru.settings import settings

    ready = Ready()
    if known_at is not None or admitted_at is not None:
        result = transform.build(known_at, admitted_at)
        if result is None:
            raise transform.BuildError("the past marts were not built; run `vru build` with the same instants")
        ready = Ready(result.schema)
    elif transform.is_due():
        try:
            transform.build()
        except transform.BuildError as error:
            if not transform.has_marts():
                raise
            log.error("a build is due and failed; the report rests on the marts in use: %s", error)
            ready = Ready(are_marts_old=True)
    done = publish(landing=Landing(settings().landing_dir), contracts=load_contracts(), schema=ready.schema)
    return replace(ready, fell_short=done.fell_short)
