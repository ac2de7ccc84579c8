"""The steps of a build. Each can run in a process of its own; the lease and ops.build tie them together."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from vru.settings import settings
from vru.transform import comments, dbt, inputs, lease, schemas
from vru.transform.domains import domains, selection
from vru.transform.errors import BuildError
from vru.transform.fingerprint import fingerprint
from vru.transform.properties import lookups
from vru.warehouse.engine import raw_connection

__all__ = [
    "BuildError", "Plan", "Result", "audit", "build", "fail", "finish", "is_due", "prepare", "run_domain",
]  # fmt: skip

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a build will do: everything (``is_full``), or ``unit_count`` units that differ."""

    build_id: int
    schema: str
    is_full: bool
    unit_count: int
    known_at: datetime
    admitted_at: datetime


@dataclass(frozen=True)
class Result:
    """What a build did; ``schema`` is where its marts are now."""

    build_id: int
    schema: str
    is_full: bool
    unit_count: int
    known_at: datetime
    admitted_at: datetime
    seconds: float


def build(known_at: datetime | None = None, admitted_at: datetime | None = None) -> Result | None:
    """Build the marts as they are now, or as they were at (K, W), in one go; None if nothing differs.

    Raises BuildError; the marts in use are then as they were.
    """
    plan = prepare(known_at, admitted_at)
    if plan is None:
        return None
    try:
        for domain in domains():
            run_domain(plan.build_id, domain)
        audit(plan.build_id)
        return finish(plan.build_id)
    except BaseException as error:
        reason = str(error) if isinstance(error, BuildError) else f"stopped by {type(error).__name__}"
        fail(plan.build_id, reason)
        raise


def prepare(known_at: datetime | None = None, admitted_at: datetime | None = None) -> Plan | None:
    """Take the lease, write the input set and what differs into the schema to build; None if nothing does.

    Where nothing does, only comments that were reworded are written.

    With ``known_at`` (K) or ``admitted_at`` (W) the marts are built as they were then, in a schema of their own,
    always in full. Without, K and W are this instant. Waits while another build of the same schema is at work.
    """
    past = known_at or admitted_at
    schema = schemas.asof_name(past) if past else schemas.BUILD
    connection = raw_connection("transformer", name="build")
    try:
        owner = lease.take(connection, schema)
        try:
            with lease.beating(schema, owner), connection, connection.cursor() as cursor:
                now = _one(cursor, "select ops.settled_now()")
                # nothing that was received by W states more than W, so W alone says all
                known_at, admitted_at = known_at or admitted_at or now, admitted_at or now
                inputs.read_current(cursor, known_at, admitted_at)
                made_with = fingerprint(cursor)
                if past is None and _is_built(cursor, made_with):
                    plan = None
                    if written := comments.write(cursor, settings().dbt_dir):
                        log.info("%d comments of marts written anew", written)
                else:
                    plan = _write_plan(cursor, schema, made_with, known_at, admitted_at)
            if plan is not None:
                lease.hand_over(connection, schema, owner, _owner(plan.build_id))
                return plan
        except BaseException:
            lease.release(connection, schema, owner)
            raise
        lease.release(connection, schema, owner)
        return None
    finally:
        connection.close()


def is_due() -> bool:
    """Whether the marts in use differ from what a build would make now, by input set and fingerprint."""
    connection = raw_connection("transformer", name="build")
    try:
        with connection, connection.cursor() as cursor:
            now = _one(cursor, "select ops.settled_now()")
            inputs.read_current(cursor, now, now)
            return not _is_built(cursor, fingerprint(cursor))
    finally:
        connection.close()


def has_marts() -> bool:
    """Whether any marts are in use yet."""
    connection = raw_connection("transformer", name="build")
    try:
        with connection, connection.cursor() as cursor:
            return schemas.exists(cursor, schemas.LIVE, "build_info")
    finally:
        connection.close()


def run_domain(build_id: int, domain: str) -> None:
    """Build the seeds, models and tests of one domain and record the outcome of each in ops.model_run.

    Raises BuildError if one of them fails, and ValueError if there is no such domain.
    """
    known = domains()
    if domain not in known:
        raise ValueError(f"there is no domain {domain}; the domains are {', '.join(known)}")
    with _step(build_id) as (connection, plan):
        _forget(connection, build_id, _steps()[known.index(domain) :])
        started = time.monotonic()
        runs = dbt.run(
            ["build", "--select", *selection(domain), "--indirect-selection", "buildable",
             "--exclude-resource-type", "unit_test"],
            plan.schema,
            lease.session_name(build_id),
        )  # fmt: skip
        bad = [found for found in runs if found.is_bad]
        _record(connection, build_id, [*runs, _own_run(f"domain.{domain}", started, is_good=bool(runs) and not bad)])
    for found in runs:
        log.info("%s: %s in %.1f s", found.node, found.status, found.seconds)
    if not runs:
        raise BuildError(f"domain {domain} has no models; look into models/*/{domain}")
    if bad:
        # what was only skipped because of these says nothing of its own
        causes = [found for found in bad if found.status != "skipped"] or bad
        raise BuildError("; ".join(f"{found.node}: {found.message or found.status}" for found in causes))


