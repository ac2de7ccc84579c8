"""Puts a file in its place whole or not at all: in a folder, or at any other address that fsspec knows.

On a local disk a file is written beside its place and renamed. An object store has no rename, and its put is whole by
itself; where a name must never change its bytes, the put is made on the condition that nothing has that name yet.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from upath import UPath

from vru.settings import private_dir

BLOCK_BYTES = 8 << 20
"""Read and put at a time where files are far away; some of them are in memory at once."""


def write(path: Path | UPath, data: bytes) -> None:
    """Write a file, or replace it, in one step. Missing folders are made for their owner alone."""
    if not isinstance(path, Path):
        path.fs.pipe_file(path.path, data)
        return
    unfinished = private_dir(path.parent) / f".{path.name}.{uuid.uuid4().hex}"
    try:
        with unfinished.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def add(finished: Path, path: Path | UPath) -> None:
    """Put a finished local file in a place where nothing is; it goes from where it was.

    On a local disk it is renamed, and a power cut afterwards does not undo that. Elsewhere it is put on the condition
    that nothing has the name. Raises FileExistsError there if something has; the file then stays.
    """
    if not isinstance(path, Path):
        path.fs.put_file(str(finished), path.path, mode="create", chunksize=BLOCK_BYTES)
        finished.unlink()
        return
    make_folder(path.parent)
    finished.replace(path)
    _sync(path.parent)


def open_for_reading(path: Path | UPath) -> Any:
    """The file as a seekable stream of bytes; the caller closes it. Raises FileNotFoundError."""
    return path.open("rb") if isinstance(path, Path) else path.fs.open(path.path, "rb", block_size=BLOCK_BYTES)


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents for their owner alone; a power cut does not undo it."""
    missing = [path for path in (folder, *folder.parents) if not path.is_dir()]
    private_dir(folder)
    for path in reversed(missing):
        _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
