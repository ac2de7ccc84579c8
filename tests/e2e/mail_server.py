"""A real SMTP server as a process of its own: it keeps what it takes as files, and can be told to misbehave."""

from __future__ import annotations

import email
import mailbox
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path


class Handler:
    """Takes mail into a folder. While the file named so lies beside it, `refuse` says no, `cut` breaks off."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken = mailbox.Maildir(folder / "mail")

    async def handle_RCPT(  # noqa: N802
        self, server: object, session: object, envelope: object, address: str, options: object
    ) -> str:
        """Say no to recipients."""
        if (self.folder / "refuse").exists():
            return f"550 5.1.1 <{address}>: no such person"
        envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        """Take the mail; cut off just before saying so."""
        message = mailbox.MaildirMessage(envelope.content)  # type: ignore[attr-defined]
        message["X-RcptTo"] = ", ".join(envelope.rcpt_tos)  # type: ignore[attr-defined]
        self.taken.add(message)
        if (self.folder / "cut").exists():
            server.transport.abort()  # type: ignore[attr-defined]
        return "250 OK"


@dataclass
class MailServer:
    """Where it listens, and what it took."""

    folder: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        """Airflow's connection to it."""
        extra = "disable_ssl=true&disable_tls=true&timeout=20&from_email=reports%40vru.example.org"
        return {"AIRFLOW_CONN_SMTP_DEFAULT": f"smtp://127.0.0.1:{self.port}/?{extra}"}

    def mails(self) -> list[EmailMessage]:
        """Everything taken so far, oldest first."""
        files = sorted((self.folder / "mail" / "new").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return [email.message_from_bytes(path.read_bytes(), policy=default) for path in files]  # type: ignore[misc]

    @contextmanager
    def told_to(self, what: str) -> Iterator[None]:
        """`refuse` every recipient, or `cut` the connection once a mail was taken, while the block runs."""
        (self.folder / what).touch()
        yield
        (self.folder / what).unlink()


@contextmanager
def running(folder: Path) -> Iterator[MailServer]:
    """The server, from start to stop."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, str(folder), str(port)])
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "the mail server ended"
                assert time.monotonic() < deadline, "the mail server does not answer"
                time.sleep(0.1)
        yield MailServer(folder, port)
    finally:
        process.terminate()
        process.wait(timeout=20)


if __name__ == "__main__":
    from aiosmtpd.controller import Controller

    controller = Controller(Handler(Path(sys.argv[1])), hostname="127.0.0.1", port=int(sys.argv[2]))
    controller.start()
    parent = os.getppid()
    while os.getppid() == parent:  # ends with the test, however that ends
        time.sleep(1)
