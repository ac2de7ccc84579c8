"""Holds or lets pass: the audit of one new batch, its admission, and what that means for later vintages."""

# ruff: noqa: S608 # every name is a contract's; values are bound

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import RealDictCursor, execute_values

from vru.contracts import load_contract
from vru.quality import predicates, stability, vintages
from vru.quality.errors import QualityError
from vru.quality.predicates import Facts
from vru.quality.suites import Check, ResourceSuite, load_feed_suite
from vru.warehouse.engine import raw_connection

if TYPE_CHECKING:
    from vru.contracts import Contract, Resource
    from vru.quality.gate import Expectation, Outcome

TOLERANCE = "quarantine_over_tolerance"
BAD_KEY = "bad_value_in_key"
REPEATED = "repeated_row_of_a_key"
_REPEATED_REASON = "The same key with the same values stands in the file more than once; it is counted once."


@dataclass(frozen=True)
class FailedCheck:
    """A check that did not hold. `unexpected_count` is in rows where the check is on rows; no values anywhere."""

    check_id: str
    severity: str
    reason: str
    unexpected_count: int | None = None
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.check_id}: {self.reason}"


@dataclass(frozen=True)
class Verdict:
    """What the audit decided about a batch. `reason` is one line: the check that holds it, and why."""

    batch_id: int
    status: str
    reason: str
    failed: list[FailedCheck] = field(default_factory=list)
    rows_quarantined: int = 0
    withheld: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Batch:
    batch_id: int
    contract: Contract
    resource: Resource
    suite: ResourceSuite
    facts: Facts
    status: str
    is_audited: bool
    rows_parsed: int
    rows_quarantined: int

    @property
    def table(self) -> str:
        return f"raw.{predicates.quoted(self.facts.table)}"


def audit(batch_id: int, *, today: date) -> Verdict:
    """Check a parsed batch and write results, quarantine, columns withheld and verdict in one transaction.

    An audited batch returns the verdict it has; an audit that was killed leaves nothing and starts again. Raises
    SuiteError, ContractError and QualityError, and writes nothing then.
    """
    connection = raw_connection("loader", name="audit")
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            batch = _load(cursor, batch_id, today)
            if batch.status == "parsed" and not batch.is_audited:
                _audit(cursor, batch)
            return _stored(cursor, batch_id)
    finally:
        connection.close()


