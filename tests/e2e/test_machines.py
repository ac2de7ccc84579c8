"""Several machines work on one state, and share nothing but PostgreSQL and an object store."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from vru.warehouse.engine import dispose, raw_connection
from vru.warehouse.server.embedded import Server

from tests.object_store import ObjectStore, running

FEED = "mps_homicide_victims"
FILE = Path(__file__).parents[1] / "fixtures" / FEED / "homicide_victims.csv"
TODAY = date(2024, 3, 5)
MONTH = date(2024, 2, 1)


@dataclass
class Machines:
    """Machines with a state folder each; the environment says which one this process is."""

    folder: Path
    store: ObjectStore
    environment: pytest.MonkeyPatch

    def be(self, name: str) -> Path:
        """Be this machine; its state folder."""
        dispose()
        self.environment.setenv("VRU_HOME", str(self.folder / name))
        return self.folder / name


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    folder = Path(tempfile.mkdtemp(prefix="vm-"))
    server = Server(folder / "database").ensure()
    owner = server.owner_args("vru")
    with running() as store, pytest.MonkeyPatch.context() as environment:
        environment.setenv(
            "VRU_DATABASE_URL",
            f"postgresql://{owner['user']}:{owner['password']}@/vru?host={owner['host']}&port={owner['port']}",
        )
        environment.setenv("VRU_LANDING_URL", "s3://vru/landing")
        environment.setenv("VRU_REPORTS_URL", "s3://vru/reports")
        yield Machines(folder, store, environment)
        dispose()
    server.destroy()
    shutil.rmtree(folder, ignore_errors=True)


def query(text: str, *values: Any) -> list[tuple[Any, ...]]:
    connection = raw_connection("migrator", name="tests")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_each_step_of_a_delivery_on_another_machine(machines: Machines) -> None:
    from vru import pipeline, profile
    from vru.profile import Source
    from vru.warehouse.migrate import migrate

    content = FILE.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    landed = {f"landing/{sha256[:2]}/{sha256[2:4]}/{sha256}": len(content)}

    fetching = machines.be("fetching")
    migrate()
    profile.bind("files")
    fetched = pipeline.fetch(FEED, Source("files"), file=FILE)
    assert len(fetched.new) == 1
    assert machines.store.objects() == landed
    assert not (fetching / "landing").exists()
    assert [path for path in fetching.rglob("*") if path.is_file()] == [], "nothing stays on the machine that fetched"

    machines.be("parsing")
    assert profile.current() == "files"
    (batch,) = pipeline.parse(FEED, fetched.deliveries).batches
    machines.be("auditing")
    assert pipeline.audit(FEED, fetched.deliveries).batches == [batch]
    machines.be("admitting")
    assert pipeline.admit(FEED).batches == [batch]
    ((rows,),) = query("select rows_admitted from ops.batch where batch_id = %s", batch)
    assert rows > 0

    machines.be("fetching again")
    again = pipeline.fetch(FEED, Source("files"), file=FILE)
    assert (again.new, machines.store.objects()) == ([], landed), "the same bytes are one object and no new statement"


def test_what_is_landed_there_is_parsed_again(machines: Machines) -> None:
    from vru import pipeline

    ((before, rows),) = query("select batch_id, rows_parsed from ops.batch")
    query("update ops.batch set contract_version = 0")
    machines.be("replaying")
    assert len(pipeline.replay(FEED).parsed.batches) == 1
    assert query("select rows_parsed, status from ops.batch where batch_id > %s", before) == [(rows, "admitted")]


def test_a_report_is_written_there_and_mailed_from_there(machines: Machines) -> None:
    from vru import reporting, transform
    from vru.reporting import outbox
    from vru.reporting.mail import MailError, compose
    from vru.settings import settings

    machines.be("building")
    assert transform.build()
    reporting_home = machines.be("reporting")
    reporting.make_ready()
    path = reporting.write_report("quality", profile="files", today=TODAY, month=MONTH)
    assert str(path) == "s3://vru/reports/quality-2024-02.html"
    assert not (reporting_home / "reports").exists()
    page = path.read_bytes()
    assert query("select file_name, sha256 from ops.report") == [(path.name, hashlib.sha256(page).hexdigest())]

    machines.be("mailing")
    with outbox.opened() as ledger:
        report = outbox.newest(ledger, path.name)
    mail = compose(report, settings().reports_dir, "analyst@example.org", "reports@example.org")
    assert (mail.file_name, mail.content) == (path.name, page)
    machines.store.client.put_object(Bucket="vru", Key=f"reports/{path.name}", Body=b"another")
    with pytest.raises(MailError, match=r"^s3://vru/reports/quality-2024-02\.html: is not the report that was written"):
        compose(report, settings().reports_dir, "analyst@example.org", "reports@example.org")


def test_nothing_that_another_machine_needs_lies_on_one(machines: Machines) -> None:
    """What is left in the state folders: what dbt made of the project, logs; each can be lost."""
    left = {
        path.relative_to(machines.folder).parts[1]
        for path in machines.folder.rglob("*")
        if path.is_file() and path.relative_to(machines.folder).parts[0] != "database"
    }
    assert left <= {"dbt", "run", "logs"}, left
