"""The London Datastore: one catalogue entry with several snapshots side by side, and their downloads.

The shape of the answer follows datapress.com/docs/api/dataset-get and the clients of the Greater London
Authority (ldndatar2, lds-data-py): `resources` is an object keyed by resource id, `check_hash` is the MD5
of the content. As at the publisher, addresses in the catalogue are those of the live host.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from urllib.parse import quote

from vru.sandbox import events, homicide, months, seeded
from vru.sandbox.clock import FIRST_TODAY, World
from vru.sandbox.responses import (
    CSV_TYPE,
    Request,
    Response,
    file_response,
    html_page,
    json_response,
    not_found,
)

HOST = "data.london.gov.uk"
DATASET_ID, DATASET_SLUG = "2l1w8", "mps-homicide-dashboard-data"
KEPT_SNAPSHOTS = 6
_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_PUBLISHED_HOUR = 11


@dataclass(frozen=True)
class Resource:
    """One file of the dataset."""

    resource_id: str
    title: str
    file_name: str
    content: bytes
    published: date
    has_checks: bool = True

    @property
    def published_at(self) -> datetime:
        """When it was put up, in UTC."""
        return datetime(self.published.year, self.published.month, self.published.day, _PUBLISHED_HOUR, tzinfo=UTC)

    @property
    def url(self) -> str:
        """Its address at the live host."""
        return f"https://{HOST}/download/{DATASET_ID}/{self.resource_id}/{quote(self.file_name)}"


def _resource_id(seed: int, *key: object) -> str:
    draw = seeded.source(seed, "resource", *key)
    return "".join(draw.choices(_ID_LETTERS, k=5))


def _victims_resource(world: World, vintage: homicide.Vintage) -> Resource:
    until = f"{months.MONTH_NAMES[vintage.last_month.month - 1]} {vintage.last_month.year}"
    is_first = vintage.generation == "2021-05"
    return Resource(
        resource_id=_resource_id(world.seed, "victims", vintage.published),
        title=f"Homicide Victims 2003 - {until} (synthetic data)",
        file_name="Homicide victims.csv" if is_first else f"LDS Homicide Victims 2003-{until}.csv",
        content=homicide.victims_csv(world, vintage),
        published=vintage.published,
    )


def resources(world: World) -> list[Resource]:
    """The files on show today, in the order of the page: accused, then victims, newest last."""
    fixed = replace(world, today=FIRST_TODAY, silences=())  # which files are shown depends on today, their bytes do not
    shown = homicide.vintages(world)[-KEPT_SNAPSHOTS:]
    return list(_resources(fixed, tuple(shown)))


@lru_cache(maxsize=4)
def _resources(fixed: World, shown: tuple[homicide.Vintage, ...]) -> tuple[Resource, ...]:
    newest = shown[-1]
    notes = b"Synthetic data. Explanatory notes of the homicide dashboard: one row is one victim.\n"
    return (
        Resource(
            _resource_id(fixed.seed, "notes"), "Notes on the data (synthetic)", "Notes.txt", notes,
            shown[0].published, has_checks=False,
        ),
        Resource(
            _resource_id(fixed.seed, "accused"), "Homicide Accused (synthetic data)", "Homicide accused.csv",
            homicide.accused_csv(fixed, newest), newest.published,
        ),
        *(_victims_resource(fixed, vintage) for vintage in shown),
    )  # fmt: skip


def _describe(order: int, resource: Resource) -> dict[str, object]:
    described: dict[str, object] = {
        "title": resource.title,
        "url": resource.url,
        "order": order,
        "format": resource.file_name.rpartition(".")[2],
    }
    if resource.has_checks:
        described |= {
            "check_http_status": 200,
            "check_size": len(resource.content),
            "check_hash": hashlib.md5(resource.content, usedforsecurity=False).hexdigest(),
            "check_timestamp": resource.published_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "check_mimetype": "text/csv",
        }
    return described


def catalogue(world: World) -> dict[str, object]:
    """The dataset as the API describes it."""
    shown = resources(world)
    updated = max(resource.published_at for resource in shown)
    return {
        "id": DATASET_ID,
        "slug": DATASET_SLUG,
        "title": "MPS Homicide Dashboard Data (synthetic data)",
        "description": "<p>Synthetic data: an invented London in the format of the real file.</p>",
        "licence": "uk-ogl",
        "createdAt": "2019-05-23T10:00:00.000Z",
        "updatedAt": updated.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "resources": {item.resource_id: _describe(order, item) for order, item in enumerate(shown)},
    }


def respond(request: Request) -> Response:
    """Answer one request to data.london.gov.uk."""
    match request.path.strip("/").split("/"):
        case ["api", "dataset", name] if name in (DATASET_ID, DATASET_SLUG):
            return json_response(catalogue(request.world))
        case ["api", "dataset", _]:
            return json_response({"error": "Dataset not found"}, 404)
        case ["download", name, resource_id, *_] if name in (DATASET_ID, DATASET_SLUG):
            return _download(request.world, resource_id)
        case _:
            return not_found()


def _download(world: World, resource_id: str) -> Response:
    shown = resources(world)
    found = next((resource for resource in shown if resource.resource_id == resource_id), None)
    if found is None:
        return not_found()
    if found is shown[-1] and events.broken_partner(world.delivered_to) == "homicide":
        return html_page()
    content_type = CSV_TYPE if found.file_name.endswith(".csv") else "text/plain; charset=utf-8"
    return file_response(found.content, content_type, found.published_at)
