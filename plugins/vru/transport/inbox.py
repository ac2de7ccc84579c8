"""Files that a partner, or the user, has put into a folder, with or without a manifest."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from vru.contracts import Contract
from vru.received import Received
from vru.transport import manifest
from vru.transport.errors import SourceError
from vru.transport.limits import Limits
from vru.transport.members import holds_deliveries, unpacked
from vru.transport.model import Asked, Landed
from vru.transport.names import is_delivery, named
from vru.transport.source import Question, Source, Vintage, ask, changed, joined, vintage

CHUNK_BYTES = 1 << 20
LATER = "it is taken by the next run that finds it at rest"
NO_FILES = "no_files: the inbox folder of this feed is empty"
NAMED_AT_MOST = 5
NO_LINE = "no_manifest_line: manifest.csv does not name this file"


Look = tuple[int, int]
"""Size and time of a file when it was looked at."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One file as one line of the manifest states it, or as it lies there."""

    path: Path
    name: str
    """As stated or given."""
    line: manifest.Line | None
    source_url: str
    look: Look | None = None
    """As it was when it had stopped growing; None where nobody looked."""
    is_growing: bool = False


@dataclass(frozen=True, slots=True)
class _Folder:
    """What lies in a folder."""

    statements: list[Statement]
    foreign: list[str]
    """Names of files that are no deliveries."""
    is_growing: bool
    """Its manifest is still being written, so that nobody can say what is stated of the files."""


def fetch_folder(source: Source, inbox: Path | None) -> Iterator[Asked]:
    """One attempt per file and manifest line, by vintage and line; then the files that no line names.

    A file that no line names is a delivery if its name is one, or if it is a container that holds one; whatever else
    lies there is left alone, with a word. A file that still grows is left for the next run.
    """
    folder = inbox / source.contract.feed if inbox else None
    where = f"inbox:{source.contract.feed}/"
    statements: list[Statement] = []

    def work(question: Question) -> Asked:
        if folder is None:
            return question.ends("not_yet", "no_inbox: nothing is due, no folder of deliveries is given")
        if not folder.is_dir():
            return question.ends("not_yet", "no_folder: the inbox has no folder of this feed yet")
        found = _look_at(source, folder, where)
        if found.is_growing:
            return question.ends("not_yet", f"growing: {manifest.NAME} is still being written; {LATER}")
        statements.extend(found.statements)
        if found.foreign:
            return question.ends("not_yet", _left_alone(source.contract, found.foreign))
        return question.ends("not_yet" if not statements else "unchanged", NO_FILES if not statements else "")

    asked = ask(Question(where), work)
    if asked.reason:
        yield asked
    for statement in statements:
        if (answer := _take(source, statement)) is not None:
            yield answer


def fetch_file(source: Source, path: Path) -> Iterator[Asked]:
    """One attempt for a single file, or one for each line of the manifest beside it that names it."""
    where = f"file:{path.name}"
    lines: list[manifest.Line | None] = []

    def work(question: Question) -> Asked:
        beside = path.parent / manifest.NAME
        if beside.is_file():
            lines.extend(line for line in manifest.read(beside) if line.file == path.name)
        return question.ends("unchanged")

    asked = ask(Question(where), work)
    if asked.outcome != "unchanged":
        yield asked
        return
    for statement in _in_order([Statement(path.resolve(), path.name, line, where) for line in lines or [None]]):
        if (answer := _take(source, statement)) is not None:
            yield answer


