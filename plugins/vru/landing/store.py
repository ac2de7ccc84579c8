"""The content-addressed store of received bytes, in a local folder or any other place that fsspec knows.

Layout under the root: ``ab/cd/<sha256>`` for contents, ``tmp/`` for what is still being received. A content
is put in its place by one rename, so a file under its sha256 is always complete and never changes. On a local disk
whoever receives holds the file locked until it ends, however it ends, so what nobody will finish is known at once.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from vru.landing.member import open_member
from vru.landing.workbook import WorkbookError

PARTIAL = "tmp"
FOLDER_MODE, WRITING_MODE, LANDED_MODE = 0o700, 0o600, 0o400
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

    def __init__(self, root: str | os.PathLike[str]) -> None:
        # listings are not cached: other processes land files too
        filesystem, path = url_to_fs(os.fspath(root), use_listings_cache=False)
        self._filesystem = filesystem
        self._root = str(path).rstrip("/")
        self._is_local = isinstance(filesystem, LocalFileSystem)

    def receive(self) -> Receiver:
        """Start to receive one content, in a ``with``; left without ``commit`` it leaves nothing behind."""
        return Receiver(self)

    def exists(self, sha256: str) -> bool:
        """Whether this content is in the store."""
        return bool(self._filesystem.exists(self._path(sha256)))

    def size(self, sha256: str) -> int:
        """Bytes of a content. Raises LandingError if it is not there."""
        try:
            return int(self._filesystem.size(self._path(sha256)))
        except FileNotFoundError as error:
            raise self._missing(sha256) from error

    def open(self, sha256: str) -> BinaryIO:
        """A content as a seekable stream; the caller closes it. Raises LandingError if it is not there."""
        try:
            return cast(BinaryIO, self._filesystem.open(self._path(sha256), "rb"))
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

    def remove_stale(self, older_than_seconds: float) -> int:
        """Remove what killed processes left half received; returns how many files.

        On a local disk that is what nobody holds locked. Elsewhere only age tells: give more seconds than a live
        download may go without writing, so that none loses its file.
        """
        folder = f"{self._root}/{PARTIAL}"
        limit = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        removed = 0
        if not self._filesystem.isdir(folder):
            return removed
        for path in self._filesystem.ls(folder, detail=False):
            # another process may finish or remove the same file at this moment
            with suppress(FileNotFoundError):
                if self._is_local:
                    removed += _remove_if_free(Path(path))
                    continue
                modified = self._filesystem.modified(path)
                if (modified if modified.tzinfo else modified.replace(tzinfo=UTC)) <= limit:
                    self._filesystem.rm_file(path)
                    removed += 1
        return removed

    def _path(self, sha256: str) -> str:
        if SHA256.fullmatch(sha256) is None:
            raise LandingError("a content is named by its sha256, 64 hexadecimal digits in lower case")
        return f"{self._root}/{sha256[:2]}/{sha256[2:4]}/{sha256}"

    def _missing(self, sha256: str) -> LandingError:
        return LandingError(f"{sha256} is not in the landing store; restore it or fetch it again")

    def _make_folder(self, path: str) -> None:
        """Create a folder and its missing parents; on a local disk for the owner alone, and durably."""
        if not self._is_local:
            self._filesystem.makedirs(path, exist_ok=True)
            return
        missing = []
        folder = Path(path)
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for folder in reversed(missing):
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            _sync_folder(folder.parent)

    def _begin(self) -> tuple[str, Any, int | None]:
        """Path and open file of a new temporary file, and the descriptor that holds it locked on a local disk."""
        folder = f"{self._root}/{PARTIAL}"
        self._make_folder(folder)
        while True:
            path = f"{folder}/{uuid.uuid4().hex}.part"
            lock = _create_locked(path) if self._is_local else None
            # before it was locked, another process may have taken it for what a killed one left
            if lock is None or os.path.exists(path):
                return path, self._filesystem.open(path, "wb"), lock
            os.close(lock)

    def _place(self, temporary: str, landed: Landed) -> None:
        """Give a finished file its name; what stands there already (and is whole) stays."""
        target = self._path(landed.sha256)
        if self.exists(landed.sha256) and self.size(landed.sha256) == landed.size_bytes:
            self._filesystem.rm_file(temporary)
            return
        self._make_folder(target.rpartition("/")[0])
        if self._is_local:
            Path(temporary).chmod(LANDED_MODE)
        self._filesystem.mv(temporary, target)
        if self._is_local:
            _sync_folder(Path(target).parent)

    def _discard(self, temporary: str) -> None:
        with suppress(FileNotFoundError):
            self._filesystem.rm_file(temporary)


class Receiver:
    """One content on its way into the store."""

    def __init__(self, landing: Landing) -> None:
        self._landing = landing
        self._digest = hashlib.sha256()
        self._size = 0
        self._path = ""
        self._file: Any = None
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Open the temporary file. Raises OSError if the disk refuses."""
        self._path, self._file, self._lock = self._landing._begin()
        return self

    def write(self, data: bytes) -> None:
        """Append bytes. Raises OSError if the disk refuses."""
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)

    def commit(self) -> Landed:
        """Put the bytes in their place, safely on disk; afterwards nothing more can be written.

        Raises OSError if the disk refuses; then nothing is landed.
        """
        if self._landing._is_local:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        landed = Landed(self._digest.hexdigest(), self._size)
        self._landing._place(self._path, landed)
        self._path = ""
        return landed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path:
            # closing writes what is buffered, which fails once more on a full disk; the file goes either way
            with suppress(OSError):
                self._file.close()
            self._landing._discard(self._path)
        if self._lock is not None:
            os.close(self._lock)


def _create_locked(path: str) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, WRITING_MODE)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


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


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
