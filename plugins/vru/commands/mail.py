"""`vru mails`, `settle-mail`: which reports were mailed to whom, and what to do about one that was cut off."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer
from sqlalchemy import text

from vru.commands import output

MAILS = """
    select
        m.mail_id, r.kind, r.month, m.recipient,
        case m.status when 'sending' then 'uncertain' else m.status end as status,
        m.reason, m.begun_at, m.ended_at, m.message_id, m.settled_by
    from ops.mail m join ops.report r using (report_id)
    order by m.mail_id
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("mails")(mails)
    app.command("settle-mail")(settle_mail)


def mails(as_json: Annotated[bool, typer.Option("--json", help="One JSON array with everything.")] = False) -> None:
    """Every report that was mailed, to whom, and what came of it."""
    from vru.warehouse.engine import engine
    from vru.warehouse.migrate import migrate

    migrate()
    with engine("publisher").connect() as connection:
        rows = [dict(row) for row in connection.execute(text(MAILS)).mappings()]
    columns = ["mail_id", "kind", "month", "recipient", "status", "ended_at", "reason"]
    output.show(rows, columns, as_json=as_json, empty="nothing has been mailed")


def settle_mail(
    mail: Annotated[int, typer.Argument(help="Mail; `vru mails` lists them.")],
    arrived: Annotated[bool, typer.Option("--arrived/--not-arrived", help="What its recipient says.")],
    reason: Annotated[str, typer.Option(help="How that is known; kept with your name.")],
) -> None:
    """Say whether a mail that was cut off arrived; if not, the next `publish_reports` sends it again."""
    from vru.reporting import outbox

    outbox.settle(mail, was_sent=arrived, reason=reason, settled_by=getpass.getuser())
    typer.echo(f"mail {mail}: {'noted as sent' if arrived else 'will be sent again'}")