def _look_at(source: Source, folder: Path, where: str) -> _Folder:
    """What lies in a folder and what its manifest states, after two looks. Raises SourceError, OSError."""
    present = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith(".") and not entry.is_dir())
    looks = _two_looks([folder / name for name in present], source.limits)
    beside = folder / manifest.NAME
    if manifest.NAME in present and looks[beside] is None:
        return _Folder([], [], is_growing=True)
    lines = manifest.read(beside) if beside.is_file() else []
    stated = {line.file for line in lines}
    loose = [name for name in present if name not in {*stated, manifest.NAME}]
    known = {name for name in loose if _is_delivery(source, folder / name)}

    def statement(name: str, line: manifest.Line | None) -> Statement:
        path = folder / name
        look = looks.get(path)
        return Statement(path, name, line, f"{where}{name}", look, is_growing=path in looks and look is None)

    return _Folder(
        [
            *_in_order([statement(line.file, line) for line in lines]),
            *(statement(name, None) for name in loose if name in known),
        ],
        [name for name in loose if name not in known],
        is_growing=False,
    )


def _is_delivery(source: Source, path: Path) -> bool:
    """Whether what lies here unannounced was meant for the feed."""
    if is_delivery(source.contract, path.name):
        return True
    return path.is_file() and path.name[0].isalnum() and holds_deliveries(source.contract, path, source.limits)


def _two_looks(paths: list[Path], limits: Limits) -> dict[Path, Look | None]:
    """Size and time of each file that has stopped growing; None for one that has not.

    There is one pause for all of them, and none where nothing was written to any for a minute: a change of a file sets
    a time that no program that copies it can set (`st_ctime`), so one look proves as much as two. A file that is gone
    or cannot be looked at has no say.
    """
    first = {path: _look(path) for path in paths}
    newest = max((look[2] for look in first.values() if look), default=0)
    if newest > (time.time() - limits.quiet_seconds) * 1e9:
        time.sleep(limits.settle_seconds)
    found: dict[Path, Look | None] = {}
    for path, before in first.items():
        after = _look(path)
        if before is not None and after is not None:
            found[path] = after[:2] if before == after else None
    return found


def _look(path: Path) -> tuple[int, int, int] | None:
    """Size, time of the last write, and time of the last change of any kind (both in ns); None where there is none."""
    try:
        seen = path.stat()
    except (OSError, RuntimeError):
        return None
    return seen.st_size, seen.st_mtime_ns, max(seen.st_mtime_ns, seen.st_ctime_ns)


def _left_alone(contract: Contract, names: list[str]) -> str:
    """The word for files that are no deliveries; of a restricted feed it does not name them."""
    shown = "" if contract.personal_data else ": " + ", ".join(names[:NAMED_AT_MOST])
    more = f" and {len(names) - NAMED_AT_MOST} more" if shown and len(names) > NAMED_AT_MOST else ""
    which = "1 file is" if len(names) == 1 else f"{len(names)} files are"
    return (
        f"left_alone: {which} no delivery of this feed by name{shown}{more}; to load one, list it in {manifest.NAME}, "
        "rename it as the contract says, or give it with --file"
    )


def _in_order(statements: list[Statement]) -> list[Statement]:
    """By vintage, then line, unusable lines first; a file with several lines gets an address for each."""
    times = Counter(statement.source_url for statement in statements)
    ordered = sorted(
        statements,
        key=lambda item: (
            (item.line.vintage_at if item.line else None) or datetime.min.replace(tzinfo=UTC),
            item.line.number if item.line else 0,
        ),
    )
    return [
        replace(item, source_url=f"{item.source_url}#{item.line.vintage_at.isoformat()}")
        if item.line and item.line.vintage_at and times[item.source_url] > 1
        else item
        for item in ordered
    ]


def _take(source: Source, statement: Statement) -> Asked | None:
    """The attempt; None for a file whose name states a period that was not asked for."""
    says = named(source.contract, statement.name)
    if says is not None and not source.wants(says.period_start, says.period_end):
        return None
    question = Question(statement.source_url)
    if says is not None:
        question = Question(statement.source_url, says.resource, says.partition or "", says.period_start)
    if statement.is_growing:
        return question.ends("not_yet", f"growing: {statement.name} is still being written; {LATER}")
    return ask(question, lambda asked: _receive(source, asked, statement))


