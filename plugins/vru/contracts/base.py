"""What every part of a contract is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SLUG = r"^[a-z][a-z0-9_]*$"
Slug = Annotated[str, Field(pattern=SLUG)]


class Strict(BaseModel):
    """A mapping in which an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)
