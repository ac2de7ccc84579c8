"""The kinds of report that there are: the folders of `reports`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from vru.reporting import reports
from vru.reporting.model import Report


def kinds() -> list[str]:
    """Their names, in order; none is imported for it."""
    return sorted(module.name for module in iter_modules(reports.__path__) if module.ispkg)


def load(kind: str) -> Report:
    """The report of this kind. Raises ValueError if there is none."""
    if kind not in kinds():
        raise ValueError(f"no report '{kind}'; there is: {', '.join(kinds())}")
    found: Report = import_module(f"{reports.__name__}.{kind}").REPORT
    return found
