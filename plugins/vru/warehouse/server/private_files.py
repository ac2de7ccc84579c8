"""Small files that only their owner may read, and a lock between processes."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vru.settings import private_dir
from vru.warehouse.errors import WarehouseError


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace ``path`` in one step by ``content``, mode 0600; a crash leaves the old or the new file."""
    private_dir(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """Read one JSON object; an absent file is an empty one.

    Raises WarehouseError if the file is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise WarehouseError(f"{path} is damaged and cannot be read; restore it from a backup") from error
    if not isinstance(content, dict):
        raise WarehouseError(f"{path} does not hold what it should; restore it from a backup")
    return content


@contextmanager
def locked(path: Path, *, timeout_seconds: float = 180.0) -> Iterator[None]:
    """Hold ``path`` locked against other processes and threads; the kernel frees it if we die.

    Raises WarehouseError after ``timeout_seconds``.
    """
    private_dir(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise WarehouseError(
                        f"another process has held {path} for {timeout_seconds:.0f} s; "
                        "see what it is doing (`vru db status`) and try again"
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)
