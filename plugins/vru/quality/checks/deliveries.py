"""Types of checks of a batch against what was stated with it."""

# ruff: noqa: ARG002, ARG003, S608 # not every type needs all that it is given; every name is a contract's, every figure a suite's

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vru.contracts import Resource
from vru.quality.checks.base import Pct, SaidCheck, StatementCheck
from vru.quality.checks.sql import literal
from vru.quality.checks.subject import Subject


class FinalNewline(SaidCheck):
    """The file ends with a newline, or its size or announced number of rows proves that it is whole."""

    called = "delivery.final_newline"
    is_needed = True
    level = "delivery"

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Wherever files are delimited text."""
        if all(form.kind == "csv" for form in resource.formats):
            yield {
                "id": "file_is_whole", "type": cls.called, "severity": "critical",
                "reason": "The file ends in the middle of a line and nothing proves that it is whole. Please send it "
                "again.",
            }  # fmt: skip

    def statement(self, on: Subject) -> str:
        """By the warnings of the parse and all that was said of the content."""
        return f"""
            select
                not exists (select 1 from unnest(b.warnings) as w (text) where w.text like 'no_final_newline%')
                    or coalesce(bool_or(d.is_whole or b.rows_parsed in (d.manifest_rows, d.source_rows)), false),
                null::numeric,
                case
                    when not exists (select 1 from unnest(b.warnings) as w (text) where w.text like 'no_final_newline%')
                    then ''
                    when coalesce(bool_or(d.is_whole or b.rows_parsed in (d.manifest_rows, d.source_rows)), false)
                    then 'no final newline, but size or row count prove that it is whole'
                    else 'no final newline, and nothing proves that it is whole'
                end
            from ops.batch b
            left join ops.said d on d.content_id = b.content_id
            where b.batch_id = {on.batch:d}
            group by b.batch_id
        """


class ManifestRows(SaidCheck):
    """The file has as many rows as were announced with it, by a manifest or by the source's own count.

    It holds where nothing was announced.
    """

    called = "delivery.manifest_rows"
    is_needed = True
    level = "delivery"

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Everywhere."""
        yield {
            "id": "manifest_rows_agree", "type": cls.called, "severity": "critical",
            "reason": "The file has not as many rows as announced with it. Some were lost or added; please send it "
            "again.",
        }  # fmt: skip

    def statement(self, on: Subject) -> str:
        """By the newest number announced with each delivery of the content."""
        return f"""
            select
                coalesce(bool_and(a.announced = b.rows_parsed), true),
                b.rows_parsed - min(a.announced),
                coalesce(b.rows_parsed || ' rows read, ' || min(a.announced) || ' announced',
                         'no row count announced')
            from ops.batch b
            left join ops.said d on d.content_id = b.content_id
            left join lateral unnest(array[d.manifest_rows, d.source_rows]) as a (announced) on a.announced is not null
            where b.batch_id = {on.batch:d}
            group by b.batch_id
        """


class UnmappedCells(StatementCheck):
    """No column has words that the contract does not list in more than `max_pct` per cent of the rows.

    It holds again above `up_to_pct`, where a stricter check takes over.
    """

    called = "delivery.unmapped_cells"
    level = "delivery"
    max_pct: Pct = 0
    up_to_pct: Pct = 100

    def limit(self, on: Subject) -> str:
        """The share."""
        return f"at most {self.max_pct:g} %"

    def misfits(self, resource: Resource) -> Iterator[str]:
        """A resource of which no cell is ever nulled."""
        if not any(column.unmapped == "null_cell" for column in resource.columns):
            yield "no column of the contract says 'unmapped: null_cell', so that it cannot fail; say so, or drop it"

    def statement(self, on: Subject) -> str:
        """By the cells that the parse nulled."""
        return f"""
            select
                coalesce(max(c.pct), 0) <= {literal(self.max_pct)} or max(c.pct) > {literal(self.up_to_pct)},
                coalesce(max(c.pct), 0),
                coalesce(
                    max(c.pct) || ' % of rows in '
                    || (array_agg(c.column_name order by c.pct desc, c.column_name))[1], ''
                )
            from (
                select
                    q.column_name,
                    round(100.0 * count(distinct q.line_number) / nullif(max(b.rows_parsed), 0), 3) as pct
                from quarantine.cell q join ops.batch b using (batch_id)
                where q.batch_id = {on.batch:d}
                group by q.column_name
            ) c
        """
