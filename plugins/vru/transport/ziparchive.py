"""Reads landed ZIP archives without unpacking them to disk, and refuses those that are not safe to read."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import PurePosixPath
from typing import BinaryIO

from vru.landing.zipdirectory import DAMAGE, DIRECTORY_ENTRY_BYTES, MAX_NAME_BYTES, directory_bytes
from vru.transport.errors import SourceError
from vru.transport.limits import Limits
from vru.transport.model import Landed

CHUNK_BYTES = 1 << 18
ENCRYPTED = 0x1
UNIX = 3
MEMBER_HEADER_BYTES = 30
ARCHIVE_SUFFIXES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar")
EARLIEST = datetime(1981, 1, 1, tzinfo=UTC)
"""ZIP writes 1980-01-01 where it has no time."""


class DamagedArchiveError(SourceError):
    """The archive cannot be read: cut, bits flipped. Fetching it again may help."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive whose bytes have been read and whose CRC holds."""

    name: str
    sha256: str
    size_bytes: int


class ZipArchive:
    """A landed archive that has passed the checks of its directory. Use it in a ``with`` on the open stream.

    Raises SourceError: `unsafe_path`, `symlink`, `encrypted`, `compression`, `duplicate_member`,
    `nested_archive`, `too_many_members`, `too_large`, `ratio`, `overlap`; DamagedArchiveError:
    `corrupt_archive`.
    """

    def __init__(self, stream: BinaryIO, landed: Landed, limits: Limits) -> None:
        self._landed, self._limits = landed, limits
        try:
            if directory_bytes(stream) > limits.zip_members * (DIRECTORY_ENTRY_BYTES + MAX_NAME_BYTES):
                raise self._refused("too_many_members", f"its directory is too large for {limits.zip_members} members")
            self._zip = zipfile.ZipFile(stream)
        except DAMAGE as error:
            raise self._damaged() from error
        self._check()

    @property
    def names(self) -> list[str]:
        """Names of the files, in the order of the archive."""
        return [entry.filename for entry in self._files()]

    @property
    def written_at(self) -> datetime | None:
        """The newest time of a member, read as UTC; None where none is stated."""
        newest = None
        for entry in self._files():
            try:
                moment = datetime(*entry.date_time, tzinfo=UTC)
            except ValueError:
                continue
            newest = moment if newest is None or moment > newest else newest
        return newest if newest is not None and newest >= EARLIEST else None

    def read(self, names: list[str]) -> Iterator[Member]:
        """Read these members to the end: their sha256 and size. Raises as the class does."""
        for name in names:
            digest, size = hashlib.sha256(), 0
            try:
                with self._zip.open(name) as member:
                    while data := member.read(CHUNK_BYTES):
                        if size == 0 and data.startswith(b"PK\x03\x04"):
                            raise self._refused("nested_archive", "a member is itself an archive")
                        digest.update(data)
                        size += len(data)
            except DAMAGE as error:
                raise self._damaged() from error
            if size != self._zip.getinfo(name).file_size:
                raise self._damaged()
            yield Member(name, digest.hexdigest(), size)

    def _files(self) -> list[zipfile.ZipInfo]:
        return [entry for entry in self._zip.infolist() if not entry.is_dir()]

    def _check(self) -> None:
        entries, limits = self._zip.infolist(), self._limits
        if len(entries) > limits.zip_members:
            raise self._refused("too_many_members", f"it has more than {limits.zip_members} members")
        if len({entry.filename for entry in entries}) < len(entries):
            raise self._refused("duplicate_member", "two members have the same name")
        if sum(entry.file_size for entry in entries) > limits.zip_total_bytes:
            raise self._refused("too_large", f"it unpacks to more than {limits.zip_total_bytes} bytes")
        for entry in entries:
            self._check_entry(entry)
        placed = sorted(entries, key=lambda entry: entry.header_offset)
        for entry, following in pairwise(placed):
            if entry.header_offset + MEMBER_HEADER_BYTES + entry.compress_size > following.header_offset:
                raise self._refused("overlap", "members share bytes, as in an archive bomb")

    def _check_entry(self, entry: zipfile.ZipInfo) -> None:
        limits, name = self._limits, entry.orig_filename
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or name[1:2] == ":" or not parts:
            raise self._refused("unsafe_path", "a member's path leads out of the archive")
        mode = entry.external_attr >> 16
        if entry.create_system == UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise self._refused("symlink", "a member is a link or device and no file")
        if entry.flag_bits & ENCRYPTED:
            raise self._refused("encrypted", "a member needs a password")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._refused("compression", "a member is packed in a way that is not read here")
        if name.lower().endswith(ARCHIVE_SUFFIXES):
            raise self._refused("nested_archive", "a member is itself an archive")
        if entry.file_size > limits.zip_member_bytes:
            raise self._refused("too_large", f"a member unpacks to more than {limits.zip_member_bytes} bytes")
        is_judged = entry.file_size > limits.zip_ratio_floor_bytes
        if is_judged and entry.file_size > limits.zip_ratio * max(entry.compress_size, 1):
            raise self._refused("ratio", f"a member unpacks to more than {limits.zip_ratio} times its size")

    def _refused(self, code: str, what: str) -> SourceError:
        return SourceError(
            f"{code}: {what}; nothing of it was read, ask the partner", outcome="refused", landed=self._landed
        )

    def _damaged(self) -> DamagedArchiveError:
        return DamagedArchiveError(
            "corrupt_archive: the archive cannot be read to its end; ask the partner to put it up again",
            outcome="refused",
            landed=self._landed,
        )
