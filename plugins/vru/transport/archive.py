"""ZIP archives with a file per partition and period, each a snapshot of the last months (data.police.uk)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from vru.contracts.model import Archive
from vru.transport.errors import SourceError
from vru.transport.http import Answer, Http
from vru.transport.members import Contents, list_periods, read_members
from vru.transport.model import Asked, Landed, LastAnswer
from vru.transport.names import add_months, base_name
from vru.transport.sniff import Due
from vru.transport.source import Known, Question, Source, ask, changed, is_repeat, last_modified_vintage
from vru.transport.ziparchive import DamagedArchiveError

DUE: frozenset[Due] = frozenset({"zip"})
TRIES = 2
"""How often a damaged archive is fetched before it is refused."""


def fetch(source: Source, transport: Archive, http: Http) -> Iterator[Asked]:
    """One attempt per archive: the latest, that of one period, or as few as cover everything since a month.

    An archive whose every member is wanted is recorded under its address; otherwise the address carries
    `#period=YYYY-MM` or `#since=YYYY-MM`, so that `not modified` never hides members that nobody has read yet.
    """
    if source.period is not None:
        yield _fetch_one(source, transport.url.replace("{period}", f"{source.period:%Y-%m}"), http, may_lack=True)[0]
        return
    asked, months = _fetch_one(source, transport.latest_url, http, may_lack=False)
    yield asked
    if source.since is None or not months:
        return
    newest = add_months(months[-1], -transport.window_months)
    while newest >= source.since:
        url = transport.url.replace("{period}", f"{newest:%Y-%m}")
        asked, _ = _fetch_one(source, url, http, may_lack=True)
        yield asked
        if asked.outcome == "not_yet":
            # the publisher's series begins later than the month that was asked for
            return
        newest = add_months(newest, -transport.window_months)


def _fetch_one(source: Source, url: str, http: Http, *, may_lack: bool) -> tuple[Asked, tuple[date, ...]]:
    """The attempt, and the months that the archive holds; none where it was not to be had."""
    whole = http.addresses.source_url(url)
    part = whole + _fragment(source)
    months: tuple[date, ...] = ()

    def work(question: Question) -> Asked:
        nonlocal months
        # what was read of the whole archive serves every part of it; what was read of a part serves that part
        last = source.history.last(whole)
        source_url = part if last is None else whole
        last = last or source.history.last(part)
        try:
            answer, contents = _land(source, url, whole, http, last)
        except SourceError as error:
            if error.status == 404 and may_lack:
                return question.ends("not_yet", f"not_published: {base_name(url)} is not there; it may come later")
            raise
        if contents is None or answer.landed is None:
            if last is None or last.sha256 is None:
                raise SourceError("http_304: an answer of 304 that was not asked for; tell the partner")
            months = list_periods(source, Known(last.sha256, source.landing.size(last.sha256)))
            return question.at(source_url).not_modified(last)
        months = contents.months
        return _judge(source, question, answer, answer.landed, contents, (whole, part))

    return ask(Question(whole, period_start=source.period), work), months


def _land(
    source: Source, url: str, whole: str, http: Http, last: LastAnswer | None, tries: int = TRIES
) -> tuple[Answer, Contents | None]:
    """The landed archive and its contents, or None for `not modified`. Raises SourceError."""
    answer = http.land(url, DUE, last)
    if answer.landed is None:
        return answer, None
    stated = last_modified_vintage(answer.last_modified, source.now)
    try:
        return answer, read_members(source, answer.landed, source_url=whole, stated=stated)
    except DamagedArchiveError:
        if tries == 1:
            raise
        return _land(source, url, whole, http, last, tries - 1)


def _judge(
    source: Source,
    question: Question,
    answer: Answer,
    landed: Landed,
    contents: Contents,
    urls: tuple[str, str],
) -> Asked:
    """What the archive says now beside what it said when the same members were last read."""
    if not contents.months:
        raise SourceError(
            "no_members: the archive holds no file of this feed; compare its names with the contract",
            outcome="refused",
            landed=landed,
        )
    whole, part = urls
    source_url = part if contents.is_filtered else whole
    last = source.history.last(source_url)
    return question.at(source_url).ends(
        changed(last, landed.sha256),
        sha256=landed.sha256,
        size_bytes=landed.size_bytes,
        etag=answer.etag,
        last_modified=answer.last_modified,
        received=() if is_repeat(last, landed.sha256, answer.last_modified) else contents.received,
    )


def _fragment(source: Source) -> str:
    if source.period is not None:
        return f"#period={source.period:%Y-%m}"
    return f"#since={source.since:%Y-%m}" if source.since is not None else ""
