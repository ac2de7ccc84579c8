"""Who receives reports by mail. An address outside the approved list stops the mail to everyone.

Two places must agree: `VRU_REPORT_TO` says who shall receive reports, and the file of approved recipients, kept by
whoever answers for disclosure, says who may:

    domains: [example.org]
    recipients: [violence.reduction@example.org]

An address needs both, its domain and itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vru import documents
from vru.errors import ShortfallError

_ADDRESS = re.compile(r"[a-z0-9.!#$%&'*+/=?^_{|}~-]+@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


class RecipientError(ShortfallError):
    """A recipient may not receive reports, or nobody can tell. The message holds no address."""


@dataclass(frozen=True)
class Approved:
    """Who may receive reports; all in lower case."""

    domains: frozenset[str]
    recipients: frozenset[str]

    def allows(self, address: str) -> bool:
        """Whether both the address and its domain are approved."""
        return address in self.recipients and address.rpartition("@")[2] in self.domains


def recipients(wanted: str, approved_file: Path) -> list[str]:
    """The addresses of ``wanted`` (parted by commas), in lower case and each once, if every one of them is approved.

    Raises RecipientError if one is not an address or not approved, or if the approved list cannot be relied on.
    """
    addresses = list(dict.fromkeys(part.strip().lower() for part in wanted.split(",") if part.strip()))
    if not addresses:
        return []
    approved = load_approved(approved_file)
    for number, address in enumerate(addresses, 1):
        if not _ADDRESS.fullmatch(address) or not approved.allows(address):
            raise RecipientError(
                f"VRU_REPORT_TO, address {number} of {len(addresses)}: not an approved recipient, so nothing was "
                f"mailed to anyone; take it out, or have it and its domain added to {approved_file}"
            )
    return addresses


def load_approved(path: Path) -> Approved:
    """Read the approved list. Raises RecipientError if it is missing, open to other users' changes, or not valid."""
    try:
        if path.stat().st_mode & 0o022:
            raise RecipientError(f"{path}: other users can change it; close it: chmod 600 {path}")
        found = documents.read(path)
    except FileNotFoundError:
        raise RecipientError(
            f"{path}: there is no list of approved recipients, so nothing is mailed; write one with 'domains' and "
            "'recipients'"
        ) from None
    except (OSError, UnicodeDecodeError, documents.DocumentError) as error:
        raise RecipientError(f"{path}: the approved recipients cannot be read ({type(error).__name__})") from None
    if not isinstance(found, dict) or set(found) != {"domains", "recipients"}:
        raise RecipientError(f"{path}: needs 'domains' and 'recipients', and nothing else")
    return Approved(_words(path, found, "domains"), _words(path, found, "recipients"))


def _words(path: Path, found: dict[str, object], name: str) -> frozenset[str]:
    words = found[name]
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise RecipientError(f"{path}: '{name}' must be a list of words")
    return frozenset(word.strip().lower() for word in words)
