"""ZIP archives with a file per partition and period, each a snapshot of the last months (data.police.uk)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date

from vru.contracts import Archive
from vru.periods import in_words, london_day, months_up_to, newest_due, shifted, span
from vru.received import Received
from vru.transport.errors import SourceError
from vru.transport.http import Answer, Http
from vru.transport.members import Contents, list_pieces, months_of, no_members, read_members
from vru.transport.model import Asked, Landed, LastAnswer, Shelved
from vru.transport.names import base_name
from vru.transport.snapshots import cover
from vru.transport.sniff import Due
from vru.transport.source import (
    Known,
    Piece,
    Question,
    Source,
    Vintage,
    ask,
    changed,
    is_repeat,
    last_modified_vintage,
)
from vru.transport.ziparchive import DamagedArchiveError

DUE: frozenset[Due] = frozenset({"zip"})
TRIES = 2
"""How often a damaged archive is fetched before it is refused."""
GAPS = 3
"""Archives that are not there, after which the series is taken to begin later; one release may have been left out."""
LANDED_ALREADY = "landed_already: an archive that holds it was fetched before; nothing was asked"
SETTLED_MONTHS = 12
"""What an archive of so many months later still lacks, no later one is asked for: late files come within months."""


def fetch(source: Source, transport: Archive, http: Http) -> Iterator[Asked]:
    """One attempt per archive: the latest, with `since` also the fewest that hold what came before, or only these.

    An archive whose every member is wanted is recorded under its address; otherwise the address carries
    `#period=YYYY-MM` or `#since=YYYY-MM`, so that `not modified` never hides members that nobody has read yet.
    Feeds that share an archive ask one after the other: the second is told that nothing has changed, and reads
    what the first has landed.
    """
    with source.history.alone(http.addresses.source_url(transport.latest_url)):
        if source.since is not None and source.until is not None:
            yield from _Past(source, transport, http, span(source.since, source.until)).fetch()
            return
        asked, held = _fetch_one(source, transport.latest_url, http, may_lack=False)
        yield asked
        if source.since is not None and held:
            newest = max(months_of(held))
            past = _Past(source, transport, http, span(min(source.since, newest), newest), newest)
            past.learn(held, newest)
            yield from past.fetch()


class _Past:
    """Months of the past: those of archives in the landing store, and the fewest archives that hold the others.

    What is missing is a matter of partition and month: that one partition has come says nothing of another. What an
    archive lacks of its window is looked for in a later one, which may hold what came late.
    """

    def __init__(
        self, source: Source, transport: Archive, http: Http, wanted: list[date], latest: date | None = None
    ) -> None:
        """`latest` is the newest month of the latest archive, if that was read already."""
        self._source, self._transport, self._http = source, transport, http
        self._wanted = set(wanted)
        self._expected = {(r.name, partition) for r in source.contract.resources for partition in transport.partitions}
        """Resources and partitions of which every month should have a file."""
        self._found: set[Piece] = set()
        self._looked: dict[date, date] = {}
        """By month, the newest of the archives whose window holds it and that were read; its newest month names it."""
        self._before: set[date] = set()
        """Months before the publisher's series."""
        self._absent: set[date] = set()
        self._asked: set[date] = set()
        self._newest = latest or newest_due(source.today or london_day(source.now), source.contract.due_lag_days)
        self._may_ask_latest = latest is None

    def fetch(self) -> Iterator[Asked]:
        """One attempt per archive, and one that says what no archive holds."""
        yield from self._from_landing()
        while len(self._absent) < GAPS and (name := self._next()) is not None:
            asked = self._ask(name)
            yield asked
            if asked.outcome in ("refused", "failed"):
                return
        if lacking := self._lacking():
            url = self._http.addresses.source_url(self._transport.latest_url)
            yield Question(url + _fragment(self._source), period_start=self._source.period).ends(
                "not_yet",
                f"unavailable: no archive of the publisher holds {lacking}; "
                "what happened then stays unknown, which is not zero",
            )

    def learn(self, found: frozenset[Piece], name: date | None = None) -> None:
        """Take account of an archive that holds these pieces; `name` is the newest month by which it goes."""
        if not found:
            return
        months = months_of(found)
        newest = max(months[-1], name or months[-1])
        window = months_up_to(newest, self._transport.window_months)
        self._found |= found
        self._expected |= {(resource, partition) for resource, partition, _ in found}
        self._newest = max(self._newest, newest)
        for month in window:
            self._looked[month] = max(newest, self._looked.get(month, newest))
        if months[0] > min(window):
            # an archive that is not full begins where the publisher's series does
            self._before |= {month for month in self._wanted if month < months[0]}

    def _missing(self) -> set[Piece]:
        """What is wanted and was not found yet."""
        return {
            piece
            for month in self._wanted - self._before
            for resource, partition in self._expected
            if (piece := (resource, partition, month)) not in self._found
        }

    def _unseen(self) -> set[date]:
        """Months for which no archive was read."""
        return self._wanted - self._before - set(self._looked)

    def _from_landing(self) -> Iterator[Asked]:
        """What archives of earlier fetches hold, whichever feed they were fetched for."""
        source = self._source
        for shelved in self._shelf():
            if not self._unseen() and not self._missing():
                return
            if not source.landing.exists(shelved.sha256):
                continue
            held = list_pieces(source, _known(source, shelved))
            new = {piece for piece in held if piece[2] in self._wanted and piece not in self._found}
            begun = {month for _, _, month in self._found}
            for is_whole in (True, False):
                if pieces := {one for one in new if (one[2] not in begun) is is_whole}:
                    yield _take(self._part(pieces, is_whole=is_whole), shelved)
            self.learn(held)

    def _shelf(self) -> list[Shelved]:
        prefixes = (self._transport.url.partition("{period}")[0], self._transport.latest_url)
        found = [each for url in prefixes for each in self._source.history.landed(self._http.addresses.source_url(url))]
        return list({each.sha256: each for each in found}.values())

    def _part(self, pieces: Collection[Piece], *, is_whole: bool) -> Source:
        """The source asked for these pieces alone, or for all that there is of their months."""
        months = months_of(pieces)
        only = None if is_whole else frozenset(pieces)
        return replace(self._source, since=months[0], until=months[-1], pieces=only)

    def _next(self) -> date | None:
        """The next archive to ask for."""
        unseen = self._unseen()
        if unseen:
            if max(unseen) > self._newest and self._may_ask_latest:
                return self._newest
            there = set(span(min(unseen), self._newest)) - self._absent - self._asked
            held = {month for _, _, month in self._found}
            chosen = cover(unseen, there, self._transport.window_months, held).archives
            if chosen:
                return chosen[0]
        for month in sorted({month for _, _, month in self._missing()} - unseen):
            if (later := self._later(month)) is not None:
                return later
        return None

    def _later(self, month: date) -> date | None:
        """The last archive that may hold what those read so far lack of a month; None where they have settled it."""
        looked = self._looked[month]
        if looked >= shifted(month, SETTLED_MONTHS):
            return None
        last = min(shifted(month, self._transport.window_months - 1), self._newest)
        there = set(span(shifted(looked, 1), last)) if last > looked else set()
        return max(there - self._absent - self._asked, default=None)

    def _ask(self, name: date) -> Asked:
        self._asked.add(name)
        window = months_up_to(name, self._transport.window_months)
        unseen = self._unseen()
        if months := unseen & window or unseen:
            part = replace(self._source, since=min(months), until=max(months))
        else:
            part = self._part([piece for piece in self._missing() if piece[2] in window], is_whole=False)
        is_latest = name == self._newest and self._may_ask_latest
        if is_latest:
            self._may_ask_latest = False
        url = self._transport.latest_url if is_latest else self._transport.url.replace("{period}", f"{name:%Y-%m}")
        asked, found = _fetch_one(part, url, self._http, may_lack=not is_latest)
        if asked.outcome == "not_yet":
            self._absent.add(name)
        self.learn(found, None if is_latest else name)
        if is_latest and found:
            self._newest = max(months_of(found))
        return asked

    def _lacking(self) -> str:
        """What was wanted and is nowhere, in words: months, with the partition where others have come."""
        whole = self._before | self._unseen()
        partly: dict[str, set[date]] = {}
        by_month: dict[date, set[tuple[str, str]]] = {}
        for resource, partition, month in self._missing():
            by_month.setdefault(month, set()).add((resource, partition))
        for month, lacking in by_month.items():
            if lacking == self._expected:
                whole.add(month)
                continue
            for resource, partition in lacking:
                name = partition if len(self._source.contract.resources) == 1 else f"{resource} {partition}".strip()
                partly.setdefault(name, set()).add(month)
        words = [in_words(whole)] if whole else []
        return "; ".join(words + [f"of {name} {in_words(partly[name])}" for name in sorted(partly)])


