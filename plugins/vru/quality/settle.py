"""Disputes between lists brought into the ledger: which columns are withheld, which are in use and disputed.

What stands is worked out anew from the sound batches, what persons decided and what comparisons say (`disputes`), and
only what differs from the ledger is written. So the end is the same in whatever order lists came or went.
"""

# ruff: noqa: S608 # names of contracts and suites

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg2.extras import Json

from vru.quality.checks import VintageCheck
from vru.quality.checks.sql import quoted
from vru.quality.disputes import ALWAYS, Cells, Claim, Days, Difference, Standing, standings
from vru.quality.withholding import EVERY_DAY, withhold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from psycopg2.extensions import cursor as Cursor

    from vru.quality.batch import Batch
    from vru.quality.suites import Check, ResourceSuite


def settled_checks(suite: ResourceSuite) -> list[Check]:
    """The checks by which lists disagree on a column: comparisons of vintages that withhold."""
    return [check for check in suite.checks if check.withheld_columns and isinstance(check.kind, VintageCheck)]


def settle(cursor: Cursor, batch: Batch) -> set[int]:
    """Bring the disputes among the lists of a batch's partition up to date; batches of which that changes a column.

    Where each delivery is a period of its own, only lists that share days with each other, or with one that does, are
    looked at. `cursor` returns rows as dicts; the transaction is the caller's.
    """
    checks = settled_checks(batch.suite)
    if not checks:
        return set()
    lists = _Lists(cursor, batch, checks)
    columns = sorted({column for check in checks for column in check.withheld_columns})
    found = {
        column: standings(
            lists.claims(column),
            lambda later, earlier, column=column: lists.difference(later, earlier, column),  # type: ignore[misc]
            lambda claim, column=column: lists.cells(claim, column),  # type: ignore[misc]
        )
        for column in columns
    }
    changed = set()
    _forget_others(cursor, batch, checks)
    plain = lists.plain()
    for row in lists.rows:
        batch_id = row["batch_id"]
        if batch_id in plain and not any(s.is_withheld or s.disputed_by for c in columns for s in found[c][batch_id]):
            continue  # nothing is withheld or marked, and nothing should be
        for check in checks:
            withheld = {
                column: [s for s in found[column][batch_id] if s.is_withheld and s.check_id == check.id]
                for column in check.withheld_columns
            }
            if _withhold(cursor, lists, batch_id, check, withheld):
                changed.add(batch_id)
            stretches = [s for parts in withheld.values() for s in parts]
            measured = next((lists.remark(batch_id, s.against, check.id) for s in stretches if s.against), "")
            _note_result(cursor, batch, batch_id, check, is_success=not stretches, measured=measured)
        disputed = [
            (column, by, check_id, s.days)
            for column in columns
            for s in found[column][batch_id]
            for by in s.disputed_by
            for check_id in [lists.check_between(by, found[column], s.days)]
        ]
        _mark(cursor, lists, batch_id, disputed, {check.id: check for check in checks})
    return changed


def _forget_others(cursor: Cursor, batch: Batch, checks: Sequence[Check]) -> None:
    """End what these checks withhold, and what is disputed, of lists of the partition that do not count."""
    of_others = """
        from ops.batch o join ops.batch b on b.feed = o.feed and b.resource = o.resource and b.partition = o.partition
        where o.batch_id = %(batch)s and b.batch_id = w.batch_id and not ops.is_sound(b)
    """
    asked = {"batch": batch.batch_id, "checks": [check.id for check in checks]}
    cursor.execute(
        f"update ops.withheld_column w set lifted_at = ops.stamp() {of_others} "
        "and w.lifted_at is null and w.check_id = any(%(checks)s)",
        asked,
    )
    cursor.execute(f"update ops.disputed_column w set until = ops.stamp() {of_others} and w.until is null", asked)


@dataclass(frozen=True)
class _Row:
    differs: dict[str, dict[str, tuple[Days, ...]]]
    is_comparable: bool


