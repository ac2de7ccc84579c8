"""The versioned parameters of disclosure control."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from vru import documents

POLICY_FILE = Path(__file__).with_name("policy.yml")


class Recount(BaseModel):
    """How the rows of one resource are counted: the sum of ``count_column`` by period and area column.

    ``where`` names the values that a row must have in some of its columns.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    feed: str
    resource: str
    period_column: str
    area_column: str
    count_column: str
    where: dict[str, list[str]] = {}


class Policy(BaseModel):
    """The parameters; the meaning of each stands in the rules that use it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy_version: int = Field(ge=1)
    redact_from: int = Field(ge=1)
    redact_to: int = Field(ge=1)
    round_to: int = Field(ge=1)
    marker: str = Field(min_length=1)
    minimum_possible_values: int = Field(ge=2)
    known_change_to: int = Field(ge=0)
    open_licences: list[str]
    details: list[str]
    grains: dict[str, list[str]]
    large_kind: int
    large_grains: dict[str, list[str]]
    parts: dict[str, list[str]]
    recounts: dict[str, Recount]


@cache
def load_policy(path: Path = POLICY_FILE) -> Policy:
    """The policy in ``path``. Raises DocumentError, and ValidationError where a parameter is missing or unknown."""
    return Policy.model_validate(documents.read(path))
