"""What a received container holds of a feed: files of a ZIP, sheets of a workbook; each is a content by itself."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath

from vru.contracts import Archive, Contract, Workbook
from vru.landing import workbook
from vru.received import Named, Received
from vru.transport.errors import SourceError
from vru.transport.limits import Limits
from vru.transport.model import Landed
from vru.transport.names import SUFFIXES, base_name, match_member, match_resource, match_sheet
from vru.transport.source import UNKNOWN_NAME, Piece, Source, Vintage, due, joined, piece_of, vintage
from vru.transport.ziparchive import Member, ZipArchive

WORKBOOKS = (".xls", ".xlsx", ".xlsm", ".xlsb", ".ods")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a container holds of a feed."""

    received: tuple[Received, ...]
    """The members asked for."""
    pieces: frozenset[Piece]
    """What it has of the feed, asked for or not."""
    is_filtered: bool
    """Some members were not asked for."""

    @property
    def months(self) -> tuple[date, ...]:
        """Every period of which it has a member of the feed; ascending."""
        return months_of(self.pieces)


def months_of(pieces: Iterable[Piece]) -> tuple[date, ...]:
    """The periods of these pieces; ascending."""
    return tuple(sorted({start for _, _, start in pieces}))


def unpacked(source: Source, landed: Landed, whole: Received, stated: Vintage) -> tuple[Received, ...]:
    """The contents of what was received: `whole` itself, or the members of the container that it is.

    The contract says what is unpacked; any other container stays as it is, and its parse says that it is none of the
    contract's formats. Raises SourceError for a container that cannot be read, or that has no member of the feed.
    """
    kinds = due(source.contract.resources)
    takes_zip = "zip" in kinds or isinstance(source.contract.transport, Archive)
    itself = (replace(whole, warning=joined(whole.warning, "" if whole.resource else UNKNOWN_NAME)),)
    if whole.refusal or not (takes_zip or "workbook" in kinds):
        return itself
    with source.landing.open(landed.sha256) as stream:
        kind = workbook.kind_of(stream)
    if kind in ("workbook", "old_workbook") and "workbook" in kinds:
        contents = read_sheets(source, landed, whole)
    elif kind in ("workbook", "zip") and takes_zip:
        contents = read_members(source, landed, whole, stated)
    else:
        return itself
    if not contents.months and not contents.received:
        raise no_members(landed)
    return contents.received


def read_members(source: Source, landed: Landed, whole: Received, stated: Vintage) -> Contents:
    """Every file whose base name is that of a delivery and whose period is wanted, in name order.

    `whole` is what was said of the archive. Where nothing outside states a vintage, the newest time written in the
    archive does. Raises SourceError for an archive that is damaged or not safe to read; then none of it counts.
    """
    with source.landing.open(landed.sha256) as stream:
        archive = ZipArchive(stream, landed, source.limits)
        found = {name: says for name in sorted(archive.names) if (says := match_member(source.contract, name))}
        wanted = [name for name, says in found.items() if source.wants_named(says)]
        if stated.at is None and not stated.warning:
            told = vintage(archive.written_at, "last_modified", source.now)
            whole = replace(
                whole, vintage_at=told.at, vintage_source=told.source, warning=joined(told.warning, whole.warning)
            )
        received = [
            _received(whole, landed, member, found[member.name], base_name(member.name))
            for member in archive.read(wanted)
        ]
    return Contents(_counted(whole, received), _pieces(found.values()), len(wanted) < len(found))


def read_sheets(source: Source, landed: Landed, whole: Received) -> Contents:
    """Every sheet that the contract names, in the order of the workbook; one may serve several resources.

    Where the file's name tells the resources, each of those must find its sheet. Raises SourceError for a workbook that
    cannot be read, or that lacks a sheet; then none of its sheets counts.
    """
    try:
        with source.landing.open(landed.sha256) as stream:
            book = workbook.Workbook(stream, source.limits.workbook)
        suffix = PurePosixPath(whole.file_name.lower()).suffix
        if suffix in SUFFIXES and suffix != book.suffix:
            raise workbook.WorkbookError(
                "wrong_file_type",
                f"the name ends in {suffix}, but the content is a workbook ({book.suffix}); ask the partner what it is",
            )
        found = _chosen(source, whole.file_name, book)
        wanted = [one for one in found if source.wants_named(one[1])]
        members = {name: _member(book, name) for name in dict.fromkeys(name for name, _ in wanted)}
    except workbook.WorkbookError as error:
        raise SourceError(f"{error}; nothing of it was read", outcome="refused", landed=landed) from error
    received = [
        _received(whole, landed, members[name], says, f"{base_name(whole.file_name)}#{name}") for name, says in wanted
    ]
    return Contents(_counted(whole, received), _pieces([says for _, says in found]), len(wanted) < len(found))