def _receive(source: Source, question: Question, statement: Statement) -> Asked:
    line = statement.line
    if line is not None and line.problem:
        return question.ends("refused", line.problem)
    landed = _copy(source, statement.path, statement.look)
    refusal, warning = _judge(source.contract, line, landed)
    whole = _received(source, question, statement, landed, refusal, warning)
    received = unpacked(source, landed, whole, _stated(source, line))
    last = source.history.last(question.source_url)
    # an undated file that lies there unchanged says nothing new; one with a date states that date each time
    is_silent = line is None and not refusal and last is not None and last.sha256 == landed.sha256
    return question.ends(
        "refused" if refusal else changed(last, landed.sha256),
        refusal,
        sha256=landed.sha256,
        size_bytes=landed.size_bytes,
        last_modified=line.vintage_at.isoformat() if line and line.vintage_at else None,
        received=() if is_silent else received,
    )


def _received(
    source: Source,
    question: Question,
    statement: Statement,
    landed: Landed,
    refusal: str,
    warning: str,
) -> Received:
    line = statement.line
    says, stated = named(source.contract, statement.name), _stated(source, line)
    return Received(
        resource=says.resource if says else "",
        partition=says.partition if says else None,
        period_start=says.period_start if says else None,
        period_end=says.period_end if says else None,
        sha256=landed.sha256,
        size_bytes=landed.size_bytes,
        file_name=statement.name,
        source_url=question.source_url,
        vintage_at=stated.at,
        vintage_source=stated.source,
        manifest_line=line.number if line else None,
        manifest_rows=line.rows if line else None,
        is_whole=True if line and line.sha256 and not refusal else None,
        warning=joined(stated.warning, warning),
        refusal=refusal,
    )


def _stated(source: Source, line: manifest.Line | None) -> Vintage:
    return vintage(line.vintage_at if line else None, "manifest", source.now)


def _judge(contract: Contract, line: manifest.Line | None, landed: Landed) -> tuple[str, str]:
    """Why the bytes must be rejected, and what to warn of; both mostly empty."""
    if line is None:
        if contract.personal_data:
            return f"{NO_LINE}; ask the partner to state what it sends", ""
        return "", f"{NO_LINE}; the time of receipt is its date"
    if line.sha256 is not None and line.sha256 != landed.sha256:
        return (
            f"checksum_mismatch: {manifest.NAME}, line {line.number} states another sha256; "
            "ask the partner to send the file or its manifest again",
            "",
        )
    return "", ""


def _copy(source: Source, path: Path, look: Look | None) -> Landed:
    """Land the file as it was when it was looked at. Raises SourceError, OSError."""
    folder = path.parent.resolve()
    try:
        is_inside = path.resolve(strict=True).is_relative_to(folder)
    except (FileNotFoundError, RuntimeError) as error:
        raise SourceError("no_such_file: the file is not there; put it there or correct its name") from error
    # neither a link out of the folder nor a pipe or device is a delivery
    if not is_inside or not path.is_file():
        raise SourceError("not_a_file: only a plain file in this folder is read; copy it here", outcome="refused")
    if not os.access(path, os.R_OK):
        raise SourceError("not_readable: the file may not be read; mend its permissions")
    with path.open("rb") as stream, source.landing.receive() as receiver:
        before = os.fstat(stream.fileno())
        if before.st_size > source.limits.max_bytes:
            raise SourceError(
                f"too_large: more than {source.limits.max_bytes} bytes; if that is right, raise the limit",
                outcome="refused",
            )
        size = 0
        while data := stream.read(CHUNK_BYTES):
            size += len(data)
            receiver.write(data)
        after = os.fstat(stream.fileno())
        at_rest = look or (before.st_size, before.st_mtime_ns)
        if size != at_rest[0] or at_rest != (after.st_size, after.st_mtime_ns):
            raise SourceError(
                "changing: the file changed while it was read; wait until it is complete", is_retryable=True
            )
        return receiver.commit()
