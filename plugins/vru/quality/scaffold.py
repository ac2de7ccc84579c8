"""The suite that a new feed begins with: what the types of checks say such a resource usually has."""

from __future__ import annotations

from typing import Any

import yaml

from vru.contracts import Contract, Resource
from vru.quality.checks import TYPES


def suite_yaml(contract: Contract) -> str:
    """`expectations/raw/<feed>.yml` for a contract, to be filled in."""
    head = (
        f"# What {contract.title} must be like before anyone relies on it. Each reason is written for the partner:\n"
        "# say more where you know more. docs/checks.md lists every type of check.\n"
    )
    content = {"feed": contract.feed, "resources": {part.name: _section(part) for part in contract.resources}}
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=116)


def _section(resource: Resource) -> dict[str, Any]:
    """Figures are followed by key, or by unit and texts; they are the one column of counts, or numbers of rows."""
    section: dict[str, Any] = {}
    texts = [column.name for column in resource.columns if column.type == "text"]
    if cells := resource.key or ([resource.unit_column, *texts] if resource.unit_column else []):
        section["cells"] = cells
        counts = [column.name for column in resource.columns if column.name.endswith("_count")]
        if len(counts) == 1:
            section["cell_value"] = counts[0]
    return {**section, "checks": [entry for kind in TYPES.values() for entry in kind.usual(resource)]}
