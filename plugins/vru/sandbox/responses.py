"""What a partner answers: status, body and the headers that belong to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from vru.sandbox.clock import World

JSON_TYPE, CSV_TYPE, HTML_TYPE, ZIP_TYPE = (
    "application/json; charset=utf-8",
    "text/csv; charset=utf-8",
    "text/html; charset=utf-8",
    "application/zip",
)


@dataclass(frozen=True)
class Request:
    """What a partner needs to know of one request."""

    world: World
    base_url: str
    """`http://127.0.0.1:PORT`: what stands for `https://` in front of a live host."""
    path: str
    """The path at the live host, decoded."""
    query: dict[str, str] = field(default_factory=dict)
    """Query and form parameters; names in lower case, the last value of each."""


@dataclass(frozen=True)
class Response:
    """One answer."""

    body: bytes
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def json_response(value: object, status: int = 200) -> Response:
    """An answer in JSON, compact as the live services write it."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Response(body.encode(), JSON_TYPE, status)


def not_found() -> Response:
    """The answer for what does not exist, or not yet."""
    return Response(b"<html><body><h1>404 Not Found</h1></body></html>\n", HTML_TYPE, 404)


def redirect(url: str, headers: Mapping[str, str] | None = None) -> Response:
    """302 to another address."""
    return Response(b"", HTML_TYPE, 302, {**(headers or {}), "Location": url})


def html_page() -> Response:
    """An HTML page with status 200 where data was asked for."""
    head = b"<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>"
    return Response(head + b"<body>Please log in.</body></html>\n", HTML_TYPE)


def file_response(body: bytes, content_type: str, modified: datetime) -> Response:
    """A stored file with its validators."""
    etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    stamp = format_datetime(modified.astimezone(UTC), usegmt=True)
    return Response(body, content_type, headers={"ETag": etag, "Last-Modified": stamp})


def conditional(response: Response, none_match: str | None, modified_since: str | None) -> Response:
    """304 where the caller already holds this file; If-None-Match goes before a date (RFC 9110)."""
    etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    if response.status != 200 or etag is None or modified is None:
        return response
    if none_match is not None:
        tags = {tag.strip().removeprefix("W/") for tag in none_match.split(",")}
        is_same = bool(tags & {etag, "*"})
    elif modified_since is not None:
        is_same = _is_not_after(modified, modified_since)
    else:
        return response
    return Response(b"", response.content_type, 304, response.headers) if is_same else response


def _is_not_after(modified: str, since: str) -> bool:
    try:
        limit = parsedate_to_datetime(since)
    except ValueError:
        return False
    return parsedate_to_datetime(modified) <= (limit if limit.tzinfo else limit.replace(tzinfo=UTC))