def _fetch_one(source: Source, url: str, http: Http, *, may_lack: bool) -> tuple[Asked, frozenset[Piece]]:
    """The attempt, and what the archive holds of the feed; nothing where it was not to be had."""
    whole = http.addresses.source_url(url)
    held: frozenset[Piece] = frozenset()

    def work(question: Question) -> Asked:
        nonlocal held
        shelved = next(iter(source.history.landed(whole)), None)
        try:
            answer, contents = _land(source, url, whole, http, shelved.answer if shelved else None)
        except SourceError as error:
            if error.status == 404 and may_lack:
                return question.ends("not_yet", f"not_published: {base_name(url)} is not there; it may come later")
            raise
        if contents is not None and answer.landed is not None:
            held = contents.pieces
            said = Shelved(whole, answer.landed.sha256, answer.etag, answer.last_modified)
            return _judge(source, question, said, contents)
        if shelved is None:
            raise SourceError("http_304: an answer of 304 that was not asked for; tell the partner")
        asked, held = _read_landed(source, question, shelved)
        return asked

    return ask(Question(whole, period_start=source.period), work), held


def _land(
    source: Source, url: str, whole: str, http: Http, last: LastAnswer | None, tries: int = TRIES
) -> tuple[Answer, Contents | None]:
    """The landed archive and its contents, or None for `not modified`. Raises SourceError."""
    answer = http.land(url, DUE, last)
    if answer.landed is None:
        return answer, None
    stated = last_modified_vintage(answer.last_modified, source.now)
    try:
        return answer, read_members(source, answer.landed, _of(answer.landed, whole, stated), stated)
    except DamagedArchiveError:
        if tries == 1:
            raise
        return _land(source, url, whole, http, last, tries - 1)