class _Lists:
    """The sound lists of a partition in order of statement, and what is known between them."""

    def __init__(self, cursor: Cursor, batch: Batch, checks: Sequence[Check]) -> None:
        self._cursor, self._batch, self._checks = cursor, batch, checks
        self._kinds = [(check, check.kind) for check in checks if isinstance(check.kind, VintageCheck)]
        self.rows = self._read()
        self._places = {row["batch_id"]: row for row in self.rows}
        self._compared: dict[tuple[int, int], _Row] = {}
        self._cells: dict[tuple[int, str], dict[tuple[date, Any], int]] = {}
        said = batch.resource.model_dump_json() + "".join(check.model_dump_json() for check in checks)
        self._fingerprint = hashlib.sha256(said.encode()).hexdigest()
        self._known()

    def _read(self) -> list[Any]:
        self._cursor.execute(
            """
            select v.batch_id, v.sha256, v.period_start, v.period_end, b.audited_at, b.rows_quarantined,
                   (v.vintage_at at time zone 'Europe/London')::date as stated_on
            from ops.batch o
            join ops.batch b on b.feed = o.feed and b.resource = o.resource and b.partition = o.partition
            join ops.batch_vintage v on v.batch_id = b.batch_id
            where o.batch_id = %s and ops.is_sound(b) and not ops.is_displaced(b)
            order by v.vintage_at, v.manifest_line, v.received_at, v.delivery_id
            """,
            (self._batch.batch_id,),
        )
        rows: list[Any] = self._cursor.fetchall()
        if self._batch.resource.delivery != "period":
            return rows
        start, end = self._batch.subject.period_start, self._batch.subject.period_end
        together: list[Any] = []
        while start and end:
            together = [r for r in rows if r["period_start"] <= end and start <= r["period_end"]]
            widest = (
                min([start, *(r["period_start"] for r in together)]),
                max([end, *(r["period_end"] for r in together)]),
            )
            if widest == (start, end):
                break
            start, end = widest
        return together

    def plain(self) -> set[int]:
        """Lists of which the ledger says that these checks hold, withhold nothing and that nobody disputes them."""
        self._cursor.execute(
            """
            select b.batch_id from unnest(%(batches)s::bigint[]) as b (batch_id)
            where not exists (
                select 1 from ops.withheld_column w
                where w.batch_id = b.batch_id and w.lifted_at is null and w.check_id = any(%(checks)s)
            )
            and not exists (select 1 from ops.disputed_column c where c.batch_id = b.batch_id and c.until is null)
            and coalesce((
                select bool_and(r.is_success) from (
                    select distinct on (x.check_id) x.is_success from ops.check_result x
                    where x.batch_id = b.batch_id and x.check_id = any(%(checks)s)
                    order by x.check_id, x.check_result_id desc
                ) r
            ), false)
            """,
            {"batches": [row["batch_id"] for row in self.rows], "checks": [check.id for check in self._checks]},
        )
        found: list[Any] = self._cursor.fetchall()
        return {row["batch_id"] for row in found}

    def claims(self, column: str) -> list[Claim]:
        """What each list says of a column, in order of statement."""
        self._cursor.execute(
            """
            select b.batch_id,
                   exists (
                       select 1 from ops.decision d
                       where d.batch_id = b.batch_id and d.decision = 'release_column' and d.column_name = %(column)s
                   ) as is_released,
                   array(
                       select array[w.unit_start, w.unit_end + 1] from ops.withheld_column w
                       where w.batch_id = b.batch_id and w.column_name = %(column)s and w.lifted_at is null
                         and w.check_id <> all(%(checks)s)
                   )::date[] as fails
            from unnest(%(batches)s::bigint[]) as b (batch_id)
            """,
            {
                "column": column, "checks": [check.id for check in self._checks],
                "batches": [row["batch_id"] for row in self.rows],
            },
        )  # fmt: skip
        read: list[Any] = self._cursor.fetchall()
        says = {row["batch_id"]: row for row in read}
        found = []
        for row in self.rows:
            said = says[row["batch_id"]]
            fails = tuple(Days(first or ALWAYS.first, until or ALWAYS.until) for first, until in said["fails"])
            found.append(Claim(row["batch_id"], row["sha256"], fails, said["is_released"]))
        return found

    def stated_on(self, batch_id: int) -> date:
        """The day of a list's statement, in London."""
        found: date = self._places[batch_id]["stated_on"]
        return found

    def difference(self, later: Claim, earlier: Claim, column: str) -> Difference:
        """How two lists compare on a column."""
        known = self._between(later.batch_id, earlier.batch_id)
        return Difference(
            {name: columns[column] for name, columns in known.differs.items() if column in columns},
            known.is_comparable,
        )

    def remark(self, one: int, other: int, check_id: str) -> str:
        """What the check measured between two lists, whichever was stated later."""
        places = [row["batch_id"] for row in self.rows]
        earlier, later = sorted((one, other), key=places.index)
        self._between(later, earlier)  # a list may stand against one that it was not compared with yet
        self._cursor.execute(
            "select remark from ops.comparison "
            "where check_id = %s and (batch_id, earlier_batch_id) in ((%s, %s), (%s, %s))",
            (check_id, one, other, other, one),
        )
        found: Any = self._cursor.fetchone()
        return "" if found is None else str(found["remark"])

    def check_between(self, by: int, found: Mapping[int, list[Standing]], days: Days) -> str:
        """The check by which a list that disputes another is withheld."""
        return next((s.check_id for s in found[by] if s.is_withheld and s.days.shares(days)), self._checks[0].id)

    def cells(self, claim: Claim, column: str) -> Cells:
        """Rows of a list by unit and value of a column."""
        if (claim.batch_id, column) not in self._cells:
            table = f"raw.{quoted(self._batch.subject.table)}"
            unit = quoted(self._batch.resource.unit_column or column)
            self._cursor.execute(
                f"select {unit} as unit, {quoted(column)}::text as value, count(*) as n from {table} "
                f"where batch_id = %s and {unit} is not null group by 1, 2",
                (claim.batch_id,),
            )
            read: list[Any] = self._cursor.fetchall()
            self._cells[claim.batch_id, column] = {(row["unit"], row["value"]): row["n"] for row in read}
        return self._cells[claim.batch_id, column]

    def _known(self) -> None:
        """Comparisons that were made before."""
        self._cursor.execute(
            "select batch_id, earlier_batch_id, check_id, is_success, observed is not null as is_comparable, columns "
            "from ops.comparison where batch_id = any(%s) and check_id = any(%s) and fingerprint = %s",
            ([r["batch_id"] for r in self.rows], [check.id for check in self._checks], self._fingerprint),
        )
        read: list[Any] = self._cursor.fetchall()
        by_pair: dict[tuple[int, int], dict[str, Any]] = defaultdict(dict)
        for row in read:
            by_pair[row["batch_id"], row["earlier_batch_id"]][row["check_id"]] = row
        for pair, by_check in by_pair.items():
            if len(by_check) == len(self._checks):
                self._compared[pair] = self._as_row(by_check)

    def _as_row(self, by_check: Mapping[str, Any]) -> _Row:
        differs = {}
        for check in self._checks:
            row = by_check[check.id]
            if not row["is_success"]:
                days = row["columns"] or dict.fromkeys(check.withheld_columns, EVERY_DAY)
                differs[check.id] = {column: _days_of(text) for column, text in days.items()}
        return _Row(differs, any(row["is_comparable"] for row in by_check.values()))

    def _between(self, later: int, earlier: int) -> _Row:
        if (later, earlier) not in self._compared:
            place = self._places[later]
            on = replace(
                self._batch.subject,
                batch_id=later, period_start=place["period_start"], period_end=place["period_end"], against=earlier,
                has_rows_taken_out=place["audited_at"] is not None and place["rows_quarantined"] > 0,
            )  # fmt: skip
            by_check = {}
            for check, kind in self._kinds:
                self._cursor.execute(kind.named(on))
                now: Any = self._cursor.fetchone()
                by_check[check.id] = {**now, "is_comparable": now["observed"] is not None}
                self._cursor.execute(
                    "insert into ops.comparison (batch_id, earlier_batch_id, check_id, fingerprint, is_success, "
                    "observed, remark, columns) values (%s, %s, %s, %s, %s, %s, %s, %s) "
                    "on conflict (batch_id, earlier_batch_id, check_id) do update set "
                    "fingerprint = excluded.fingerprint, is_success = excluded.is_success, "
                    "observed = excluded.observed, remark = excluded.remark, "
                    "columns = excluded.columns",
                    (later, earlier, check.id, self._fingerprint, now["is_success"], now["observed"],
                     now["remark"] or "", None if now["columns"] is None else Json(now["columns"])),
                )  # fmt: skip
            self._compared[later, earlier] = self._as_row(by_check)
        return self._compared[later, earlier]


