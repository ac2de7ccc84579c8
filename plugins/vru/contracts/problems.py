"""What is wrong in a YAML file, said for whoever wrote it: the key, the mistake and the mend."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

NAMES = ("name", "definition_id", "kind")
"""Keys that name an element of a list better than its position does."""


def problems(content: Any, error: ValidationError) -> str:
    """Every mistake as `key a.b.c: what; mend`, with names in place of list positions."""
    return "; ".join(_problem(content, dict(item)) for item in error.errors())


def _problem(content: Any, item: dict[str, Any]) -> str:
    parts: list[str] = []
    node = content
    for step in item["loc"]:
        node = _child(node, step)
        name = _name(node) if isinstance(step, int) and isinstance(node, dict) else None
        parts.append(str(name or step))
    message = item["msg"].removeprefix("Value error, ")
    mend = {
        "missing": "add it",
        "extra_forbidden": "unknown key; remove it or correct the spelling",
    }.get(item["type"], "")
    return f"key {'.'.join(parts) or '(top)'}: {message}{'; ' + mend if mend else ''}"


def _name(node: dict[str, Any]) -> Any:
    return next((node[key] for key in NAMES if node.get(key)), None)


def _child(node: Any, step: str | int) -> Any:
    try:
        return node[step]
    except (KeyError, IndexError, TypeError):
        return node if isinstance(node, dict) else None
