"""Reports leave by mail once, to approved recipients only, through a real mail server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import pytest
from vru.errors import ShortfallError, SourceError
from vru.warehouse.server.embedded import Server

from tests.e2e.mail_server import MailServer, running

TO = ["one@example.org", "two@example.org"]
STATEMENT = {"question": "What changed?", "answer": "Nothing <b>much</b> & no more.", "evidence": "12 victims"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """A mail server, and Airflow's connection to it."""
    with running(tmp_path_factory.mktemp("mail")) as found, pytest.MonkeyPatch.context() as environment:
        for name, value in found.environment.items():
            environment.setenv(name, value)
        yield found


@pytest.fixture(scope="module")
def warehouse(cluster: Server, server: MailServer) -> Iterator[Server]:
    """A migrated warehouse, and Airflow's settings for it."""
    from vru.orchestration import environment
    from vru.warehouse.migrate import migrate

    before = dict(os.environ)
    environment.apply()
    migrate()
    yield cluster
    os.environ.clear()
    os.environ.update(before)


def write_report(page: str, title: str = "Data quality report, March 2022 (synthetic data)") -> str:
    """A report as it stands after it was written; its file name."""
    from psycopg2.extras import Json
    from vru.settings import private_dir, settings
    from vru.warehouse.engine import raw_connection

    name = "quality-2022-03.html"
    (private_dir(settings().reports_dir) / name).write_text(page, encoding="utf-8")
    summary = {"title": title, "is_synthetic": True, "statements": [STATEMENT]}
    connection = raw_connection("publisher")
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.report (kind, month, today, build_id, file_name, sha256, input_sha256, summary) "
            "values ('quality', '2022-03-01', '2022-04-15', 1, %s, %s, '', %s)",
            (name, hashlib.sha256(page.encode()).hexdigest(), Json(summary)),
        )
    connection.close()
    return name


def ledger() -> list[tuple[Any, ...]]:
    """Recipient, status and reason of every mail, oldest first."""
    from vru.warehouse.engine import raw_connection

    connection = raw_connection("publisher")
    with connection, connection.cursor() as cursor:
        cursor.execute("select mail_id, recipient, status, reason from ops.mail order by mail_id")
        found = cursor.fetchall()
    connection.close()
    return found


def test_a_report_is_sent_once_to_each_with_its_summary_inline(warehouse: Server, server: MailServer) -> None:
    from vru.orchestration.mail import send_report

    name, before = write_report("<p>first</p>"), len(server.mails())
    assert send_report(name, TO) == 2
    assert send_report(name, TO) == 0
    assert send_report(name, [*TO, "three@example.org"]) == 1
    mails = server.mails()[before:]
    assert [mail["To"] for mail in mails] == [*TO, "three@example.org"]
    assert [mail["X-RcptTo"] for mail in mails] == [*TO, "three@example.org"], "one envelope each: nobody sees another"
    assert len({mail["Message-ID"] for mail in mails}) == 3
    for mail in mails:
        assert mail["Subject"] == "Data quality report, March 2022 (synthetic data)"
        assert mail["From"] == "reports@vru.example.org"
        assert not mail["Cc"]
        assert not mail["Bcc"]
        body, attachment = mail.iter_parts()
        text = body.get_content()
        assert "Nothing &lt;b&gt;much&lt;/b&gt; &amp; no more." in text
        assert "12 victims" in text
        assert "Synthetic data." in text
        assert attachment.get_filename() == name
        assert attachment.get_payload(decode=True) == b"<p>first</p>"
    assert [row[2] for row in ledger()[-3:]] == ["sent"] * 3


def test_another_report_is_sent_again(warehouse: Server, server: MailServer) -> None:
    from vru.orchestration.mail import send_report

    before = len(server.mails())
    assert send_report(write_report("<p>second</p>"), TO[:1]) == 1
    assert len(server.mails()) == before + 1


def test_a_recipient_whom_the_server_refuses_is_tried_again_and_never_named(
    warehouse: Server, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    from vru.orchestration.mail import send_report

    name, before = write_report("<p>refused</p>"), len(server.mails())
    with server.told_to("refuse"), pytest.raises(SourceError, match="refused recipient 1 of 2") as caught:
        send_report(name, TO)
    assert "@" not in f"{caught.value} {caplog.text}"
    assert [row[2:] for row in ledger()[-2:]] == [("refused", "SMTPRecipientsRefused")] * 2
    assert len(server.mails()) == before
    assert send_report(name, TO) == 2
    assert [row[2:] for row in ledger()[-2:]] == [("sent", "")] * 2


def test_a_mail_that_was_cut_off_is_never_sent_twice_and_waits_for_a_person(
    warehouse: Server, server: MailServer
) -> None:
    from vru.orchestration.mail import send_report
    from vru.reporting import outbox

    name, before = write_report("<p>cut</p>"), len(server.mails())
    with server.told_to("cut"), pytest.raises(ShortfallError, match="was cut off and may have left"):
        send_report(name, TO[:1])
    with pytest.raises(ShortfallError, match="vru settle-mail"):
        send_report(name, TO[:1])
    assert len(server.mails()) == before + 1, "it had left; sending it again would have been twice"
    mail_id = ledger()[-1][0]
    with pytest.raises(outbox.OutboxError, match="--reason"):
        outbox.settle(mail_id, was_sent=True, reason=" ", settled_by="tester")
    outbox.settle(mail_id, was_sent=True, reason="it stands in the recipient's inbox", settled_by="tester")
    assert send_report(name, TO[:1]) == 0
    with pytest.raises(outbox.OutboxError, match="not uncertain"):
        outbox.settle(mail_id, was_sent=False, reason="again", settled_by="tester")

    other = write_report("<p>cut again</p>")
    with server.told_to("cut"), pytest.raises(ShortfallError):
        send_report(other, TO[:1])
    outbox.settle(ledger()[-1][0], was_sent=False, reason="nothing came", settled_by="tester")
    assert send_report(other, TO[:1]) == 1
    assert ledger()[-1][2] == "sent"


def test_a_server_that_cannot_be_reached_is_asked_again_later(
    warehouse: Server, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vru.orchestration.mail import send_report

    name, noted = write_report("<p>no server</p>"), len(ledger())
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://127.0.0.1:1/?disable_ssl=true&disable_tls=true")
    with pytest.raises(SourceError, match="nothing was mailed"):
        send_report(name, TO)
    assert len(ledger()) == noted


def test_a_file_that_is_not_the_report_written_is_not_sent(warehouse: Server, server: MailServer) -> None:
    from vru.orchestration.mail import send_report
    from vru.reporting.mail import MailError
    from vru.settings import settings

    name, before = write_report("<p>third</p>"), len(server.mails())
    (settings().reports_dir / name).write_text("<p>changed</p>", encoding="utf-8")
    with pytest.raises(MailError, match="not the report that was written"):
        send_report(name, TO)
    assert len(server.mails()) == before


@pytest.mark.parametrize("title", ["Report\r\nBcc: spy@example.org", "Report\nX: y", "", "\u2028"])
def test_a_header_that_would_be_more_than_one_line_is_not_sent(
    warehouse: Server, server: MailServer, title: str
) -> None:
    from vru.orchestration.mail import send_report
    from vru.reporting.mail import MailError

    name, before = write_report(f"<p>{title!r}</p>", title), len(server.mails())
    with pytest.raises(MailError, match="subject"):
        send_report(name, TO)
    assert len(server.mails()) == before
