"""The content-addressed store of received bytes, in a local folder or at any other address that fsspec knows.

A content lies at ``ab/cd/<sha256>`` under the root. It is received into a file on this machine's own disk and put in
its place whole when its bytes, and so its name, are known: by one rename where the root is a folder, by one put on the
condition that nothing has the name elsewhere. So a file under its sha256 is always complete and never changes, and
two that land the same bytes agree. Whoever receives holds the local file locked until it ends, however it ends, so
what nobody will finish is known at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import uuid
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from upath import UPath

from vru import files
from vru.landing.member import open_member
from vru.landing.workbook import WorkbookError
from vru.settings import place, settings

PARTIAL = "tmp"
WRITING_MODE, LANDED_MODE = 0o600, 0o400
SHA256 = re.compile(r"[0-9a-f]{64}")


class LandingError(Exception):
    """A content that is not in the landing store, or a name that cannot be one."""


@dataclass(frozen=True, slots=True)
class Landed:
    """One content in the store."""

    sha256: str
    size_bytes: int


class Landing:
    """The store under one root: a folder, or a URL that fsspec understands (``s3://…``, ``memory://…``)."""

    def __init__(self, root: str | Path | UPath, scratch: Path | None = None) -> None:
        """``scratch`` is where contents are received: ``tmp`` in the root, or the state folder's own if that is far."""
        self._root = place(root) if isinstance(root, str) else root
        if scratch is None:
            scratch = self._root / PARTIAL if isinstance(self._root, Path) else settings().run_dir / "received"
        self._scratch = scratch

    def receive(self) -> Receiver:
        """Start to receive one content, in a ``with``; left without ``commit`` it leaves nothing behind."""
        return Receiver(self)

    def exists(self, sha256: str) -> bool:
        """Whether this content is in the store."""
        return bool(self._path(sha256).exists())

    def size(self, sha256: str) -> int:
        """Bytes of a content. Raises LandingError if it is not there."""
        try:
            return int(self._path(sha256).stat().st_size)
        except FileNotFoundError as error:
            raise self._missing(sha256) from error

    def open(self, sha256: str) -> BinaryIO:
        """A content as a seekable stream; the caller closes it. Raises LandingError if it is not there."""
        try:
            return cast(BinaryIO, files.open_for_reading(self._path(sha256)))
        except FileNotFoundError as error:
            raise self._missing(sha256) from error

    def open_member(self, container_sha256: str, member_name: str) -> BinaryIO:
        """A member of a landed container, a file of a ZIP or a sheet of a workbook, as a stream; the caller closes it.

        Nothing is unpacked to disk. Reading to the end checks the member's CRC (zipfile.BadZipFile). Raises
        LandingError if the container or the member is not there, or a workbook cannot be read; zipfile.BadZipFile if
        the container is no ZIP.
        """
        container = self.open(container_sha256)
        try:
            return open_member(container, member_name)
        except KeyError as error:
            container.close()
            raise LandingError(
                f"the landed archive {container_sha256} has no member of that name; fetch the archive again"
            ) from error
        except WorkbookError as error:
            container.close()
            raise LandingError(f"the landed workbook {container_sha256}: {error}") from error
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
            container.close()
            raise

    def remove_stale(self) -> int:
        """Remove what killed processes of this machine left half received; returns how many files."""
        removed = 0
        for path in self._scratch.glob("*.part"):
            # another process may finish or remove the same file at this moment
            with suppress(FileNotFoundError):
                removed += _remove_if_free(path)
        return removed

    def _path(self, sha256: str) -> Path | UPath:
        if SHA256.fullmatch(sha256) is None:
            raise LandingError("a content is named by its sha256, 64 hexadecimal digits in lower case")
        return self._root / sha256[:2] / sha256[2:4] / sha256

    def _missing(self, sha256: str) -> LandingError:
        return LandingError(f"{sha256} is not in the landing store; restore it or fetch it again")

    def _begin(self) -> tuple[Path, int]:
        """A new file to receive into, and the descriptor that holds it open and locked."""
        files.make_folder(self._scratch)
        while True:
            path = self._scratch / f"{uuid.uuid4().hex}.part"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, WRITING_MODE)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # before it was locked, another process may have taken it for what a killed one left
            if path.exists():
                return path, descriptor
            os.close(descriptor)

    def _place(self, received: Path, landed: Landed) -> None:
        """Give a finished file its name; what stands there already (and is whole) stays."""
        target = self._path(landed.sha256)
        if target.exists():
            if self.size(landed.sha256) == landed.size_bytes:
                return
            if not isinstance(target, Path):  # cut by another hand; a rename replaces it, a put does not
                target.unlink()
        received.chmod(LANDED_MODE)
        with suppress(FileExistsError):  # who was a moment quicker landed the same bytes
            files.add(received, target)


class Receiver:
    """One content on its way into the store."""

    def __init__(self, landing: Landing) -> None:
        self._landing = landing
        self._digest = hashlib.sha256()
        self._size = 0

    def __enter__(self) -> Self:
        """Open the temporary file. Raises OSError if the disk refuses."""
        self._path, descriptor = self._landing._begin()
        self._file = os.fdopen(descriptor, "wb", buffering=files.BLOCK_BYTES >> 5)
        return self

    def write(self, data: bytes) -> None:
        """Append bytes. Raises OSError if the disk refuses."""
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)

    def commit(self) -> Landed:
        """Put the bytes in their place, safely on disk; afterwards nothing more can be written.

        Raises OSError if the disk or the store refuses; then nothing is landed.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        landed = Landed(self._digest.hexdigest(), self._size)
        self._landing._place(self._path, landed)
        return landed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # the name first: until the file is closed nobody takes it for one that a killed process left
        self._path.unlink(missing_ok=True)
        # closing writes what is buffered, which fails once more on a full disk; the file is gone either way
        with suppress(OSError):
            self._file.close()


def _remove_if_free(path: Path) -> bool:
    """Remove a temporary file unless its receiver lives. Raises FileNotFoundError if it is gone."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
