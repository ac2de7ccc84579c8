"""data.police.uk and the store that its archive redirects to."""

from __future__ import annotations

from datetime import date

from vru.sandbox import archive, events, months, police
from vru.sandbox.clock import FIRST_TODAY, World
from vru.sandbox.responses import (
    ZIP_TYPE,
    Request,
    Response,
    file_response,
    json_response,
    not_found,
    redirect,
)

HOST, STORE_HOST = "data.police.uk", "policeuk-data.s3.amazonaws.com"
MENDED_DAY = 20
"""Day of the month on which a cut archive is put up whole."""


def respond(request: Request) -> Response:
    """Answer one request to data.police.uk."""
    match request.path.strip("/").split("/"):
        case ["data", "archive", name] if _release(name, request.world):
            return redirect(f"{request.base_url}/{STORE_HOST}/archive/{name}")
        case ["api", "crime-last-updated"]:
            return json_response({"date": police.latest_release(request.world.delivered_to).isoformat()})
        case ["api", "crimes-street-dates"]:
            return json_response(_street_dates(request.world.delivered_to))
        case _:
            return not_found()


def respond_store(request: Request) -> Response:
    """Answer one request to the store: the archive itself."""
    match request.path.strip("/").split("/"):
        case ["archive", name] if release := _release(name, request.world):
            return _archive(request, release)
        case _:
            return Response(b"<Error><Code>NoSuchKey</Code></Error>", "application/xml", 404)


def _release(name: str, world: World) -> date | None:
    """The published release that a file name means; one that a silence swallowed never came out."""
    today = world.delivered_to
    if name == "latest.zip":
        return police.latest_release(today)
    release = months.parse_month(name.removesuffix(".zip")) if name.endswith(".zip") else None
    if release is None or not police.is_published(release, today):
        return None
    issued = police.released_at(release).date()
    return release if world.heard_on(issued) == issued else None


def _archive(request: Request, release: date) -> Response:
    today = request.world.delivered_to
    content, modified = archive.archive_zip(request.world.seed, release), police.released_at(release)
    broken_on = _broken_on(release)
    if broken_on is not None and events.tick(today) == events.tick(broken_on):
        content = archive.truncated(content)
    elif broken_on is not None and events.tick(today) > events.tick(broken_on):
        modified = modified.replace(year=broken_on.year, month=broken_on.month, day=MENDED_DAY)
    return file_response(content, ZIP_TYPE, modified)


def _broken_on(release: date) -> date | None:
    """The synthetic today on which this archive, then the newest one, was cut; None if it never was."""
    month = months.add_months(release, police.RELEASE_LAG_MONTHS + 1)
    newest_on = month.replace(day=FIRST_TODAY.day)
    return newest_on if events.broken_partner(newest_on) == "police_archive" else None


def _street_dates(today: date) -> list[dict[str, object]]:
    """Newest first; the forces whose searches the newest release holds."""
    release = police.latest_release(today)
    return [
        {
            "date": months.month_text(month),
            "stop-and-search": [
                force.slug
                for force in police.FORCES
                if not events.is_missing(force.slug, events.STOP_AND_SEARCH, month, release)
            ],
        }
        for month in reversed(list(months.month_range(events.FIRST_MONTH, release)))
    ]
