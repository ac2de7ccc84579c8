"""What the bytes of a resource may be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vru.contracts.base import Strict


class Csv(Strict):
    """A delimited text file."""

    kind: Literal["csv"]
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    allow_empty: bool = False
    """A file with a header and no rows is a statement of zero rather than a fault."""


class Geojson(Strict):
    """A GeoJSON feature collection; columns are properties, and `geometry` is the feature's geometry."""

    kind: Literal["geojson"]


Format = Annotated[Csv | Geojson, Field(discriminator="kind")]
