"""Data Docs: the newest results as Great Expectations' own pages, for the engineer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from psycopg2.extras import RealDictCursor

from vru.settings import private_dir, settings
from vru.warehouse.engine import raw_connection

SITE = "checks"
NEWEST = "newest_check"
"""File that says up to which result the pages are."""
#: The newest batch of every feed, resource and partition, and the newest build, with the newest result of each check.
_NEWEST = """
    with subject as (
        select distinct on (b.feed, b.resource, b.partition) b.batch_id, null::bigint as build_id,
               b.audited_at as at,
               concat_ws(' ', b.feed, b.resource, nullif(b.partition, ''), 'batch ' || b.batch_id) as name
        from ops.batch b where b.audited_at is not null
        order by b.feed, b.resource, b.partition, b.audited_at desc
    )
    select s.name, s.at, r.*
    from subject s
    cross join lateral (
        select distinct on (c.check_id) c.* from ops.check_result c where c.batch_id = s.batch_id
        order by c.check_id, c.check_result_id desc
    ) r
    union all
    select replace(c.suite, '/', ' ') || ' build ' || c.build_id, c.checked_at, c.*
    from ops.check_result c
    where c.build_id = (select max(build_id) from ops.check_result)
    order by 1, check_id
"""


def data_docs() -> Path:
    """Write the pages under the state folder and return the first one. They hold counts and reasons, never a value.

    Pages that hold the newest results stay, and Great Expectations is not imported.
    Raises RuntimeError if Great Expectations left one out, which it only logs.
    """
    folder = settings().home / "data_docs"
    newest = _newest_check()
    if (folder / NEWEST).is_file() and (folder / NEWEST).read_text(encoding="ascii") == newest:
        return folder / "index.html"

    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    from vru.quality import gate

    shutil.rmtree(folder, ignore_errors=True)
    private_dir(folder)
    context = gate.context()
    subjects, stored = _by_subject(), []
    for name, rows in subjects.items():
        results = [
            ExpectationValidationResult(
                success=row["is_success"],
                expectation_config=ExpectationConfiguration(
                    type=gate.SHOWN,
                    kwargs={"title": f"{row['check_id']} ({row['severity']}, {row['check_type']}): {row['reason']}"},
                    meta={"check_id": row["check_id"]},
                ),
                result={"observed_value": _observed(row)},
                exception_info={"raised_exception": False, "exception_traceback": None, "exception_message": None},
            )
            for row in rows
        ]
        good = sum(bool(result.success) for result in results)
        at = rows[0]["at"]
        run_id = RunIdentifier(run_name=at.strftime("%Y-%m-%d %H:%M"), run_time=at)
        validation = ExpectationSuiteValidationResult(
            suite_name=name,
            success=good == len(results),
            results=results,
            statistics={
                "evaluated_expectations": len(results),
                "successful_expectations": good,
                "unsuccessful_expectations": len(results) - good,
                "success_percent": 100 * good / len(results),
            },
            meta={"run_id": run_id},
        )
        key = ValidationResultIdentifier(
            expectation_suite_identifier=ExpectationSuiteIdentifier(name), run_id=run_id, batch_identifier=name
        )
        context.validation_results_store.set(key, validation)
        stored.append(key)
    context.add_data_docs_site(
        site_name=SITE,
        site_config={
            "class_name": "SiteBuilder",
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    try:
        context.build_data_docs(site_names=[SITE])
    finally:  # the context lives as long as the process, and the next pages are of the newest results only
        context.delete_data_docs_site(SITE)
        for key in stored:
            context.validation_results_store.remove_key(key)
    pages = len(list((folder / "validations").rglob("*.html")))
    if pages != len(subjects):
        raise RuntimeError(f"{folder}: {pages} pages were written for {len(subjects)} subjects; the log says why")
    (folder / NEWEST).write_text(newest, encoding="ascii")
    return folder / "index.html"


def _newest_check() -> str:
    """The number of the newest result: the pages are of results, so they are out of date when there is a newer one."""
    connection = raw_connection("checker", name="data docs")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("select coalesce(max(check_result_id), 0) from ops.check_result")
            return str((cursor.fetchone() or (0,))[0])
    finally:
        connection.close()


def _by_subject() -> dict[str, list[dict[str, Any]]]:
    connection = raw_connection("checker", name="data docs")
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute(_NEWEST)
            found: dict[str, list[dict[str, Any]]] = {}
            for row in cursor.fetchall():
                found.setdefault(row["name"], []).append(dict(row))
            return found
    finally:
        connection.close()


def _observed(row: dict[str, Any]) -> str:
    """What was looked at, in words: counts and remarks only."""
    parts = []
    if row["unexpected_count"] is not None:
        of = f" of {row['element_count']}" if row["element_count"] is not None else ""
        parts.append(f"{row['unexpected_count']}{of} rows")
    if row["detail"]:
        parts.append(row["detail"])
    return "; ".join(parts) or "as expected"
