"""One state folder with standing marts, put back to where it was before every case; and `vru run` on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg2
from psycopg2.extensions import connection as Connection
from vru import transform
from vru.sandbox import SandboxServer, configure
from vru.warehouse import roles
from vru.warehouse.server.embedded import Server

from tests.faults.platform import environment

VRU = Path(sys.executable).with_name("vru")
VICTIMS, POPULATION = "mps_homicide_victims", "ons_population"
VICTIMS_PATH, POPULATION_PATH = "*/download/*", "*/NM_2002_1.data.csv*"
"""Of their files on the sandbox server."""
BEFORE = (date(2022, 1, 15), date(2022, 4, 15))
"""Days of the two builds that stand: three files of victims, then four."""
TODAY = date(2022, 10, 15)
"""The day of the run: two more files of victims, and for the first time the population."""
SECOND_FILE = "LDS Homicide Victims 2003-Jun 2022.csv"
DATABASES = ("vru", "airflow")
T = TypeVar("T")
KEPT = ("postgres",)
"""What of a state folder is not put back: the cluster, where it lies inside."""
OURS = "kill test"
"""Name of the tests' own sessions."""
WAIT_SECONDS = 240

PREPARE = f"""
import sys
from datetime import date
from vru import pipeline, profile, transform
from vru.orchestration.headless import migrate_airflow
from vru.profile import Source
from vru.sandbox import SandboxServer, configure
from vru.settings import settings
from vru.warehouse.migrate import migrate

migrate()
profile.bind("sandbox")
migrate_airflow()
partners = settings().home / "sandbox"
for day in map(date.fromisoformat, sys.argv[1:]):
    configure(partners, today=day)
    with SandboxServer(partners) as server:
        pipeline.ingest("{VICTIMS}", Source("sandbox", base_url=server.url)).check()
    assert transform.build()
"""

Row = tuple[Any, ...]


@dataclass
class State:
    """The state folder, its server and its synthetic partners."""

    home: Path
    copy: Path
    sandbox: SandboxServer
    server: Server
    _open: list[Connection] = field(default_factory=list)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of the platform's own processes."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("VRU_", "AIRFLOW", "DBT_"))}
        return {**inherited, "VRU_ENV_FILE": "", "VRU_HOME": str(self.home), "VRU_SANDBOX_URL": self.sandbox.url}

    # ------------------------------------------------------------------ what stands before every case

    def prepare(self) -> None:
        """Two builds of what partners had to offer then, and Airflow's own tables."""
        days = [today.isoformat() for today in BEFORE]
        subprocess.run([sys.executable, "-c", PREPARE, *days], env=self.variables, check=True)
        configure(self.home / "sandbox", today=TODAY)
        shutil.copytree(self.home, self.copy, ignore=shutil.ignore_patterns(*KEPT))
        for database in DATABASES:
            self.admin(f"create database {database}_before template {database}")

    def put_back(self) -> None:
        """Everything as `prepare` left it."""
        self.close()
        self.mend_partners()
        for database in DATABASES:
            self.admin(f"drop database {database} with (force)")
            self.admin(f"create database {database} template {database}_before")
        roles.bootstrap(self.server.ensure())
        for path in self.home.iterdir():
            if path.name not in KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self.copy, self.home, dirs_exist_ok=True)

    def mend_partners(self) -> None:
        """Every partner is sound and states a date: content dated by its receipt alone would differ from run to run."""
        self.sandbox.clear_faults()
        dated = {"Last-Modified": "Thu, 15 Sep 2022 08:30:00 GMT"}
        self.sandbox.fault(POPULATION_PATH, "alter", change=bytes, headers=dated)

    # ------------------------------------------------------------------ runs

    def start(self) -> subprocess.Popen[bytes]:
        """`vru run` of the two feeds, in a session of its own."""
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [str(VRU), "run", "--feed", VICTIMS, "--feed", POPULATION],
                env=self.variables, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def run(self) -> None:
        """A run that nobody kills; it must end well."""
        process = self.start()
        assert process.wait(WAIT_SECONDS) == 0, self.said()

    @property
    def output(self) -> Path:
        """What the last run printed, beside the state folder."""
        return self.copy.with_suffix(".out")

    def said(self) -> str:
        """What the last run printed."""
        return self.output.read_text(encoding="utf-8")

    # ------------------------------------------------------------------ questions

    def connect(self, database: str = "vru") -> Connection:
        """A session of the superuser that the next `close` ends."""
        connection = psycopg2.connect(**self.server.ensure().owner_args(database), application_name=OURS)
        connection.autocommit = True
        self._open.append(connection)
        return connection

    def close(self) -> None:
        """End our sessions."""
        for connection in self._open:
            connection.close()
        self._open.clear()

    def admin(self, statement: str) -> None:
        """A statement of the superuser outside both databases."""
        connection = psycopg2.connect(**self.server.ensure().owner_args("postgres"), application_name=OURS)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def rows(self, query: str, *values: Any, database: str = "vru") -> list[Row]:
        """Rows of a query of the superuser."""
        connection = psycopg2.connect(**self.server.ensure().owner_args(database), application_name=OURS)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query, values or None)
                return cursor.fetchall()
        finally:
            connection.close()

    def mart_hash(self) -> str:
        """The hash of the marts in use."""
        with environment({"VRU_HOME": str(self.home), "VRU_DATABASE_URL": None}):
            return transform.mart_hash()

    def sessions(self) -> list[Row]:
        """Sessions of the platform: application_name, state, statement."""
        return self.rows(
            "select application_name, state, query from pg_stat_activity "
            "where datname = any(%s) and application_name <> %s and backend_type in ('client backend', 'parallel worker')",
            list(DATABASES), OURS,
        )  # fmt: skip

    def partial_files(self) -> list[Path]:
        """Files still being received."""
        return sorted((self.home / "landing" / "tmp").glob("*"))


@contextmanager
def state_folder() -> Iterator[State]:
    """A prepared state folder, deleted at the end."""
    home = Path(tempfile.mkdtemp(prefix="vk-"))
    scratch = Path(tempfile.mkdtemp(prefix="vc-"))
    server = Server(home)
    try:
        with SandboxServer(home / "sandbox") as sandbox:
            state = State(home, scratch / "copy", sandbox, server)
            state.prepare()
            yield state
            state.close()
    finally:
        server.destroy()
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)


def until(found: Callable[[], T], what: str, seconds: float = WAIT_SECONDS) -> T:
    """What `found` returns as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"after {seconds:.0f} s not yet: {what}"
        time.sleep(0.02)
    return answer


def family(process: subprocess.Popen[bytes]) -> list[str]:
    """Command lines of the living processes of the session that a run began, the run itself among them."""
    found = []
    for other in psutil.process_iter(["cmdline", "status"]):
        try:
            if os.getsid(other.pid) == process.pid and other.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(" ".join(other.info["cmdline"] or ["?"]))
        except (psutil.Error, ProcessLookupError):
            continue
    return found
