"""Datasets of the London Datastore: a catalogue names files, mostly with their MD5 and size.

A file is described in one of three shapes: by the address of its download; by that of the object in the store behind;
or, in version 4 of the interface, without any, by the object's name (`origin`). Whatever is named, the site itself
gives every file at `/download/DATASET/RESOURCE`, so that is asked wherever the address is at no host of the contract.

`check_timestamp` says when a robot last tried the link. It moves while the file stands still, and is no date of the
file; `timestamp` of a stored object, and Last-Modified of its download, are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from vru.contracts import Datastore
from vru.received import Named, Received
from vru.transport.addresses import Addresses
from vru.transport.errors import SourceError
from vru.transport.http import Http, modified_at
from vru.transport.members import unpacked
from vru.transport.model import Asked, Landed, Landing, LastAnswer
from vru.transport.names import base_name, named
from vru.transport.reach import reach
from vru.transport.sniff import Due
from vru.transport.source import (
    Known,
    Question,
    Source,
    ask,
    changed,
    due,
    is_repeat,
    last_modified_vintage,
    vintage,
)

CATALOGUE: frozenset[Due] = frozenset({"json"})
MD5 = re.compile(r"[0-9a-f]{32}")
CHUNK_BYTES = 1 << 20
TRIES = 2
"""How often a file is fetched whose MD5 is not the catalogue's."""
MISMATCH = (
    "checksum_mismatch: the bytes do not have the MD5 that the catalogue states; ask the publisher to check the file"
)
WRONG_SIZE = "size_mismatch: the catalogue states another size than came; ask the publisher to check the file"
DOWNLOAD = "/download/{dataset}/{resource}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the catalogue whose title fits."""

    url: str
    """Where it is downloaded."""
    file_name: str
    md5: str | None
    size: int | None
    issued: str | None
    """When it was put up, as the catalogue writes it."""
    issued_at: datetime | None
    reach: date | None
    """The last day that its title or name speaks of."""
    order: float
    """Its place on the page; after all others where none is stated."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file, from the partner now or from the landing store."""

    landed: Landed
    etag: str | None
    """The MD5 where the catalogue states it, else the server's ETag."""
    last_modified: str | None
    is_whole: bool | None
    refusal: str = ""
    """Why it is not the file that the catalogue describes."""


def fetch(source: Source, transport: Datastore, http: Http) -> Iterator[Asked]:
    """One attempt per file whose title fits, oldest first; a failed catalogue is an attempt of its own.

    Files without a date follow those with one. Among them the one that reaches furthest, by its title or name, is the
    last, and of those that reach as far, the one further down the page: what comes later is the newer statement.
    """
    entries: list[Entry] = []

    def work(question: Question) -> Asked:
        answer = http.read(transport.url, CATALOGUE)
        entries.extend(_entries(answer.body, transport, http))
        return question.ends("unchanged")

    asked = ask(Question(http.addresses.source_url(transport.url)), work)
    if not entries:
        yield asked
    for entry in entries:
        yield _fetch_one(source, entry, http)


def _entries(body: bytes, transport: Datastore, http: Http) -> list[Entry]:
    """The fitting files of a catalogue entry, oldest first, undated ones last. Raises SourceError."""

    def refused(code: str, what: str) -> SourceError:
        return SourceError(f"{code}: {what}", outcome="refused", landed=http.keep(body))

    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise refused("not_json", "the catalogue cannot be read; open its address in a browser") from error
    listed = content.get("resources") if isinstance(content, dict) else None
    files = list(listed.items()) if isinstance(listed, dict) else [("", item) for item in listed or []]
    if not isinstance(listed, dict | list):
        raise refused("json_error", "the catalogue lists no resources; open its address in a browser")
    known = [(key, item) for key, item in files if isinstance(item, dict)]
    if not known:
        raise refused("no_files", "the catalogue names no file at present; open its page in a browser")
    fitting = [(key, item) for key, item in known if re.search(transport.title_pattern, str(item.get("title", "")))]
    if not fitting:
        raise refused(
            "no_match",
            f"none of the {len(known)} titles in the catalogue fits title_pattern; compare them and mend the contract",
        )
    entries = [entry for key, item in fitting if (entry := _entry(key, item, transport, http.addresses))]
    if not entries:
        raise refused(
            "no_address",
            f"{len(fitting)} titles fit, but the catalogue says of none where its file is (no id, url or origin); its "
            "format has changed, tell whoever looks after the platform",
        )
    newest, first = datetime.max.replace(tzinfo=UTC), date.min
    return sorted(entries, key=lambda one: (one.issued_at or newest, one.reach or first, one.order, one.url))