def list_pieces(source: Source, landed: Landed) -> frozenset[Piece]:
    """What a landed archive has of the feed. Raises SourceError."""
    with source.landing.open(landed.sha256) as stream:
        names = ZipArchive(stream, landed, source.limits).names
    return _pieces([says for name in names if (says := match_member(source.contract, name))])


def holds_deliveries(contract: Contract, path: Path, limits: Limits) -> bool:
    """Whether a container on disk has a member of the feed; one that cannot be opened is somebody's to judge, so True.

    False for a file that the contract does not unpack.
    """
    suffix = path.suffix.lower()
    kinds = due(contract.resources)
    try:
        if suffix == ".zip" and ("zip" in kinds or isinstance(contract.transport, Archive)):
            with zipfile.ZipFile(path) as archive:
                return any(match_member(contract, name) for name in archive.namelist())
        if suffix in WORKBOOKS and "workbook" in kinds:
            with path.open("rb") as stream:
                names = workbook.Workbook(stream, limits.workbook).names
            forms = [(r, form) for r in contract.resources for form in r.formats if isinstance(form, Workbook)]
            return any(match_sheet(resource, form, name) for resource, form in forms for name in names)
    except (zipfile.BadZipFile, workbook.WorkbookError, OSError, ValueError, NotImplementedError):
        return True
    return False


def no_members(landed: Landed) -> SourceError:
    """What is said of a container without any content of the feed."""
    return SourceError(
        "no_members: the archive holds no file of this feed; compare its names with the contract",
        outcome="refused",
        landed=landed,
    )


def _chosen(source: Source, file_name: str, book: workbook.Workbook) -> list[tuple[str, Named]]:
    """Sheets and what file and sheet say together. Raises WorkbookError where one is missing."""
    forms = [(r, form) for r in source.contract.resources for form in r.formats if isinstance(form, Workbook)]
    told = {r.name: says for r, _ in forms if (says := match_resource(r, file_name))}
    names = book.names
    chosen: list[tuple[str, Named]] = []
    missing: list[str] = []
    for resource, form in forms:
        if told and resource.name not in told:
            continue
        fitting = [(name, says) for name in names if (says := match_sheet(resource, form, name))]
        if not fitting:
            missing.append(f"'{form.sheet or form.sheet_pattern}' ({resource.name})")
        for name, says in fitting:
            chosen.append((name, _together(says, told.get(resource.name))))
    if missing and (told or not chosen):
        raise workbook.WorkbookError(
            "no_sheet",
            f"none of its {len(names)} sheets, beside {book.hidden_count} hidden, fits {' or '.join(missing)}; compare "
            "their names with the contract",
        )
    return sorted(chosen, key=lambda one: names.index(one[0]))


def _together(sheet: Named, file: Named | None) -> Named:
    """What the sheet's name says, and where it is silent the file's."""
    if file is None:
        return sheet
    partition = sheet.partition or file.partition
    if sheet.period_start is None:
        return replace(sheet, partition=partition, period_start=file.period_start, period_end=file.period_end)
    return replace(sheet, partition=partition)


def _member(book: workbook.Workbook, name: str) -> Member:
    digest, size = hashlib.sha256(), 0
    for piece in book.lines(name):
        digest.update(piece)
        size += len(piece)
    return Member(name, digest.hexdigest(), size)


def _received(whole: Received, landed: Landed, member: Member, says: Named, file_name: str) -> Received:
    return replace(
        whole,
        resource=says.resource,
        partition=says.partition,
        period_start=says.period_start,
        period_end=says.period_end,
        sha256=member.sha256,
        size_bytes=member.size_bytes,
        file_name=file_name,
        # the directory states size and CRC of every part, and all hold
        is_whole=True,
        container_sha256=landed.sha256,
        member_name=member.name,
    )


def _counted(whole: Received, received: list[Received]) -> tuple[Received, ...]:
    """The rows that were stated of the file are those of its one content; of several nobody knows whose they are."""
    rows = whole.manifest_rows if len(received) == 1 else None
    return tuple(replace(one, manifest_rows=rows) for one in received)


def _pieces(found: Iterable[Named]) -> frozenset[Piece]:
    return frozenset(piece for says in found if (piece := piece_of(says)) is not None)