def audit(build_id: int) -> None:
    """Check the marts that were built. Raises BuildError with the critical checks that failed."""
    from vru import quality

    with _step(build_id) as (connection, plan):
        started = time.monotonic()
        failed = quality.audit_build(plan.schema, build_id)
        _record(connection, build_id, [_own_run("audit", started, is_good=not failed)])
    if failed:
        raise BuildError(
            f"build {build_id} is implausible and was not put to use: {', '.join(map(str, failed))}; "
            "see ops.v_check_result of this build"
        )


def finish(build_id: int) -> Result:
    """Put what was built to use in one transaction, and release the lease.

    Raises BuildError if a domain was not built, the result was not found sound, or the lease was lost.
    """
    with _step(build_id) as (connection, plan), connection, connection.cursor() as cursor:
        cursor.execute(
            "select array(select step from unnest(%s) as step where step not in "
            "(select node from ops.model_run where build_id = %s and status = 'success'))",
            (_steps(), build_id),
        )
        if missing := _fetch(cursor)[0]:
            raise BuildError(f"build {build_id} cannot be put to use before these steps are done: {', '.join(missing)}")
        schema = sql.Identifier(plan.schema)
        cursor.execute(sql.SQL("delete from {}.build_info").format(schema))
        cursor.execute(
            sql.SQL(
                "insert into {0}.build_info (build_id, known_at, admitted_at, fingerprint, built_at) "
                "select build_id, known_at, admitted_at, fingerprint, clock_timestamp() from {0}.build_state"
            ).format(schema)
        )
        cursor.execute(sql.SQL("delete from {}.build_change").format(schema))
        cursor.execute(sql.SQL("update {}.build_state set is_usable = true").format(schema))
        is_swapped = plan.schema == schemas.BUILD
        if is_swapped:
            schemas.swap(cursor)
        else:
            schemas.open_to_readers(cursor, plan.schema)
        cursor.execute(
            "update ops.build set status = %s, finished_at = clock_timestamp(), reason = '' where build_id = %s "
            "returning extract(epoch from finished_at - started_at)",
            ("swapped" if is_swapped else "built", build_id),
        )
        seconds = _fetch(cursor)[0]
        cursor.execute(
            "delete from ops.lease where name = %s and owner = %s", (lease.name(plan.schema), _owner(build_id))
        )
        if cursor.rowcount != 1:
            raise BuildError(f"build {build_id} lost its lease just before the end; another build took over")
    return Result(
        build_id,
        schemas.LIVE if is_swapped else plan.schema,
        plan.is_full,
        plan.unit_count,
        plan.known_at,
        plan.admitted_at,
        float(seconds),
    )


def fail(build_id: int, reason: str) -> None:
    """Record that the build failed and release its lease; the next build of the schema catches up."""
    connection = raw_connection("transformer", name="build")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "update ops.build set status = 'failed', finished_at = clock_timestamp(), reason = %s "
                "where build_id = %s and status = 'running' returning schema_name",
                (reason[:1000], build_id),
            )
            row = cursor.fetchone()
            if row:
                lease.end_sessions(cursor, build_id)
        if row:
            lease.release(connection, row[0], _owner(build_id))
    finally:
        connection.close()


def _is_built(cursor: Cursor, made_with: str) -> bool:
    """Whether the marts in use were built from `new_input` with the present models."""
    if not schemas.exists(cursor, schemas.LIVE, "build_state"):
        return False
    built_with = _one(cursor, "select fingerprint from marts.build_state")
    return bool(built_with == made_with) and inputs.is_same(cursor, schemas.LIVE)


