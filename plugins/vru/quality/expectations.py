"""A check of a suite as Great Expectations runs it, on a batch or on a mart."""

# ruff: noqa: S608 # every name is a contract's; values are bound

from __future__ import annotations

from typing import TYPE_CHECKING

from vru.quality import predicates, vintages
from vru.quality.predicates import Facts
from vru.quality.suites import Check

if TYPE_CHECKING:
    from vru.contracts import Resource
    from vru.quality.batch import Batch
    from vru.quality.gate import Expectation


def expectation_of_batch(check: Check, batch: Batch) -> Expectation:
    """Any check of a raw suite, a comparison too.

    Raises ValueError where the contract lacks what the check needs: a key, or a rule for the column to withhold.
    """
    from vru.quality.gate import STATEMENT, Expectation

    severity = "critical" if check.severity == "critical" else "warning"
    if check.is_comparison:
        sql = vintages.statement(check, batch.batch_id, batch.contract, batch.resource)
        return Expectation(check.id, STATEMENT, {"statement": sql}, severity)
    return expectation(check, batch.facts, severity, batch.resource)


def expectation(check: Check, facts: Facts, severity: str, resource: Resource | None = None) -> Expectation:
    """A check that is no comparison, on raw rows or on a mart; one on a key needs the `resource`, else ValueError."""
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
