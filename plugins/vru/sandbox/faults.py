"""Faults that a test can ask the sandbox server for, and how each looks on the wire."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KINDS = frozenset(
    {
        "html_200", "json_error_200", "status", "replace_body", "alter", "short_of_content_length",
        "chunked_ended_early", "stall_after_headers", "stall_mid_body", "slow_headers", "trickled_headers",
        "slow_body", "never_closes", "redirect_to", "redirect_loop", "drop",
    }
)  # fmt: skip


@dataclass
class Fault:
    """One order: requests whose path fits get this, `times` times or until it is cleared."""

    path_glob: str
    kind: str
    times: int | None = None
    params: dict[str, Any] = field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        """A numeric parameter."""
        return float(self.params.get(name, default))

    @property
    def headers(self) -> dict[str, str]:
        """Headers that the answer bears besides its own."""
        return dict(self.params.get("headers", {}))

    def alteration(self) -> Callable[[bytes], bytes]:
        """The function of an `alter` fault."""
        change: Callable[[bytes], bytes] = self.params["change"]
        return change


class FaultBook:
    """The faults in force; safe to use from several threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Put one fault in force; the first that fits a request is used."""
        if fault.kind not in KINDS:
            raise ValueError(f"no such fault: {fault.kind}; there are {', '.join(sorted(KINDS))}")
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Make everything healthy again."""
        with self._lock:
            self._faults.clear()

    def take(self, target: str) -> Fault | None:
        """The fault for this request target (path, or path with its query), counted as used."""
        path = target.partition("?")[0]
        with self._lock:
            for fault in self._faults:
                is_meant = any(fnmatch.fnmatchcase(text, fault.path_glob) for text in (path, target))
                if not is_meant or fault.times == 0:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