def _write_plan(cursor: Cursor, schema: str, made_with: str, known_at: datetime, admitted_at: datetime) -> Plan:
    cursor.execute(
        "insert into ops.build (schema_name, status, known_at, admitted_at, fingerprint) "
        "values (%s, 'running', %s, %s, %s) returning build_id",
        (schema, known_at, admitted_at, made_with),
    )
    build_id = int(_fetch(cursor)[0])
    is_full, unit_count = True, 0
    if schema == schemas.BUILD and _is_usable(cursor, schema, made_with):
        unit_count, is_full = inputs.record_changes(cursor, schema, lookups(settings().dbt_dir))
    if is_full:
        schemas.create_afresh(cursor, schema)
    total = inputs.write(cursor, schema)
    unit_count = total if is_full else unit_count
    name = sql.Identifier(schema)
    cursor.execute(sql.SQL("delete from {}.build_state").format(name))
    cursor.execute(
        sql.SQL(
            "insert into {}.build_state (build_id, known_at, admitted_at, fingerprint, is_usable) "
            "values (%s, %s, %s, %s, %s)"
        ).format(name),
        (build_id, known_at, admitted_at, made_with, not is_full),
    )
    cursor.execute(
        "update ops.build set is_full = %s, unit_count = %s where build_id = %s", (is_full, unit_count, build_id)
    )
    return Plan(build_id, schema, is_full, unit_count, known_at, admitted_at)


def _is_usable(cursor: Cursor, schema: str, made_with: str) -> bool:
    """Whether differences suffice: the tables there were once completed, by the same models."""
    if not schemas.exists(cursor, schema, "build_state"):
        return False
    cursor.execute(
        sql.SQL("select is_usable and fingerprint = %s from {}.build_state").format(sql.Identifier(schema)),
        (made_with,),
    )
    return bool(_fetch(cursor)[0])


@contextmanager
def _step(build_id: int) -> Iterator[tuple[Connection, Plan]]:
    """A connection and the plan of a build whose lease is held, and kept alive, while the block runs.

    A build that failed may go on where it stopped as long as no other has started on its schema.
    """
    connection = raw_connection("transformer", name=f"build {build_id}")
    try:
        plan, owner = _plan(connection, build_id), _owner(build_id)
        if not lease.is_held(connection, plan.schema, owner, or_free=True):
            raise BuildError(f"build {build_id} lost its lease; another build of {plan.schema} took over")
        lease.bind(connection, plan.schema, owner)
        with lease.beating(plan.schema, owner):
            yield connection, plan
        lease.unbind(connection, plan.schema, owner)
    finally:
        connection.close()


def _plan(connection: Connection, build_id: int) -> Plan:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select build_id, schema_name, is_full, unit_count, known_at, admitted_at, status from ops.build "
            "where build_id = %s",
            (build_id,),
        )
        row = cursor.fetchone()
        if row is None:
            raise BuildError(f"there is no build {build_id}")
        plan, status = Plan(*row[:6]), row[6]
        state = sql.SQL("select build_id from {}.build_state").format(sql.Identifier(plan.schema))
        if status in ("swapped", "built"):
            raise BuildError(f"build {build_id} is finished; start another with `vru build`")
        if not schemas.exists(cursor, plan.schema, "build_state") or _one(cursor, state) != build_id:
            raise BuildError(
                f"build {build_id} cannot go on: a later build of {plan.schema} has begun; run `vru build`"
            )
        if status == "failed":
            cursor.execute(
                "update ops.build set status = 'running', finished_at = null, reason = '' where build_id = %s",
                (build_id,),
            )
    return plan


def _record(connection: Connection, build_id: int, runs: list[dbt.NodeRun]) -> None:
    with connection, connection.cursor() as cursor:
        for found in runs:
            cursor.execute(
                "insert into ops.model_run (build_id, node, status, seconds, row_count, message) "
                "values (%s, %s, %s, %s, %s, %s) on conflict (build_id, node) do update set "
                "status = excluded.status, seconds = excluded.seconds, row_count = excluded.row_count, "
                "message = excluded.message",
                (build_id, found.node, found.status, found.seconds, found.row_count, found.message),
            )


def _steps() -> list[str]:
    """What must have succeeded before a build is put to use, in order, as nodes of ops.model_run."""
    return [*(f"domain.{domain}" for domain in domains()), "audit"]


def _own_run(step: str, started: float, *, is_good: bool) -> dbt.NodeRun:
    return dbt.NodeRun(step, "success" if is_good else "fail", round(time.monotonic() - started, 3), None, "")


def _forget(connection: Connection, build_id: int, steps: list[str]) -> None:
    """A step that runs again makes those after it due again."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "update ops.model_run set status = 'stale' where build_id = %s and node = any(%s)", (build_id, steps)
        )


def _owner(build_id: int) -> str:
    return f"build {build_id}"


def _one(cursor: Cursor, query: str | sql.Composable) -> Any:
    cursor.execute(query)
    return _fetch(cursor)[0]


def _fetch(cursor: Cursor) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        raise BuildError("the database gave no answer where it always gives one; see the server's log")
    return row
