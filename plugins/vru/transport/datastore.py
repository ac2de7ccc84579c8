"""Datasets of the London Datastore: a catalogue names files with their MD5 and when they were checked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from vru.contracts import Datastore
from vru.received import Named, Received
from vru.transport.errors import SourceError
from vru.transport.http import Http
from vru.transport.members import unpacked
from vru.transport.model import Asked, Landed, Landing, LastAnswer
from vru.transport.names import base_name, named
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


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the catalogue whose title fits."""

    url: str
    file_name: str
    md5: str | None
    checked: str | None
    """As the catalogue writes it."""
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Download:
    """A file, from the partner now or from the landing store."""

    landed: Landed
    etag: str | None
    """The MD5 where the catalogue states it, else the server's ETag."""
    last_modified: str | None
    is_whole: bool | None
    is_sound: bool
    """Its MD5 is the one that the catalogue states, if it states any."""


def fetch(source: Source, transport: Datastore, http: Http) -> Iterator[Asked]:
    """One attempt per file whose title fits, oldest first; a failed catalogue is an attempt of its own."""
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
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            "not_json: the catalogue cannot be read; open its address in a browser",
            outcome="refused",
            landed=http.keep(body),
        ) from error
    listed = content.get("resources") if isinstance(content, dict) else None
    files = list(listed.values()) if isinstance(listed, dict) else listed
    if not isinstance(files, list):
        raise SourceError(
            "json_error: the catalogue lists no resources; open its address in a browser",
            outcome="refused",
            landed=http.keep(body),
        )
    known = [item for item in files if isinstance(item, dict) and isinstance(item.get("url"), str)]
    fitting = [item for item in known if re.search(transport.title_pattern, str(item.get("title", "")))]
    if not fitting:
        raise SourceError(
            f"no_match: none of the {len(known)} titles in the catalogue fits title_pattern; "
            "compare them and mend the contract",
            outcome="refused",
            landed=http.keep(body),
        )
    newest = datetime.max.replace(tzinfo=UTC)
    return sorted((_entry(item) for item in fitting), key=lambda entry: (entry.checked_at or newest, entry.url))


def _entry(item: dict[str, Any]) -> Entry:
    url, md5, checked = item["url"], item.get("check_hash"), item.get("check_timestamp")
    text = str(checked) if checked else None
    file_name = base_name(unquote(urlsplit(url).path)) or base_name(str(item.get("title", "")))
    is_md5 = isinstance(md5, str) and MD5.fullmatch(md5.lower()) is not None
    return Entry(url, file_name, str(md5).lower() if is_md5 else None, text, _instant(text))


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
        known = _known(source.landing, entry, last)
        if known is not None:
            return _finished(source, question, entry, says, Download(known, entry.md5, None, True, True), last)
        return _finished(source, question, entry, says, _download(source, entry, says, http), last)

    if says is None:
        return ask(Question(source_url), work)
    return ask(Question(source_url, says.resource, says.partition or "", says.period_start), work)


def _known(landing: Landing, entry: Entry, last: LastAnswer | None) -> Landed | None:
    """The content of last time where the catalogue's MD5 says that it is still the same."""
    if entry.md5 is None or last is None or last.etag != entry.md5 or last.sha256 is None:
        return None
    return Known(last.sha256, landing.size(last.sha256)) if landing.exists(last.sha256) else None


def _download(source: Source, entry: Entry, says: Named | None, http: Http, tries: int = TRIES) -> Download:
    """The file itself; one whose MD5 is not the catalogue's is fetched once more. Raises SourceError."""
    # no conditional request: nothing says that the Datastore's validators can be trusted
    resources = [source.contract.resource(says.resource)] if says else source.contract.resources
    answer = http.land(entry.url, due(resources))
    if answer.landed is None:
        raise SourceError("http_304: an answer of 304 that was not asked for; tell the partner")
    if entry.md5 is None:
        return Download(answer.landed, answer.etag, answer.last_modified, answer.is_whole, True)
    is_sound = _md5(source.landing, answer.landed) == entry.md5
    if not is_sound and tries > 1:
        return _download(source, entry, says, http, tries - 1)
    return Download(
        answer.landed,
        entry.md5 if is_sound else None,
        answer.last_modified,
        is_sound or answer.is_whole,
        is_sound,
    )


def _finished(
    source: Source,
    question: Question,
    entry: Entry,
    says: Named | None,
    file: Download,
    last: LastAnswer | None,
) -> Asked:
    landed, last_modified = file.landed, entry.checked or file.last_modified
    stated = vintage(entry.checked_at, "catalogue", source.now)
    if entry.checked_at is None:
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
        refusal="" if file.is_sound else MISMATCH,
    )
    received = unpacked(source, landed, whole, stated)
    is_silent = file.is_sound and is_repeat(last, landed.sha256, last_modified)
    return question.ends(
        changed(last, landed.sha256) if file.is_sound else "refused",
        whole.refusal,
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
