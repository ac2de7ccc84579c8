"""Sends reports through Airflow's SMTP provider, with the connection `smtp_default`."""

from __future__ import annotations

import smtplib
import tempfile
from pathlib import Path

from airflow.providers.smtp.hooks.smtp import SmtpHook

from vru.errors import ShortfallError, SourceError
from vru.orchestration.steps import log
from vru.reporting import outbox
from vru.reporting.mail import Mail, compose
from vru.settings import settings

REFUSALS = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError)
"""The server said no, so the mail did not leave. After any other error it may have."""


class OneTryHook(SmtpHook):
    """The provider's hook, which by itself sends again after any error, even one after which the mail has left."""

    @property
    def smtp_retry_limit(self) -> int:
        """Never again."""
        return 0


def send_report(file_name: str, recipients: list[str]) -> int:
    """Mail the newest report of this name to each recipient who has not had it; how many mails were sent.

    Raises ShortfallError for a mail of which nobody knows whether it left, SourceError if the server cannot be
    reached or said no, MailError and OutboxError.
    """
    sent, refused = 0, []
    with outbox.opened() as ledger:
        report = outbox.newest(ledger, file_name)
        for number, recipient in enumerate(recipients, 1):
            with _connected() as hook:
                mail = compose(report, settings().reports_dir, recipient, hook.from_email or "")
                mail_id = outbox.begin(ledger, report, recipient, mail.message_id)
                if mail_id is None:
                    continue
                try:
                    _send(hook, mail)
                except REFUSALS as error:
                    reason = f"{type(error).__name__} {getattr(error, 'smtp_code', '')}".strip()
                    outbox.end(ledger, mail_id, "refused", reason)
                    refused.append(f"recipient {number} of {len(recipients)}: {reason}")
                except Exception as error:  # noqa: BLE001 - whatever it is: the mail stays noted as begun
                    log.error("recipient %d of %d: cut off (%s)", number, len(recipients), type(error).__name__)
                else:
                    outbox.end(ledger, mail_id, "sent")
                    sent += 1
        if refused:
            raise SourceError(f"{file_name}: the mail server refused {'; '.join(refused)}; see vru mails")
        if cut_off := outbox.uncertain(ledger):
            raise ShortfallError(
                f"mail {', '.join(map(str, cut_off))} was cut off and may have left. Ask whether it arrived, then: "
                f"vru settle-mail {cut_off[0]} --arrived --reason TEXT (or --not-arrived, and it is sent again)"
            )
    return sent


def _connected() -> SmtpHook:
    """A hook with an open connection. Raises SourceError without any word of the server, which may name a person."""
    try:
        return OneTryHook().get_conn()
    except Exception as error:  # noqa: BLE001 - whatever it is, it came before any mail
        raise SourceError(
            f"the mail server of Airflow's connection smtp_default cannot be used ({type(error).__name__}); nothing "
            "was mailed; set it with AIRFLOW_CONN_SMTP_DEFAULT"
        ) from None


def _send(hook: SmtpHook, mail: Mail) -> None:
    # the hook takes files of this machine alone; so what is sent is also exactly what was compared with the ledger
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / mail.file_name
        file.write_bytes(mail.content)
        hook.send_email_smtp(
            to=[mail.recipient],
            subject=mail.subject,
            html_content=mail.html,
            files=[str(file)],
            custom_headers={"Message-ID": mail.message_id},
        )
