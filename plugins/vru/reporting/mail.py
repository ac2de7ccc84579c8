"""The mail that brings a report: its headers, its summary in the body, and the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vru.reporting.outbox import Report

if TYPE_CHECKING:
    from upath import UPath

TEMPLATES = Path(__file__).with_name("templates")


class MailError(Exception):
    """A mail that must not be sent as it is. The message says why, without addresses."""


@dataclass(frozen=True)
class Mail:
    """One report to one recipient."""

    recipient: str
    subject: str
    html: str
    file_name: str
    content: bytes
    message_id: str


def compose(report: Report, folder: Path | UPath, recipient: str, sender: str) -> Mail:
    """The mail of a report whose file stands in ``folder``; the same report and recipient give the same mail.

    Raises MailError if the file is not what was written, or a header would hold more than its one line.
    """
    file = folder / report.file_name
    content = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(content).hexdigest() != report.sha256:
        raise MailError(f"{file}: is not the report that was written; write it again: vru report {report.kind}")
    domain = _one_line("sender", sender).rpartition("@")[2].rstrip(">").strip()
    token = hashlib.sha256(f"{report.sha256} {recipient}".encode()).hexdigest()[:32]
    return Mail(
        recipient=_one_line("recipient", recipient),
        subject=_one_line("subject", str(report.summary["title"])),
        html=_body(report.summary),
        file_name=report.file_name,
        content=content,
        message_id=f"<{report.kind}.{token}@{domain}>",
    )


def _one_line(header: str, value: str) -> str:
    """The value, if it can only ever be one header. Raises MailError."""
    if not value.strip() or not value.isprintable():
        raise MailError(f"the {header} of the mail is empty or holds control characters; nothing was mailed")
    return value


def _body(summary: dict[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("mail.html.j2").render(summary=summary)
