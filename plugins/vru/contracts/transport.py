"""How bytes are got: one model per kind of source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vru.contracts.base import Slug, Strict


class Archive(Strict):
    """ZIP archives that hold one file per partition and period (data.police.uk)."""

    kind: Literal["archive"]
    url: str
    """With `{period}` (YYYY-MM, the newest month inside)."""
    latest_url: str
    window_months: int = Field(gt=0)
    partitions: list[str] = Field(default_factory=list)
    """Of which every month should have a file. One that an archive has a file of is expected too, named here or not."""


class Datastore(Strict):
    """A dataset of the London Datastore catalogue."""

    kind: Literal["datastore"]
    url: str
    """Of the catalogue entry, `https://…/api/dataset/ID`."""
    title_pattern: str
    """Regular expression over resource titles; every match is a delivery, oldest first."""


class Pages(Strict):
    """One query to a paged API: at most `limit` rows a page, until as many have come as the source says it has."""

    resource: Slug
    partition: str = ""
    url: str
    file_name: str


class Nomis(Strict):
    """CSV queries to the Nomis API, paged by `recordoffset` up to its RECORD_COUNT."""

    kind: Literal["nomis"]
    queries: list[Pages] = Field(min_length=1)
    limit: int = 25_000


class Arcgis(Strict):
    """Feature-service layers of ArcGIS, paged by `resultOffset` up to the layer's own count.

    The `url` of a query ends in `/query?…`; pages are in the order of the layer's object id unless it says
    `orderByFields`.
    """

    kind: Literal["arcgis"]
    queries: list[Pages] = Field(min_length=1)
    limit: int = 2_000


class Inbox(Strict):
    """Files put into a folder by the partner or by hand."""

    kind: Literal["inbox"]


Transport = Annotated[Archive | Datastore | Nomis | Arcgis | Inbox, Field(discriminator="kind")]
