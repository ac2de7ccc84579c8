"""What an audit found and decided, and reading it back from the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vru.quality.errors import QualityError
from vru.quality.told import reason

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class FailedCheck:
    """A check that did not hold. `unexpected_count` is in rows where the check is on rows; no values anywhere.

    `detail` is what was measured beside the limit; `is_told` says that the reason tells it already.
    """

    check_id: str
    severity: str
    reason: str
    unexpected_count: int | None = None
    detail: str = ""
    is_told: bool = False

    def __str__(self) -> str:
        return f"{self.check_id}: {self.reason if self.is_told else reason(self.reason, self.detail)}"


@dataclass(frozen=True)
class Verdict:
    """What the audit decided about a batch: `status` is `held` or `passed`, or `withdrawn` where a person took it back.

    `reason` is one line: the check that holds it, and why. `withheld` names columns that no measure may use.
    """

    batch_id: int
    status: str
    reason: str
    failed: list[FailedCheck] = field(default_factory=list)
    rows_quarantined: int = 0
    withheld: list[str] = field(default_factory=list)


def stored_verdict(cursor: Cursor, batch_id: int) -> Verdict:
    """The verdict that the ledger holds, by the newest result of each check. `cursor` returns rows as dicts.

    Raises QualityError for a batch that was never audited.
    """
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
        status=row["status"] if row["status"] in ("held", "withdrawn") else "passed",
        reason=row["reason"],
        failed=[
            FailedCheck(r["check_id"], r["severity"], r["reason"], r["unexpected_count"], r["detail"])
            for r in results
            if not r["is_success"]
        ],
        rows_quarantined=row["rows_quarantined"],
        withheld=[w["column_name"] for w in withheld],
    )


def one_line(failed: list[FailedCheck]) -> str:
    """The first of the checks and how many more there are, as a `reason`; empty if none failed."""
    if not failed:
        return ""
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return " ".join(f"{failed[0]}{more}".split())