def _withhold(
    cursor: Cursor, lists: _Lists, batch_id: int, check: Check, withheld: Mapping[str, Sequence[Standing]]
) -> bool:
    stretches = [s for parts in withheld.values() for s in parts]
    days = {column: _text(s.days for s in parts) for column, parts in withheld.items() if parts}
    reason = check.reason
    if stretches and (against := stretches[0].against) is not None:
        reason = " ".join([reason, _withheld_because(lists, batch_id, against, check, is_open=stretches[0].is_open)])
    return withhold(cursor, batch_id, check, days, reason)


def _withheld_because(lists: _Lists, batch_id: int, against: int, check: Check, *, is_open: bool) -> str:
    """What was measured and against which list, and what stands: never which of the two is wrong."""
    measured = lists.remark(batch_id, against, check.id)
    other = lists.stated_on(against)
    return f"It differs from the list of {other}{f' ({measured})' if measured else ''}; " + (
        "which of them is right is not known, and the one stated first stays in use."
        if is_open
        else "others agree with that one, or a person decided."
    )


def _note_result(cursor: Cursor, batch: Batch, batch_id: int, check: Check, *, is_success: bool, measured: str) -> None:
    """A new result of the check, where the ledger says otherwise; `measured` against the list that it differs from."""
    cursor.execute(
        "insert into ops.check_result (batch_id, suite, check_id, check_type, column_name, severity, reason, "
        "is_success, element_count, detail) "
        "select %(batch)s, %(suite)s, %(check)s, %(type)s, %(column)s, 'withhold', %(reason)s, %(is_success)s, "
        "last.element_count, coalesce(nullif(%(measured)s, ''), last.detail) "
        "from (select * from ops.check_result r where r.batch_id = %(batch)s and r.check_id = %(check)s "
        "      order by r.check_result_id desc limit 1) last "
        "where last.is_success <> %(is_success)s "
        "or (not %(is_success)s and %(measured)s not in ('', last.detail))",
        {
            "batch": batch_id, "suite": batch.suite_name, "check": check.id, "type": check.type, "column": check.column,
            "reason": check.reason, "is_success": is_success, "measured": measured,
        },
    )  # fmt: skip


