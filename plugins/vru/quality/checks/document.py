"""`docs/checks.md`, made of the table of types: `python -m vru.quality.checks.document > docs/checks.md`."""

from __future__ import annotations

import inspect
import sys
from typing import get_args

from vru.quality.checks import TYPES, CheckType
from vru.quality.checks.base import Level

_HEAD = """\
# Types of checks

Every type that a suite in `expectations/` may use. This page is made of the table in `plugins/vru/quality/checks/`:
`python -m vru.quality.checks.document > docs/checks.md`.

An entry of a suite has `id`, `type`, `severity` and `reason`; `column`, `where` and `query` stand beside them, every
other parameter under `kwargs`. A parameter without a value below must be given. `where`, `query` and text under
`kwargs` may name `{today}`, `{period_start}`, `{period_end}` and `{partition}`, a query also `{batch}` and `{schema}`.

A failed check of rows that is `critical` sends those rows to quarantine, and holds the batch when they are more than
the contract tolerates; any other that is `critical` holds the batch. A `warning` is noted. `{withhold: [column]}` lets
the batch in and keeps the column out of every measure; the contract must list it under `withholdable`. Types marked `m`
may stand in a suite of a mart too, critical or warning.
"""
_ABOUT: dict[Level, str] = {
    "row": "single rows",
    "table": "the rows as a whole",
    "delivery": "what was stated with the file",
    "between vintages": "the newest sound vintage stated before; where there is none, the check holds",
    "between periods": "earlier periods of the same partition; where there are too few, the check holds",
}


def markdown() -> str:
    """The page."""
    parts = [_HEAD]
    for level in get_args(Level):
        parts.append(f"## {level.capitalize()}: {_ABOUT[level]}\n")
        parts.append("| type | columns | other parameters | severity | what must hold |\n|---|---|---|---|---|")
        parts += [_line(kind) for _, kind in sorted(TYPES.items()) if kind.level == level]
        parts.append("")
    return "\n".join(parts)


def _line(kind: type[CheckType]) -> str:
    columns = kind.column_parameters()
    told = [f"`{name}`: {' or '.join(names.types) or 'any'}{_default(kind, name)}" for name, names in columns.items()]
    others = [f"`{name}`{_default(kind, name)}" for name in kind.model_fields if name not in columns]
    about = " ".join((inspect.getdoc(kind) or "").split())
    marts = " `m`" if kind.is_for_marts else ""
    return (
        f"| `{kind.called}`{marts} | {', '.join(told)} | {', '.join(others)} | {', '.join(kind.severities)} | {about} |"
    )


def _default(kind: type[CheckType], name: str) -> str:
    field = kind.model_fields[name]
    if field.is_required():
        return ""
    default = field.get_default(call_default_factory=True)
    return f" = {default}" if default or default == 0 else " = none"


if __name__ == "__main__":
    sys.stdout.write(markdown())
