"""A feed contract: the single source of truth about one partner feed.

Where its bytes come from, how they are cut into deliveries, what every column means and which spellings stand for
the same value. Nothing about a feed lives in Python.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from vru.contracts.base import Slug, Strict
from vru.contracts.resource import Parent, Resource
from vru.contracts.transport import Arcgis, Nomis, Transport


class Contract(Strict):
    """A partner feed."""

    feed: Slug
    title: str
    publisher: str
    owner: str = Field(min_length=3)
    """Who answers for the data at the partner."""
    description: str = Field(min_length=40)
    licence: str
    attribution: str
    homepage: str
    personal_data: bool = False
    contract_version: int = Field(ge=1)
    schedule: str
    """Cron expression, Europe/London."""
    cadence_days: Annotated[int, Field(gt=0)] | Literal["never"]
    """Days from one delivery to the next; `never` where each partition is a vintage that stands as it was stated."""
    due_lag_days: int = Field(ge=0)
    """Days after the end of a period by which it should have come."""
    tolerance_pct: float = Field(default=1.0, ge=0, le=1.0)
    """Share of rows in quarantine above which a batch is held."""
    row_is_person: bool = False
    """A row is a person or a death: tolerance 0, and unknown descriptive values null the cell only."""
    allowed_hosts: list[str] = Field(default_factory=list)
    transport: Transport
    when_red: str = Field(min_length=20)
    """What the data engineer does when the feed's run fails."""
    resources: list[Resource] = Field(min_length=1)

    def resource(self, name: str) -> Resource:
        """The resource of that name; KeyError if there is none."""
        for resource in self.resources:
            if resource.name == name:
                return resource
        raise KeyError(name)

    def raw_table(self, resource: str) -> str:
        """Name of the resource's table in schema `raw`."""
        return self.feed if len(self.resources) == 1 else f"{self.feed}__{resource}"

    @property
    def fingerprint(self) -> str:
        """sha256 over everything that can change what a parse makes of the same bytes.

        What is left at its default is left out, so that a new option changes no contract that does not use it.
        """
        resources = [r.model_dump(mode="json", exclude_defaults=True) for r in self.resources]
        _without_prose(resources)
        parse = {"resources": resources, "person": self.row_is_person}
        return hashlib.sha256(json.dumps(parse, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        names = [r.name for r in self.resources]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"resource {twice} is declared twice")
        for child in self.resources:
            if child.parent is not None:
                self._check_parent(child, child.parent)
        regular = [r.name for r in self.resources if r.delivery == "period"]
        if self.cadence_days == "never" and regular:
            raise ValueError(f"'cadence_days' must be a number: resource {regular} comes period by period")
        if self.row_is_person and self.tolerance_pct != 0:
            raise ValueError("'tolerance_pct' must be 0 where a row is a person or a death")
        if isinstance(self.transport, Nomis | Arcgis):
            for query in self.transport.queries:
                if query.resource not in names:
                    raise ValueError(f"transport query names resource '{query.resource}', which is not declared")
        return self

    def _check_parent(self, child: Resource, of: Parent) -> None:
        """A child whose key no record of its parent could have, or that is cut otherwise, would be taken for new."""
        parent = next((r for r in self.resources if r.name == of.resource), None)
        if parent is None or parent.delivery != "upsert" or parent.parent is not None:
            raise ValueError(
                f"resource '{child.name}': its parent '{of.resource}' must be an upsert with a key of its own"
            )
        if list(of.key) != parent.key:
            raise ValueError(f"resource '{child.name}': 'parent' must map {parent.key}, the key of '{parent.name}'")
        for theirs, own in of.key.items():
            if child.column(own).type != parent.column(theirs).type:
                raise ValueError(f"resource '{child.name}': '{own}' must be of the type of '{parent.name}.{theirs}'")
        if (child.partition is None) != (parent.partition is None):
            raise ValueError(
                f"resource '{child.name}' and its parent '{parent.name}' must be cut into the same partitions"
            )


def _without_prose(node: Any) -> None:
    """Drop descriptions and reasons: rewording them changes no parse."""
    if isinstance(node, dict):
        for key in ("description", "reason", "mandatory"):
            node.pop(key, None)
        for value in node.values():
            _without_prose(value)
    elif isinstance(node, list):
        for value in node:
            _without_prose(value)
