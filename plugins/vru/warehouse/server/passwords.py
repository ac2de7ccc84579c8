"""The passwords of the database roles: random, per state folder, readable by its owner alone."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path

from vru.warehouse.errors import WarehouseError
from vru.warehouse.server.private_files import read_json, write_json

FILE_NAME = "warehouse.json"


def passwords_file(home: Path) -> Path:
    """Where the passwords of one state folder are kept."""
    return home / "secrets" / FILE_NAME


def stored_passwords(home: Path) -> dict[str, str]:
    """Role name to password, as stored; empty when none were made yet."""
    return {str(role): str(password) for role, password in read_json(passwords_file(home)).items()}


def make_passwords(home: Path, roles: Iterable[str]) -> dict[str, str]:
    """Make up a password for each role that has none, store them (mode 0600), and return all.

    The caller holds the warehouse lock.
    """
    known = stored_passwords(home)
    missing = [role for role in roles if role not in known]
    if missing:
        known.update({role: secrets.token_urlsafe(24) for role in missing})
        write_json(passwords_file(home), dict(known))
    return known


def password_of(home: Path, role: str) -> str:
    """Return one role's password.

    Raises WarehouseError if the role is unknown or the file is gone.
    """
    try:
        return stored_passwords(home)[role]
    except KeyError:
        raise WarehouseError(
            f"no password is stored for role {role} in {passwords_file(home)}; "
            "check the role's name, or restore that file from a backup"
        ) from None


def derived_password(owner_password: str, role: str) -> str:
    """Return the password of ``role`` on a server that several machines share.

    Whoever has the owner's password gets the same one, so no state folder has to be shared, and it does
    not lead back to the owner's.
    """
    return hmac.new(owner_password.encode(), f"vru|role|{role}".encode(), hashlib.sha256).hexdigest()