def admit(batch_id: int) -> bool:
    """Let a batch count that passed its audit, and check later vintages against it; whether it counts now.

    Admitting twice changes nothing; a batch that is held, rejected, withdrawn or not audited is left as it is.
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
            _admit(cursor, batch_id)
            _recheck_later(cursor, batch_id, only_audited_before=True)
            return True
    finally:
        connection.close()


def recheck_later(batch_id: int) -> None:
    """Compare every later vintage of the partition again, now that this one stands (or no longer stands) before it.

    A column may be withheld, or one that only such a check withheld be lifted. A batch that now fails is taken back
    (a waiting one is held), one that was held only for what is now sound is admitted. What a person released,
    lifted or withdrew stays as that person left it.
    """
    connection = raw_connection("loader", name="recheck")
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            _recheck_later(cursor, batch_id)
    finally:
        connection.close()


def _load(cursor: Cursor, batch_id: int, today: date) -> _Batch:
    cursor.execute("select * from ops.batch where batch_id = %s for update", (batch_id,))
    row: Any = cursor.fetchone()
    if row is None:
        raise QualityError(f"no batch {batch_id}; `vru batches` lists them")
    contract = load_contract(row["feed"])
    resource = contract.resource(row["resource"])
    suite = load_feed_suite(contract.feed)
    if resource.name not in suite.resources:
        raise QualityError(f"expectations/raw/{contract.feed}.yml: no section for resource '{resource.name}'; add it")
    facts = Facts(
        today=today,
        period_start=row["period_start"],
        period_end=row["period_end"],
        partition=row["partition"],
        table=contract.raw_table(resource.name),
        batch_id=batch_id,
    )
    if any(check.type == "expect_key_to_be_unique" for check in suite.resources[resource.name].checks):
        facts = replace(facts, repeated=predicates.repeated_key(resource, facts))
    return _Batch(
        batch_id=batch_id, contract=contract, resource=resource, suite=suite.resources[resource.name], facts=facts,
        status=row["status"], is_audited=row["audited_at"] is not None, rows_parsed=row["rows_parsed"],
        rows_quarantined=row["rows_quarantined"],
    )  # fmt: skip


def _audit(cursor: Cursor, batch: _Batch) -> None:
    from vru.quality import gate

    outcomes = gate.run(
        "raw", batch.facts.table, batch.batch_id, [_expectation(check, batch) for check in batch.suite.checks]
    )
    counts = _failing_rows(cursor, batch, outcomes)
    lines = _quarantine(cursor, batch, outcomes)
    over = _over_tolerance(cursor, batch, lines)
    bad_key = _bad_key(cursor, batch)
    _write_results(cursor, batch, outcomes, counts, [found for found in (over, bad_key) if found])
    for check in batch.suite.checks:
        if not outcomes[check.id].is_success:
            _withhold(cursor, batch.batch_id, check)
    # what is wrong with rows comes first: a check on the whole may fail only because they are gone
    holding = [found for found in (over, bad_key) if found]
    holding += [
        FailedCheck(check.id, "critical", check.reason)
        for check in batch.suite.checks
        if check.level == "table" and check.severity == "critical" and not outcomes[check.id].is_success
    ]
    stability.measure(cursor, batch.batch_id, batch.contract, batch.resource, batch.suite)
    cursor.execute(
        "update ops.batch set audited_at = clock_timestamp(), status = %s, reason = %s, rows_quarantined = %s "
        "where batch_id = %s",
        ("held" if holding else "parsed", _one_line(holding), batch.rows_quarantined + len(lines.all), batch.batch_id),
    )


def _expectation(check: Check, batch: _Batch) -> Expectation:
    """A check of the suite as Great Expectations runs it."""
    from vru.quality.gate import STATEMENT, Expectation

    severity = "critical" if check.severity == "critical" else "warning"
    if check.is_comparison:
        sql = vintages.statement(check, batch.batch_id, batch.contract, batch.resource)
        return Expectation(check.id, STATEMENT, {"statement": sql}, severity)
    return expectation(check, batch.facts, severity, batch.resource)


def expectation(check: Check, facts: Facts, severity: str, resource: Resource | None = None) -> Expectation:
    """A check that is no comparison, as Great Expectations runs it: on raw rows or on a mart."""
    from vru.quality.gate import STATEMENT, Expectation

    if check.type == "expect_key_to_be_unique":
        where = predicates.failing(check, facts, resource)
        sql = f"select count(*) = 0, count(*), '' from {facts.rows} r where {where}"
        return Expectation(check.id, STATEMENT, {"statement": sql}, severity)
    if check.query is not None:
        query = predicates.filled(check.query, facts)
        sql = f"select count(*) = 0, count(*), '' from ({query}) q"
        return Expectation(check.id, STATEMENT, {"statement": sql}, severity)
    kwargs = predicates.plain_kwargs(check, facts)
    if check.where is not None:
        kwargs["where"] = predicates.filled(check.where, facts)
    if check.column is not None:
        kwargs["column"] = check.column
    return Expectation(check.id, check.type, kwargs, severity)


def _failing_rows(cursor: Cursor, batch: _Batch, outcomes: dict[str, Outcome]) -> dict[str, int]:
    """How many rows fail each failed check on rows, by our own SQL; it must agree with Great Expectations."""
    failed = [
        check
        for check in batch.suite.checks
        if not outcomes[check.id].is_success and (check.level == "row" or check.where is not None)
    ]
    if not failed:
        return {}
    counted = ", ".join(
        f"count(*) filter (where {_escaped(predicates.failing(check, batch.facts, batch.resource))})"
        for check in failed
    )
    cursor.execute(
        f"select array[{counted}]::bigint[] as counts from {batch.table} where batch_id = %s",
        (batch.batch_id,),
    )
    row: Any = cursor.fetchone()
    counts = {check.id: int(count) for check, count in zip(failed, row["counts"], strict=True)}
    if wrong := [name for name, count in counts.items() if count == 0]:
        raise QualityError(
            f"check {', '.join(wrong)}: Great Expectations finds failing rows and the quarantine none; they must not "
            "differ, so mend quality/predicates.py"
        )
    return counts


@dataclass(frozen=True)
class _Lines:
    """Lines of the file that the audit quarantined."""

    all: set[int]
    repeated_only: set[int]
    """Second copies of a row of a keyed resource: taken out and counted, but no fault of the file."""


def _quarantine(cursor: Cursor, batch: _Batch, outcomes: dict[str, Outcome]) -> _Lines:
    """Move the rows that fail a critical check from raw to quarantine; a row failing several has a record for each."""
    taken = [
        (check.id, check.column or "", check.reason, predicates.failing(check, batch.facts, batch.resource))
        for check in batch.suite.checks
        if check.level == "row" and check.severity == "critical" and not outcomes[check.id].is_success
    ]
    if batch.facts.repeated:
        taken.append((REPEATED, "", _REPEATED_REASON, batch.facts.repeated))
    for check_id, column, reason, where in taken:
        cursor.execute(
            "insert into quarantine.row (batch_id, line_number, column_name, check_id, stage, reason, record) "
            f"select r.batch_id, r.line_number, %s, %s, 'audit', %s, to_jsonb(r) - 'batch_id' from {batch.table} r "
            f"where r.batch_id = %s and {_escaped(where)} on conflict do nothing",
            (column, check_id, reason, batch.batch_id),
        )
    if not taken:
        return _Lines(set(), set())
    cursor.execute(
        "select line_number, bool_and(check_id = %s) as is_repeated from quarantine.row "
        "where batch_id = %s and stage = 'audit' group by line_number",
        (REPEATED, batch.batch_id),
    )
    found: list[Any] = cursor.fetchall()
    if found:
        cursor.execute(
            f"delete from {batch.table} r using quarantine.row q "
            "where r.batch_id = %s and q.batch_id = r.batch_id and q.line_number = r.line_number and q.stage = 'audit'",
            (batch.batch_id,),
        )
    return _Lines({row["line_number"] for row in found}, {row["line_number"] for row in found if row["is_repeated"]})


def _over_tolerance(cursor: Cursor, batch: _Batch, lines: _Lines) -> FailedCheck | None:
    faulty = batch.rows_quarantined + len(lines.all - lines.repeated_only)
    tolerance_pct = batch.contract.tolerance_pct
    if faulty * 100 <= tolerance_pct * batch.rows_parsed:
        return None
    cursor.execute(
        "select check_id, min(line_number) as first_line from quarantine.row where batch_id = %s and check_id <> %s "
        "group by check_id order by count(distinct line_number) desc, check_id limit 1",
        (batch.batch_id, REPEATED),
    )
    most: Any = cursor.fetchone()
    share = 100 * faulty / batch.rows_parsed if batch.rows_parsed else 100.0
    by = f"{most['check_id']} (first on line {most['first_line']})" if most else "of the parse"
    return FailedCheck(
        TOLERANCE,
        "critical",
        f"{faulty} of {batch.rows_parsed} rows ({share:.2f} %), most by check {by}",
        faulty,
        f"tolerance {tolerance_pct:g} %",
    )


def _bad_key(cursor: Cursor, batch: _Batch) -> FailedCheck | None:
    """A bad value in a key column makes the file unusable, however few rows it is in."""
    cursor.execute(
        "select column_name, count(distinct line_number) as lines from quarantine.row "
        "where batch_id = %s and column_name = any(%s) group by column_name order by 2 desc, 1 limit 1",
        (batch.batch_id, list(batch.resource.key)),
    )
    found: Any = cursor.fetchone()
    if found is None:
        return None
    return FailedCheck(
        BAD_KEY,
        "critical",
        f"column {found['column_name']} is part of the key and has a bad value in {found['lines']} rows",
        found["lines"],
    )


def _write_results(
    cursor: Cursor,
    batch: _Batch,
    outcomes: dict[str, Outcome],
    counts: dict[str, int],
    more: list[FailedCheck],
) -> None:
    suite = f"raw/{batch.contract.feed}/{batch.resource.name}"
    in_raw = batch.rows_parsed - batch.rows_quarantined
    rows: list[tuple[Any, ...]] = [
        (
            batch.batch_id, suite, check.id, check.type, check.column, check.severity_name, check.reason,
            outcomes[check.id].is_success, in_raw,
            counts.get(check.id, 0 if outcomes[check.id].is_success and check.level == "row" else None),
            outcomes[check.id].remark,
        )
        for check in batch.suite.checks
    ]  # fmt: skip
    rows += [
        (batch.batch_id, suite, found.check_id, "quarantine", None, found.severity, found.reason, False,
         batch.rows_parsed, found.unexpected_count, found.detail)
        for found in more
    ]  # fmt: skip
    execute_values(
        cursor,
        "insert into ops.check_result (batch_id, suite, check_id, check_type, column_name, severity, reason, "
        "is_success, element_count, unexpected_count, detail) values %s",
        rows,
    )


def _withhold(cursor: Cursor, batch_id: int, check: Check) -> None:
    for column in check.withheld_columns:
        cursor.execute(
            "insert into ops.withheld_column (batch_id, column_name, check_id, reason, withheld_at) "
            "select %s, %s, %s, %s, clock_timestamp() where not exists ("
            "select 1 from ops.withheld_column where batch_id = %s and column_name = %s and check_id = %s "
            "and lifted_at is null)",
            (batch_id, column, check.id, check.reason, batch_id, column, check.id),
        )


def _stored(cursor: Cursor, batch_id: int) -> Verdict:
    cursor.execute(
        "select status, reason, rows_quarantined, audited_at from ops.batch where batch_id = %s", (batch_id,)
    )
    row: Any = cursor.fetchone()
    if row["audited_at"] is None:
        raise QualityError(f"batch {batch_id} is {row['status']} and was never audited; only a parsed batch can be")
    cursor.execute(
        "select distinct on (check_id) check_id, severity, reason, is_success, unexpected_count, detail "
        "from ops.check_result where batch_id = %s order by check_id, check_result_id desc",
        (batch_id,),
    )
    results: list[Any] = cursor.fetchall()
    cursor.execute(
        "select distinct column_name from ops.withheld_column where batch_id = %s and lifted_at is null order by 1",
        (batch_id,),
    )
    withheld: list[Any] = cursor.fetchall()
    return Verdict(
        batch_id=batch_id,
        status="held" if row["status"] == "held" else "passed",
        reason=row["reason"],
        failed=[
            FailedCheck(r["check_id"], r["severity"], r["reason"], r["unexpected_count"], r["detail"])
            for r in results
            if not r["is_success"]
        ],
        rows_quarantined=row["rows_quarantined"],
        withheld=[w["column_name"] for w in withheld],
    )


def _admit(cursor: Cursor, batch_id: int) -> None:
    cursor.execute(
        "update ops.batch set status = 'admitted', admitted_at = clock_timestamp(), withdrawn_at = null, reason = '', "
        "rows_admitted = rows_parsed - rows_quarantined where batch_id = %s",
        (batch_id,),
    )


def _recheck_later(cursor: Cursor, batch_id: int, *, only_audited_before: bool = False) -> None:
    """Batches stated later in the partition, oldest first, so that each is compared with what the last step left.

    With `only_audited_before`, only those that were audited while this one was not yet sound.
    """
    cursor.execute(
        """
        select l.batch_id
        from ops.batch_vintage b
        join ops.resource r on r.feed = b.feed and r.resource = b.resource
        join ops.batch_vintage l
          on l.feed = b.feed and l.resource = b.resource and l.partition = b.partition
         and l.batch_id <> b.batch_id and l.sha256 <> b.sha256
         and l.status in ('parsed', 'admitted', 'held', 'withdrawn')
         and l.audited_at < case when %s then b.audited_at else 'infinity' end
        where b.batch_id = %s
          and case
              -- a later period is judged by the 24 before it
              when r.delivery_mode = 'period' and l.period_start > b.period_start
              then l.period_start <= b.period_start + interval '24 months' and l.vintage_at >= b.vintage_at
              else (l.vintage_at, l.manifest_line, l.received_at, l.delivery_id)
                 > (b.vintage_at, b.manifest_line, b.received_at, b.delivery_id)
                   and (r.delivery_mode <> 'period' or l.period_end >= b.period_start)
          end
        order by l.vintage_at, l.period_start, l.manifest_line, l.received_at, l.delivery_id
        """,
        (only_audited_before, batch_id),
    )
    later: list[Any] = cursor.fetchall()
    for row in later:
        _recheck(cursor, row["batch_id"])


def _recheck(cursor: Cursor, batch_id: int) -> None:
    batch = _load(cursor, batch_id, date.max)  # no comparison asks for today
    cursor.execute(
        "select distinct on (check_id) check_id, is_success, severity, check_type from ops.check_result "
        "where batch_id = %s order by check_id, check_result_id desc",
        (batch_id,),
    )
    results: list[Any] = cursor.fetchall()
    known: dict[str, Any] = {row["check_id"]: row for row in results}
    compared = [check for check in batch.suite.checks if check.type.startswith("between_") and check.id in known]
    changed = []
    for check in compared:
        cursor.execute(vintages.statement(check, batch_id, batch.contract, batch.resource))
        now: Any = cursor.fetchone()
        if now["is_success"] != known[check.id]["is_success"]:
            known[check.id] = {**known[check.id], "is_success": now["is_success"]}
            changed.append((check, now["is_success"], now["remark"]))
    if not changed:
        return
    for check, held, remark in changed:
        cursor.execute(
            "insert into ops.check_result (batch_id, suite, check_id, check_type, column_name, severity, reason, "
            "is_success, element_count, detail) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (batch_id, f"raw/{batch.contract.feed}/{batch.resource.name}", check.id, check.type, check.column,
             check.severity_name, check.reason, held, batch.rows_parsed - batch.rows_quarantined, remark or ""),
        )  # fmt: skip
        _withhold_again(cursor, batch_id, check, is_success=held)
    _decide_again(cursor, batch, compared, known)


def _withhold_again(cursor: Cursor, batch_id: int, check: Check, *, is_success: bool) -> None:
    if is_success:
        cursor.execute(
            "update ops.withheld_column set lifted_at = clock_timestamp() "
            "where batch_id = %s and check_id = %s and lifted_at is null",
            (batch_id, check.id),
        )
        return
    cursor.execute(
        "select 1 from ops.decision where batch_id = %s and decision = 'release_column' and column_name = any(%s)",
        (batch_id, check.withheld_columns),
    )
    if cursor.fetchone() is None:
        _withhold(cursor, batch_id, check)


def _decide_again(cursor: Cursor, batch: _Batch, compared: list[Check], known: dict[str, Any]) -> None:
    """Bring the status in line with the newest results, unless a person has decided about the batch."""
    cursor.execute(
        "select 1 from ops.decision where batch_id = %s and decision in ('release', 'withdraw')", (batch.batch_id,)
    )
    if cursor.fetchone() is not None:
        return
    failing = [c for c in compared if c.severity == "critical" and not known[c.id]["is_success"]]
    others = {
        name for name, row in known.items()
        if not row["is_success"] and row["severity"] == "critical" and name not in {c.id for c in compared}
        and name not in {c.id for c in batch.suite.checks if c.level == "row"}
    }  # fmt: skip
    reason = _one_line([FailedCheck(check.id, "critical", check.reason) for check in failing])
    if failing and batch.status == "admitted":
        cursor.execute(
            "update ops.batch set status = 'withdrawn', withdrawn_at = clock_timestamp(), reason = %s "
            "where batch_id = %s",
            (reason, batch.batch_id),
        )
    elif failing and batch.status in ("parsed", "held"):
        cursor.execute(
            "update ops.batch set status = 'held', reason = case when %s then reason else %s end where batch_id = %s",
            (bool(others), reason, batch.batch_id),
        )
    elif not failing and not others and batch.status in ("held", "withdrawn"):
        _admit(cursor, batch.batch_id)


def _one_line(failed: list[FailedCheck]) -> str:
    if not failed:
        return ""
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return " ".join(f"{failed[0]}{more}".split())


def _escaped(sql: str) -> str:
    """SQL with literals beside psycopg2's own placeholders."""
    return sql.replace("%", "%%")