def _mark(
    cursor: Cursor,
    lists: _Lists,
    batch_id: int,
    disputed: Iterable[tuple[str, int, str, Days]],
    checks: Mapping[str, Check],
) -> None:
    """Make the marks of a batch what they should be; what was marked stays with the instant at which it ended."""
    wanted = {}
    for column, by, check_id, days in disputed:
        first = None if days.first == ALWAYS.first else days.first
        last = None if days.until == ALWAYS.until else date.fromordinal(days.until.toordinal() - 1)
        measured = lists.remark(by, batch_id, check_id)
        what = f" ({measured})" if measured else ""
        reason = (
            f"{checks[check_id].reason} The list of {lists.stated_on(by)} differs{what}; which of them is right is not "
            "known, and this one was stated first."
        )
        wanted[column, by, check_id, first, last] = reason
    cursor.execute(
        "select disputed_column_id, column_name, disputed_by, check_id, unit_start, unit_end, reason "
        "from ops.disputed_column where batch_id = %s and until is null",
        (batch_id,),
    )
    marked: list[Any] = cursor.fetchall()
    for row in marked:
        key = row["column_name"], row["disputed_by"], row["check_id"], row["unit_start"], row["unit_end"]
        if wanted.get(key) == row["reason"]:
            del wanted[key]
        else:
            cursor.execute(
                "update ops.disputed_column set until = ops.stamp() where disputed_column_id = %s",
                (row["disputed_column_id"],),
            )
    for (column, by, check_id, first, last), reason in wanted.items():
        cursor.execute(
            "insert into ops.disputed_column (batch_id, column_name, disputed_by, check_id, reason, unit_start, "
            "unit_end) values (%s, %s, %s, %s, %s, %s, %s)",
            (batch_id, column, by, check_id, reason, first, last),
        )


def _days_of(text: str) -> tuple[Days, ...]:
    """The stretches of a `datemultirange` as PostgreSQL writes it."""
    found = []
    for part in text.strip("{}").replace("),[", ")|[").replace("),(", ")|(").split("|"):
        if part:
            first, until = part.strip("[()").split(",")
            found.append(
                Days(
                    date.fromisoformat(first) if first else ALWAYS.first,
                    date.fromisoformat(until) if until else ALWAYS.until,
                )
            )
    return tuple(found)


def _text(stretches: Iterable[Days]) -> str:
    """Stretches as a `datemultirange`."""
    parts = [
        f"[{'' if days.first == ALWAYS.first else days.first},{'' if days.until == ALWAYS.until else days.until})"
        for days in stretches
    ]
    return "{" + ",".join(part.replace("[,", "(,") for part in parts) + "}"
