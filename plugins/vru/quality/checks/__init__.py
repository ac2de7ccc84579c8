"""Every type of check, declared once: its level, the columns it needs, its parameters and its SQL.

Suites, gate, quarantine, comparisons and the scaffold of a new feed share the table `TYPES`.
"""

from vru.quality.checks import (  # noqa: F401 # each declares its types
    deliveries,
    names,
    periods,
    restated,
    rows,
    tables,
    units,
    vintages,
)
from vru.quality.checks.base import TYPES, BetweenCheck, CheckType, RowCheck, RowsCheck, SaidCheck, StatementCheck
from vru.quality.checks.subject import Subject
from vru.quality.checks.vintages import VintageCheck

__all__ = [
    "TYPES", "BetweenCheck", "CheckType", "RowCheck", "RowsCheck", "SaidCheck", "StatementCheck", "Subject",
    "VintageCheck",
]  # fmt: skip
