"""What the warehouse raises when it cannot do its work."""

from __future__ import annotations


class WarehouseError(RuntimeError):
    """The server could not be made, started, stopped or reached.

    The message says what happened, where, and what to do; it never holds a password.
    """
