"""Runs dbt in this process. The only module that knows dbt.

Nothing of the machine is written into the project: connection and schema come from the environment, which is put
back afterwards. dbt's own logs and JSON files are off, because a database error quotes the row that caused it.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from vru.settings import private_dir, settings
from vru.transform.errors import BuildError
from vru.transform.measures import load_measures, variables
from vru.transform.schemas import BUILD
from vru.warehouse.engine import server

_one_at_a_time = threading.Lock()

T = TypeVar("T")

_manifests: dict[tuple[object, ...], Any] = {}
"""The newest parsed project, by what it was made of."""


@dataclass(frozen=True)
class NodeRun:
    """The outcome of one model, seed or test; ``message`` holds no value of the data."""

    node: str
    status: str
    seconds: float
    row_count: int | None
    message: str

    @property
    def is_bad(self) -> bool:
        """Whether the build must stop for it."""
        return self.status in ("error", "fail", "skipped", "partial success")


def run(arguments: Sequence[str], schema: str = BUILD, session: str = "vru: dbt") -> list[NodeRun]:
    """Run one dbt command against a schema; the outcome of each node, in order of completion.

    Raises BuildError where dbt could not start at all (a project that does not parse, no database).
    """
    from dbt.cli.main import dbtRunner

    with _one_at_a_time, _environment(schema, session):
        manifest = _manifest(schema)
        outcome = _in_a_thread(lambda: dbtRunner(manifest=manifest).invoke([*arguments, *_options(schema)]))
    if outcome.exception is not None:
        raise BuildError(f"dbt {arguments[0]}: {without_values(str(outcome.exception))}") from None
    runs = [_node_run(result) for result in getattr(outcome.result, "results", [])]
    if not outcome.success and not any(found.is_bad for found in runs):
        raise BuildError(f"dbt {arguments[0]} failed and gave no reason; run `vru doctor`")
    return runs


def _options(schema: str) -> list[str]:
    # dbt writes what it parsed there; the lease on the schema lets one process at a time do so
    folder = private_dir(settings().home / "dbt" / schema)
    return [
        "--project-dir", str(settings().dbt_dir),
        "--profiles-dir", str(settings().dbt_dir),
        # always the same while no specification changes; other variables would make dbt parse the project again
        "--vars", json.dumps({"measures": variables(load_measures())}, sort_keys=True),
        "--target-path", str(folder),
        "--log-path", str(folder),
        "--log-level", "none",
        "--log-level-file", "none",
        "--no-write-json",
    ]  # fmt: skip


def _manifest(schema: str) -> Any:
    """The parsed project, a copy of its own: parsed once per schema in a process, and again when a file changes."""
    from dbt.cli.main import dbtRunner

    files = sorted(path for path in settings().dbt_dir.rglob("*") if path.suffix in (".sql", ".yml", ".csv", ".md"))
    # a model knows the names of its schema and database, and nothing of the server
    key = (schema, os.environ["VRU_DBT_DATABASE"], *((str(path), path.stat().st_mtime_ns) for path in files))
    if key not in _manifests:
        outcome = _in_a_thread(lambda: dbtRunner().invoke(["parse", *_options(schema)]))
        if outcome.exception is not None or not outcome.success:
            raise BuildError(f"dbt parse: {without_values(str(outcome.exception or 'failed'))}") from None
        _manifests.clear()
        _manifests[key] = outcome.result
    return _manifests[key].deepcopy()


def _in_a_thread(call: Callable[[], T]) -> T:
    """Call it on a stack of its own.

    dbt looks at every frame of its callers; below Airflow or pytest, with thousands of modules loaded, that takes
    many times as long as the work itself. An interrupt is raised here at once; `fail` then ends dbt's sessions.
    """
    outcome: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001 # raised again below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=target, name="dbt", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return outcome[0]


def without_values(message: str) -> str:
    """An error message as one line, without what PostgreSQL quotes from the data."""
    kept = []
    for line in message.splitlines():
        line = line.strip()
        if re.match(r"(DETAIL|CONTEXT|HINT|LINE \d+|compiled code at)\b", line) or set(line) <= {"^", " "}:
            break
        kept.append(re.sub(r'((?:syntax|value|range)\b[^:]*): ".*', r"\1", line))
    return " ".join(kept)[:500]


def _node_run(result: Any) -> NodeRun:
    affected = (result.adapter_response or {}).get("rows_affected")
    status = str(getattr(result.status, "value", result.status))
    return NodeRun(
        node=f"{result.node.resource_type}.{result.node.name}",
        status=status,
        seconds=round(float(result.execution_time), 3),
        row_count=affected if isinstance(affected, int) and affected >= 0 else None,
        message="" if status in ("success", "pass") else without_values(result.message or ""),
    )


@contextmanager
def _environment(schema: str, session: str) -> Iterator[None]:
    arguments = dict(server().ensure().connect_args("transformer"))
    wanted = {
        "VRU_DBT_HOST": str(arguments.pop("host")),
        "VRU_DBT_PORT": str(arguments.pop("port")),
        "VRU_DBT_USER": str(arguments.pop("user")),
        "VRU_DBT_DATABASE": str(arguments.pop("dbname")),
        "DBT_ENV_SECRET_VRU_PASSWORD": str(arguments.pop("password")),
        "VRU_DBT_SCHEMA": schema,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_USE_COLORS": "false",
        "PGAPPNAME": session,
        # what else the server's address needs (sslmode and the like) libpq reads from the environment
        **{f"PG{key.upper()}": str(value) for key, value in arguments.items()},
    }
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