def _entry(key: str, item: dict[str, Any], transport: Datastore, addresses: Addresses) -> Entry | None:
    """One file as any of the shapes describes it; None where nothing says what to ask for."""
    title = str(item.get("title") or "")
    named_at = _text(item, "url") or _text(item, "origin")
    own = _download_url(transport.url, key or _text(item, "id") or _text(item, "resource"))
    url = named_at if addresses.may_ask(named_at) else own
    if not url:
        return None
    md5 = (_text(item, "check_hash") or _text(item, "hash")).lower()
    size = next((n for name in ("check_size", "size") if isinstance(n := item.get(name), int) and n > 0), None)
    issued = _text(item, "timestamp") or None
    file_name = base_name(unquote(urlsplit(named_at).path)) or base_name(_text(item, "filename")) or base_name(title)
    order = item.get("order")
    return Entry(
        url=url,
        file_name=file_name,
        md5=md5 if MD5.fullmatch(md5) else None,
        size=size,
        issued=issued,
        issued_at=_instant(issued),
        reach=reach(_text(item, "timeframeTo")) or reach(title) or reach(file_name),
        order=order if isinstance(order, int | float) and not isinstance(order, bool) else float("inf"),
    )


def _text(item: dict[str, Any], name: str) -> str:
    """A text of the catalogue; '' where it has none of that name."""
    value = item.get(name)
    return value.strip() if isinstance(value, str) else ""


def _download_url(catalogue: str, resource: str) -> str:
    """Where the site of a catalogue gives a file, whatever store it lies in; '' where the file has no id."""
    parts = urlsplit(catalogue)
    dataset = parts.path.rstrip("/").rpartition("/")[2]
    path = DOWNLOAD.format(dataset=quote(unquote(dataset), safe=""), resource=quote(resource, safe=""))
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")) if resource and dataset else ""


def _instant(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _fetch_one(source: Source, entry: Entry, http: Http) -> Asked:
    says = named(source.contract, entry.file_name)
    source_url = http.addresses.source_url(entry.url)

    def work(question: Question) -> Asked:
        last = source.history.last(source_url)
        file = _known(source.landing, entry, last) or _download(source, entry, says, http)
        return _finished(source, question, entry, says, file, last)

    if says is None:
        return ask(Question(source_url), work)
    return ask(Question(source_url, says.resource, says.partition or "", says.period_start), work)


def _known(landing: Landing, entry: Entry, last: LastAnswer | None) -> Download | None:
    """The content of last time, as it was dated then, where the catalogue's MD5 says that it is still the same."""
    if entry.md5 is None or last is None or last.etag != entry.md5 or last.sha256 is None:
        return None
    # an answer that was dated by a check of its link is asked for once more: nobody noted the date of the file
    is_dated_as_now = last.last_modified in (None, entry.issued) or modified_at(last.last_modified) is not None
    if not is_dated_as_now or not landing.exists(last.sha256):
        return None
    known = Known(last.sha256, landing.size(last.sha256))
    return Download(known, entry.md5, last.last_modified, True)


def _download(source: Source, entry: Entry, says: Named | None, http: Http, tries: int = TRIES) -> Download:
    """The file itself; one that is not as the catalogue describes it is fetched once more. Raises SourceError."""
    # no conditional request: nothing says that the Datastore's validators can be trusted
    resources = [source.contract.resource(says.resource)] if says else source.contract.resources
    answer = http.land(entry.url, due(resources))
    if answer.landed is None:
        raise SourceError("http_304: an answer of 304 that was not asked for; tell the partner")
    refusal = _refusal(source.landing, entry, answer.landed)
    if refusal and tries > 1:
        return _download(source, entry, says, http, tries - 1)
    is_proved = not refusal and (entry.md5 is not None or entry.size is not None)
    etag = answer.etag if entry.md5 is None else None if refusal else entry.md5
    return Download(answer.landed, etag, answer.last_modified, True if is_proved else answer.is_whole, refusal)


def _refusal(landing: Landing, entry: Entry, landed: Landed) -> str:
    """Why the bytes are not those of the catalogue; the MD5 decides where there is one, else the size."""
    if entry.md5 is not None:
        return "" if _md5(landing, landed) == entry.md5 else MISMATCH
    return WRONG_SIZE if entry.size is not None and entry.size != landed.size_bytes else ""


def _finished(
    source: Source,
    question: Question,
    entry: Entry,
    says: Named | None,
    file: Download,
    last: LastAnswer | None,
) -> Asked:
    landed = file.landed
    last_modified = entry.issued if entry.issued_at is not None else file.last_modified
    stated = vintage(entry.issued_at, "catalogue", source.now)
    if entry.issued_at is None:
        stated = last_modified_vintage(file.last_modified, source.now)
    whole = Received(
        resource=says.resource if says else "",
        partition=says.partition if says else None,
        period_start=says.period_start if says else None,
        period_end=says.period_end if says else None,
        sha256=landed.sha256,
        size_bytes=landed.size_bytes,
        file_name=entry.file_name,
        source_url=question.source_url,
        vintage_at=stated.at,
        vintage_source=stated.source,
        is_whole=file.is_whole,
        warning=stated.warning,
        refusal=file.refusal,
    )
    received = unpacked(source, landed, whole, stated)
    is_silent = not file.refusal and is_repeat(last, landed.sha256, last_modified)
    return question.ends(
        "refused" if file.refusal else changed(last, landed.sha256),
        file.refusal,
        sha256=landed.sha256,
        size_bytes=landed.size_bytes,
        etag=file.etag,
        last_modified=last_modified,
        received=() if is_silent else received,
    )


def _md5(landing: Landing, landed: Landed) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with landing.open(landed.sha256) as stream:
        while data := stream.read(CHUNK_BYTES):
            digest.update(data)
    return digest.hexdigest()
