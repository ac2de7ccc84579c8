"""The batch under audit: its row of the ledger, with the contract and the suite that it is judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from vru.contracts import load_contract
from vru.quality.checks import RowsCheck, Subject
from vru.quality.errors import QualityError
from vru.quality.suites import ResourceSuite, load_feed_suite

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from vru.contracts import Contract, Resource


@dataclass(frozen=True)
class Batch:
    """A batch as it stood when it was locked, and what its checks refer to."""

    batch_id: int
    contract: Contract
    resource: Resource
    suite: ResourceSuite
    subject: Subject
    status: str
    is_audited: bool
    rows_parsed: int
    rows_quarantined: int

    @property
    def table(self) -> str:
        """The raw table, as an SQL name."""
        return self.subject.name

    @property
    def suite_name(self) -> str:
        """The suite as `ops.check_result` names it."""
        return f"raw/{self.contract.feed}/{self.resource.name}"

    @property
    def rows_in_raw(self) -> int:
        """Rows of the file that were in raw when the batch was locked."""
        return self.rows_parsed - self.rows_quarantined


def load_batch(cursor: Cursor, batch_id: int, today: date) -> Batch:
    """Lock a batch for the rest of the transaction and read it. `cursor` returns rows as dicts.

    Raises QualityError for an unknown batch and for a resource without checks or no longer in the contract,
    SuiteError and ContractError.
    """
    cursor.execute("select * from ops.batch where batch_id = %s for update", (batch_id,))
    row: Any = cursor.fetchone()
    if row is None:
        raise QualityError(f"no batch {batch_id}; `vru batches` lists them")
    contract = load_contract(row["feed"])
    try:
        resource = contract.resource(row["resource"])
    except KeyError:
        raise QualityError(
            f"batch {batch_id} is of resource '{row['resource']}', which feeds/{contract.feed}.yml no longer has"
        ) from None
    suite = load_feed_suite(contract.feed).resources.get(resource.name)
    if suite is None:
        raise QualityError(f"expectations/raw/{contract.feed}.yml: no section for resource '{resource.name}'; add it")
    subject = Subject(
        today=today,
        table=contract.raw_table(resource.name),
        batch_id=batch_id,
        resource=resource,
        period_start=row["period_start"],
        period_end=row["period_end"],
        partition=row["partition"],
        has_rows_taken_out=row["audited_at"] is not None and row["rows_quarantined"] > 0,
    )
    repeated = [check.kind.repeated(subject) for check in suite.checks if isinstance(check.kind, RowsCheck)]
    subject = replace(subject, repeated=next(filter(None, repeated), ""))
    return Batch(
        batch_id=batch_id, contract=contract, resource=resource, suite=suite, subject=subject,
        status=row["status"], is_audited=row["audited_at"] is not None, rows_parsed=row["rows_parsed"],
        rows_quarantined=row["rows_quarantined"],
    )  # fmt: skip
