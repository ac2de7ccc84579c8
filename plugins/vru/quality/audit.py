"""Holds or lets pass: the audit of one new batch, and its admission."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg2.extras import RealDictCursor, execute_values

from vru.quality import quarantine, runner, stability
from vru.quality.batch import load_batch
from vru.quality.checks import RowsCheck, StatementCheck
from vru.quality.errors import QualityError
from vru.quality.quarantine import Failing
from vru.quality.recheck import bring_to_rest, recheck_later
from vru.quality.settle import settled_checks
from vru.quality.told import reason, rows, told
from vru.quality.verdict import FailedCheck, Verdict, one_line, stored_verdict
from vru.quality.withholding import withhold
from vru.warehouse import admission
from vru.warehouse.engine import raw_connection

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from vru.quality.batch import Batch
    from vru.quality.checks.base import Expectation, Outcome
    from vru.quality.suites import Check

    Run = Callable[[Cursor, Batch, Sequence[Expectation]], dict[str, Outcome]]
    """Runs expectations on the rows of a batch; outcomes by check id."""


def audit(batch_id: int, *, today: date) -> Verdict:
    """Check a parsed batch and write results, quarantine, columns withheld and verdict in one transaction.

    An audited batch returns the verdict it has; an audit that was killed leaves nothing and starts again. Raises
    SuiteError, ContractError and QualityError, and writes nothing then.
    """
    connection = raw_connection("loader", name="audit")
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            return _audited(cursor, batch_id, today, _great_expectations)
    finally:
        connection.close()


def audit_here(cursor: Cursor, batch_id: int, *, today: date) -> Verdict:
    """The same audit, in a transaction of the caller's that holds the rows: nobody else need ever see them.

    Great Expectations reads on a connection of its own, so the same SQL is run without it. `cursor` returns rows as
    dicts. Raises as `audit` does.
    """
    return _audited(cursor, batch_id, today, runner.run)


def _audited(cursor: Cursor, batch_id: int, today: date, run: Run) -> Verdict:
    batch = load_batch(cursor, batch_id, today)
    if batch.status == "parsed" and not batch.is_audited:
        cursor.execute("set local enable_nestloop = off")  # as for Great Expectations, in gate.py
        _audit(cursor, batch, run)
    return stored_verdict(cursor, batch_id)


def _great_expectations(_: Cursor, batch: Batch, checks: Sequence[Expectation]) -> dict[str, Outcome]:
    from vru.quality import gate  # it takes seconds to import

    return gate.run(batch.subject.schema, batch.subject.table, batch.batch_id, checks)


def admit(batch_id: int) -> bool:
    """Let a batch count that passed its audit, and check later vintages against it; whether it counts now.

    Admitting twice changes nothing; a batch that is held, rejected, withdrawn or not audited is left as it is. Raises
    QualityError for an unknown batch, and what `recheck_later` raises; nothing is written then.
    """
    connection = raw_connection("loader", name="admit")
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute("select status, audited_at from ops.batch where batch_id = %s for update", (batch_id,))
            found: Any = cursor.fetchone()
            if found is None:
                raise QualityError(f"no batch {batch_id}; `vru batches` lists them")
            if found["status"] != "parsed" or found["audited_at"] is None:
                return bool(found["status"] == "admitted")
            admission.admit(cursor, batch_id)
            recheck_later(cursor, batch_id, only_audited_before=True)
            return True
    finally:
        connection.close()


def _audit(cursor: Cursor, batch: Batch, run: Run) -> None:
    outcomes = run(cursor, batch, [check.expectation(batch.subject) for check in batch.suite.checks])
    failing = quarantine.failing_rows(cursor, batch, outcomes)
    details = {check.id: _detail(batch, check, outcomes[check.id], failing) for check in batch.suite.checks}
    lines = quarantine.move_out(cursor, batch, outcomes)
    of_rows = (
        quarantine.over_tolerance(cursor, batch, lines),
        quarantine.bad_key(cursor, batch),
        quarantine.day_month_swap(cursor, batch),
    )
    holding = [found for found in of_rows if found]
    _write_results(cursor, batch, outcomes, failing, details, holding)
    settled = {check.id for check in settled_checks(batch.suite)}
    for check in batch.suite.checks:
        if not outcomes[check.id].is_success and check.id not in settled:
            why = reason(check.reason, details[check.id])
            withhold(cursor, batch.batch_id, check, outcomes[check.id].columns, why)
    # what is wrong with rows comes first: a check on the whole may fail only because they are gone
    holding += [
        FailedCheck(check.id, "critical", check.reason, detail=details[check.id])
        for check in batch.suite.checks
        if not check.is_on_rows and check.severity == "critical" and not outcomes[check.id].is_success
    ]
    stability.measure(cursor, batch.batch_id, batch.contract, batch.resource, batch.suite)
    cursor.execute(
        "update ops.batch set audited_at = clock_timestamp(), status = %s, reason = %s, rows_quarantined = %s "
        "where batch_id = %s",
        ("held" if holding else "parsed", one_line(holding), batch.rows_quarantined + len(lines.all), batch.batch_id),
    )
    bring_to_rest(cursor, batch.batch_id)


def _detail(batch: Batch, check: Check, outcome: Outcome, failing: dict[str, Failing]) -> str:
    """What a check measured beside its limit."""
    limit = check.kind.limit(batch.subject)
    if isinstance(check.kind, RowsCheck):
        found = failing.get(check.id, Failing())
        share_passes = outcome.is_success and not check.is_on_rows
        count = int(outcome.observed or 0) if share_passes else found.count
        return told(rows(count, batch.rows_in_raw, found.lines), limit)
    if not outcome.remark and outcome.observed is not None and not isinstance(check.kind, StatementCheck):
        return told(f"{outcome.observed:,.10g}", limit)
    return told(outcome.remark, limit)


def _write_results(
    cursor: Cursor,
    batch: Batch,
    outcomes: dict[str, Outcome],
    failing: dict[str, Failing],
    details: dict[str, str],
    more: list[FailedCheck],
) -> None:
    written: list[tuple[Any, ...]] = [
        (
            batch.batch_id, batch.suite_name, check.id, check.type, check.column, check.severity_name, check.reason,
            outcomes[check.id].is_success, batch.rows_in_raw,
            failing[check.id].count if check.id in failing
            else 0 if outcomes[check.id].is_success and check.is_on_rows else None,
            details[check.id], list(failing[check.id].lines) if check.id in failing else [],
        )
        for check in batch.suite.checks
    ]  # fmt: skip
    written += [
        (batch.batch_id, batch.suite_name, found.check_id, quarantine.OF_ROWS, None, found.severity, found.reason,
         False, batch.rows_parsed, found.unexpected_count, found.detail, [])
        for found in more
    ]  # fmt: skip
    execute_values(
        cursor,
        "insert into ops.check_result (batch_id, suite, check_id, check_type, column_name, severity, reason, "
        "is_success, element_count, unexpected_count, detail, example_lines) values %s",
        written,
    )
