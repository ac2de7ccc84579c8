"""ZIP archives with a file per partition and period, each a snapshot of the last months (data.police.uk)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from vru.contracts import Archive
from vru.periods import in_words, london_day, months_up_to, newest_due, shifted, span
from vru.received import Received
from vru.transport.errors import SourceError
from vru.transport.http import Answer, Http
from vru.transport.members import Contents, list_periods, no_members, read_members
from vru.transport.model import Asked, Landed, LastAnswer, Shelved
from vru.transport.names import base_name
from vru.transport.snapshots import cover
from vru.transport.sniff import Due
from vru.transport.source import Known, Question, Source, Vintage, ask, changed, is_repeat, last_modified_vintage
from vru.transport.ziparchive import DamagedArchiveError

DUE: frozenset[Due] = frozenset({"zip"})
TRIES = 2
"""How often a damaged archive is fetched before it is refused."""
GAPS = 3
"""Archives that are not there, after which the series is taken to begin later; one release may have been left out."""
LANDED_ALREADY = "landed_already: an archive that holds it was fetched before; nothing was asked"


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
            yield from _Past(source, transport, http, span(source.since, shifted(held[0], -1))).fetch()


class _Past:
    """Months of the past: those of archives in the landing store, and the fewest archives that hold the others."""

    def __init__(self, source: Source, transport: Archive, http: Http, wanted: list[date]) -> None:
        self._source, self._transport, self._http = source, transport, http
        self._missing = set(wanted)
        self._unavailable: set[date] = set()
        self._held: set[date] = set()
        self._answered: set[date] = set()
        """Months for which a landed archive answers: what it lacks of its window, no other archive is asked for."""
        self._absent: set[date] = set()
        self._newest = newest_due(source.today or london_day(source.now), source.contract.due_lag_days)
        self._may_ask_latest = True

    def fetch(self) -> Iterator[Asked]:
        """One attempt per archive, and one that says which months no archive holds."""
        yield from self._from_landing()
        while self._missing and len(self._absent) < GAPS:
            name = self._next()
            if name is None:
                break
            asked = self._ask(name)
            yield asked
            if asked.outcome in ("refused", "failed"):
                return
        self._unavailable |= self._missing
        if self._unavailable:
            url = self._http.addresses.source_url(self._transport.latest_url)
            yield Question(url + _fragment(self._source), period_start=self._source.period).ends(
                "not_yet",
                f"unavailable: no archive of the publisher holds {in_words(self._unavailable)}; "
                "what happened then stays unknown, which is not zero",
            )

    def _from_landing(self) -> Iterator[Asked]:
        """What archives of earlier fetches hold, whichever feed they were fetched for."""
        source = self._source
        for shelved in self._shelf():
            if not self._missing:
                return
            if not source.landing.exists(shelved.sha256):
                continue
            found = set(list_periods(source, _known(source, shelved)))
            if taken := self._missing & found:
                yield _take(replace(source, since=min(taken), until=max(taken)), shelved)
            self._learn(found)

    def _shelf(self) -> list[Shelved]:
        prefixes = (self._transport.url.partition("{period}")[0], self._transport.latest_url)
        found = [each for url in prefixes for each in self._source.history.landed(self._http.addresses.source_url(url))]
        return list({each.sha256: each for each in found}.values())

    def _learn(self, found: set[date]) -> None:
        """Take account of an archive that holds these months."""
        if not found:
            return
        window = months_up_to(max(found), self._transport.window_months)
        self._held |= found
        self._answered |= window
        self._newest = max(self._newest, max(found))
        self._missing -= found
        if min(found) > min(window):
            # an archive that is not full begins where the publisher's series does
            self._answered |= {month for month in self._missing if month < min(found)}

    def _next(self) -> date | None:
        """The next archive to ask for."""
        self._unavailable |= self._missing & self._answered
        self._missing -= self._answered
        if not self._missing:
            return None
        if max(self._missing) > self._newest and self._may_ask_latest:
            return self._newest
        there = set(span(min(self._missing), self._newest)) - self._absent
        return next(iter(cover(self._missing, there, self._transport.window_months, self._held).archives), None)

    def _ask(self, name: date) -> Asked:
        taken = self._missing & months_up_to(name, self._transport.window_months) or self._missing
        part = replace(self._source, since=min(taken), until=max(taken))
        is_latest = name == self._newest and self._may_ask_latest
        if is_latest:
            self._may_ask_latest = False
        url = self._transport.latest_url if is_latest else self._transport.url.replace("{period}", f"{name:%Y-%m}")
        asked, found = _fetch_one(part, url, self._http, may_lack=not is_latest)
        if asked.outcome == "not_yet":
            self._absent.add(name)
        self._learn(set(found))
        if is_latest and found:
            self._newest = max(found)
        return asked


def _fetch_one(source: Source, url: str, http: Http, *, may_lack: bool) -> tuple[Asked, tuple[date, ...]]:
    """The attempt, and the months that the archive holds; none where it was not to be had."""
    whole = http.addresses.source_url(url)
    held: tuple[date, ...] = ()

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
            held = contents.months
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
) -> tuple[Asked, tuple[date, ...]]:
    """What a landed archive says to this feed, and the months that it holds. Raises SourceError."""
    landed = _known(source, shelved)
    # what was read of the whole archive serves every part of it; what was read of a part serves that part
    for source_url in (shelved.source_url, shelved.source_url + _fragment(source)):
        last = source.history.last(source_url)
        if last is not None and last.sha256 == shelved.sha256:
            return question.at(source_url).not_modified(last, reason), list_periods(source, landed)
    stated = last_modified_vintage(shelved.last_modified, source.now)
    contents = read_members(source, landed, _of(landed, shelved.source_url, stated), stated)
    return _judge(source, question, shelved, contents, reason), contents.months


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
        return f"#since={source.since:%Y-%m}"
    if source.since == source.until:
        return f"#period={source.since:%Y-%m}"
    return f"#since={source.since:%Y-%m}&until={source.until:%Y-%m}"