def _take(source: Source, shelved: Shelved) -> Asked:
    """What is wanted of an archive in the landing store; nobody is asked."""
    question = Question(shelved.source_url, period_start=source.period)
    return ask(question, lambda question: _read_landed(source, question, shelved, LANDED_ALREADY)[0])


def _read_landed(
    source: Source, question: Question, shelved: Shelved, reason: str = ""
) -> tuple[Asked, frozenset[Piece]]:
    """What a landed archive says to this feed, and what it holds of it. Raises SourceError."""
    landed = _known(source, shelved)
    # what was read of the whole archive serves every part of it; what was read of a part serves that part
    for source_url in (shelved.source_url, shelved.source_url + _fragment(source)):
        last = source.history.last(source_url)
        if last is not None and last.sha256 == shelved.sha256:
            return question.at(source_url).not_modified(last, reason), list_pieces(source, landed)
    stated = last_modified_vintage(shelved.last_modified, source.now)
    contents = read_members(source, landed, _of(landed, shelved.source_url, stated), stated)
    return _judge(source, question, shelved, contents, reason), contents.pieces


def _judge(source: Source, question: Question, said: Shelved, contents: Contents, reason: str = "") -> Asked:
    """What the archive says now beside what it said when the same members were last read."""
    landed = _known(source, said)
    if not contents.months:
        raise no_members(landed)
    source_url = said.source_url + _fragment(source) if contents.is_filtered else said.source_url
    last = source.history.last(source_url)
    return question.at(source_url).ends(
        changed(last, landed.sha256),
        reason,
        sha256=landed.sha256,
        size_bytes=landed.size_bytes,
        etag=said.etag,
        last_modified=said.last_modified,
        received=() if is_repeat(last, landed.sha256, said.last_modified) else contents.received,
    )


def _of(landed: Landed, source_url: str, stated: Vintage) -> Received:
    """What is said of an archive as a whole."""
    return Received(
        resource="", partition=None, period_start=None, period_end=None, sha256=landed.sha256,
        size_bytes=landed.size_bytes, file_name=base_name(source_url), source_url=source_url, vintage_at=stated.at,
        vintage_source=stated.source, warning=stated.warning,
    )  # fmt: skip


def _known(source: Source, shelved: Shelved) -> Known:
    return Known(shelved.sha256, source.landing.size(shelved.sha256))


def _fragment(source: Source) -> str:
    if source.since is None:
        return ""
    if source.until is None:
        part = f"#since={source.since:%Y-%m}"
    elif source.since == source.until:
        part = f"#period={source.since:%Y-%m}"
    else:
        part = f"#since={source.since:%Y-%m}&until={source.until:%Y-%m}"
    if source.pieces is None:
        return part
    named = " ".join(f"{resource}/{partition}/{month:%Y-%m}" for resource, partition, month in sorted(source.pieces))
    return f"{part}&only={hashlib.sha256(named.encode()).hexdigest()[:12]}"
