"""The audit of marts that were just built, before anyone reads them."""

from __future__ import annotations

from datetime import date
from typing import Any

from psycopg2.extras import execute_values

from vru.quality.checks import Subject
from vru.quality.suites import load_mart_suites
from vru.quality.told import told
from vru.quality.verdict import FailedCheck
from vru.warehouse.engine import raw_connection

MISSING = "mart_is_there"
_MISSING_REASON = (
    "Every mart is built, also where its feeds are absent; this one is not there, so the build is not whole."
)


def audit_build(schema: str, build_id: int) -> list[FailedCheck]:
    """Check the marts in `schema` against `expectations/marts`; the critical checks that failed, none if it may go out.

    Every outcome goes to `ops.check_result` under `build_id`. The role `checker` needs USAGE and SELECT there. Raises
    SuiteError and QualityError.
    """
    from vru.quality import gate

    connection = raw_connection("loader", name="audit of marts")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "select c.relname from pg_class c where c.relnamespace = to_regnamespace(%s) "
                "and c.relkind in ('r', 'v', 'm', 'p')",
                (schema,),
            )
            there = {row[0] for row in cursor.fetchall()}
            results: list[tuple[Any, ...]] = []
            failed: list[FailedCheck] = []
            for suite in load_mart_suites():
                name = f"marts/{suite.mart}"
                if suite.mart not in there:
                    failed.append(FailedCheck(f"{suite.mart}.{MISSING}", "critical", _MISSING_REASON))
                    results.append(
                        (build_id, name, MISSING, MISSING, None, "critical", _MISSING_REASON, False, None, "")
                    )
                    continue
                mart = Subject(today=date.today(), schema=schema, table=suite.mart)  # noqa: DTZ011 # no check of a mart asks
                outcomes = gate.run(schema, suite.mart, None, [check.expectation(mart) for check in suite.checks])
                for check in suite.checks:
                    found = outcomes[check.id]
                    count = None if found.observed is None else int(found.observed)
                    measured = found.remark or ("" if count is None else f"{count:,}")
                    detail = told(measured, check.kind.limit(mart))
                    results.append(
                        (build_id, name, check.id, check.type, check.column, check.severity_name, check.reason,
                         found.is_success, count, detail)
                    )  # fmt: skip
                    if check.severity == "critical" and not found.is_success:
                        failed.append(FailedCheck(f"{suite.mart}.{check.id}", "critical", check.reason, count, detail))
            execute_values(
                cursor,
                "insert into ops.check_result (build_id, suite, check_id, check_type, column_name, severity, reason, "
                "is_success, unexpected_count, detail) values %s",
                results,
            )
        return failed
    finally:
        connection.close()
