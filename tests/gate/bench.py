"""Damages a sound file, lets the gate judge it, and says what came of it.

Rows are parsed and loaded once. A damage is applied in SQL to loaded rows, as a batch of its own in a transaction that
is rolled back; the audit that then runs is the platform's own, with the checks' own SQL (`vru.quality.runner`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, Literal

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor
from vru.contracts import load_contract
from vru.quality import runner
from vru.quality.audit import _audit
from vru.quality.batch import Batch, load_batch
from vru.quality.checks.base import Expectation, Outcome
from vru.quality.checks.sql import quoted
from vru.quality.suites import Check, load_feed_suite
from vru.quality.verdict import stored_verdict

from tests.faults.suite import mentions
from tests.gate.damages import Damage, identity
from tests.gate.subject import SOUND, Subject, open_

Situation = Literal["vintage", "history", "announced", "first"]
SITUATIONS: dict[Situation, str] = {
    "vintage": "an earlier vintage is admitted",
    "history": "12 earlier periods are admitted, none of this one",
    "announced": "a first delivery, with a manifest or the source's count",
    "first": "a first delivery, with nothing beside it",
}
ENOUGH_PERIODS = 12
DAMAGED = "damaged"
"""The temporary table of the rows of one damage."""
SWEPT_EVERY = 40
WHOLE_PCT = 10.0
SMALL_PCT = 2.0


@dataclass(frozen=True)
class Judged:
    """What the gate said of one batch."""

    is_held: bool
    failed: dict[str, str]
    """Checks that failed, with their severity."""
    withheld: frozenset[str]
    columns: dict[str, frozenset[str]]
    """Columns that a failed check names by itself."""
    is_mended: bool
    """What is left counts exactly what the sound file counts."""


@dataclass
class Result:
    """One damage in one situation, as the tables count it."""

    world: str
    feed: str
    subject: str
    situation: str
    kind: str
    on: str
    size: str
    share_pct: float
    """Rows that the damage took, added or changed, of those of the sound file."""
    year_pct: float
    """The same of the year that it befell most, in a list of persons."""
    size_class: str
    is_whole: bool
    witness: str
    outcome: str
    is_right: bool
    by: list[str] = field(default_factory=list)

    @property
    def is_found(self) -> bool:
        """Held, the column withheld, or put right."""
        return self.outcome in ("held", "withheld", "mended")


class Bench:
    """A state folder whose sound files are damaged, through one connection."""

    def __init__(self, connection: Connection, world: str, today: date) -> None:
        self.connection, self.world, self.today = connection, world, today
        self._undone_count = 0

    def subjects(self, feed: str, least_rows: int = 0) -> Iterator[Subject]:
        """Every admitted file of a feed, newest last, each opened when its turn comes."""
        contract = load_contract(feed)
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                "select b.batch_id, b.resource, b.partition, to_char(v.period_start, 'YYYY-MM'), v.vintage_at::date::text "
                "from ops.batch b join ops.batch_vintage v using (batch_id) where b.feed = %s and b.status = 'admitted' "
                "and b.rows_parsed >= %s order by b.resource, b.partition, v.vintage_at, b.batch_id",
                (feed, least_rows),
            )
            found = cursor.fetchall()
        for batch_id, resource, partition, period, stated in found:
            declared = contract.resource(resource)
            label = period if declared.delivery == "period" else f"of {stated[:7]}"
            subject = Subject(self.world, contract, declared, partition, label or "", batch_id, [])
            with self.connection, self.connection.cursor() as cursor:
                cursor.execute(
                    "select column_name from information_schema.columns where table_schema = 'raw' and table_name = %s "
                    "and column_name not in ('batch_id', 'line_number', 'part') order by ordinal_position",
                    (contract.raw_table(resource),),
                )
                subject.columns = [name for (name,) in cursor.fetchall()]
                cursor.execute(
                    "select ops.earlier_sound_batch(%s, ''), (select count(*) from ops.earlier_periods(%s, 24))",
                    (batch_id, batch_id),
                )
                subject.earlier, subject.periods = cursor.fetchone() or (None, 0)
                cursor.execute(
                    "select o.batch_id, o.partition <> b.partition from ops.batch b join ops.batch o using (feed, resource) "
                    "where b.batch_id = %s and o.status = 'admitted' and (o.partition <> b.partition "
                    "or o.period_start <> b.period_start) order by o.period_start is distinct from b.period_start, "
                    "o.rows_parsed desc",
                    (batch_id,),
                )
                for other, is_partner in cursor.fetchall():
                    if is_partner or declared.delivery == "period":
                        subject.others.setdefault("partner" if is_partner else "period", other)
            yield subject

    def situations(self, subject: Subject) -> list[Situation]:
        """Those in which the file can be put."""
        found: list[Situation] = ["vintage", "announced", "first"]
        if subject.resource.delivery == "period" and subject.periods >= ENOUGH_PERIODS:
            found.insert(1, "history")
        return found

    def results(self, subject: Subject, damages: Sequence[Damage], situations: Sequence[Situation]) -> Iterator[Result]:
        """Each damage in each situation."""
        before: dict[tuple[Situation, bool], Judged] = {}
        suite = load_feed_suite(subject.contract.feed).resources[subject.resource.name]
        checks = {check.id: check for check in suite.checks}
        for damage in damages:
            share, year, has_fewer = self._make(subject, damage)
            if share == 0:
                continue
            size_class = _class_of(subject, share, year)
            for situation in situations:
                if situation == "announced" and not has_fewer:
                    continue
                now = self.judged(subject, damage, situation, is_made=True)
                stands = (situation, damage.is_on_newer)
                if stands not in before:
                    before[stands] = self.judged(subject, replace(identity(subject), is_on_newer=stands[1]), situation)
                    self._make(subject, damage)
                outcome, right, by = _compared(subject, damage, before[stands], now, checks)
                yield Result(
                    self.world, subject.contract.feed, subject.name, situation, damage.kind, damage.on, damage.size,
                    round(share, 2), round(year, 1), size_class, damage.is_whole,
                    witness(subject, damage, situation, checks, has_fewer=has_fewer), outcome, right, by,
                )  # fmt: skip

    def judged(self, subject: Subject, damage: Damage, situation: Situation, *, is_made: bool = False) -> Judged:
        """What the audit says of the damaged file in a situation; nothing of it stays."""
        if not is_made:
            self._make(subject, damage)
        with self._undone() as cursor:
            cursor.execute("set local enable_nestloop = off")  # as `audit` does
            _set(cursor, subject, situation, is_on_newer=damage.is_on_newer)
            batch_id = _deliver(cursor, subject, damage, situation)
            outcomes: dict[str, Outcome] = {}

            def kept(cursor: Any, batch: Batch, wanted: Sequence[Expectation]) -> dict[str, Outcome]:
                outcomes.update(runner.run(cursor, batch, wanted))
                return outcomes

            _audit(cursor, load_batch(cursor, batch_id, self.today), kept)
            verdict = stored_verdict(cursor, batch_id)
            named = {
                check_id: frozenset(columns)
                for check_id, outcome in outcomes.items()
                if (columns := getattr(outcome, "columns", None)) is not None
            }
            is_held = verdict.status == "held"
            return Judged(
                is_held, {f.check_id: f.severity for f in verdict.failed}, frozenset(verdict.withheld), named,
                not is_held and _is_as_sound(cursor, subject, batch_id),
            )  # fmt: skip

    def _make(self, subject: Subject, damage: Damage) -> tuple[float, float, bool]:
        """Write the damaged rows aside: share of rows touched, of the year touched most, and whether their number is another."""
        names = ", ".join(map(quoted, subject.columns))
        year = subject.year or "0"
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("set local enable_nestloop = off")  # a damage's own tables have no statistics yet
            cursor.execute(f"drop table if exists {DAMAGED}")
            cursor.execute(f"create temporary table {DAMAGED} as {damage.sql}")
            cursor.execute(f"analyze {DAMAGED}")
            cursor.execute(
                f"with s as (select coalesce({year}, 0) as y, md5(row({names})::text) as row, count(*) as n from {SOUND} group by 1, 2), "
                f"d as (select coalesce({year}, 0) as y, md5(row({names})::text) as row, count(*) as n from {DAMAGED} group by 1, 2), "
                "c as (select y, sum(coalesce(s.n, 0)) as rows, sum(greatest(coalesce(s.n, 0) - coalesce(d.n, 0), 0)) as lost, "
                "sum(greatest(coalesce(d.n, 0) - coalesce(s.n, 0), 0)) as came "
                "from s full join d using (y, row) group by y) "
                "select 100.0 * greatest(sum(lost), sum(came)) / greatest(sum(rows), 1), "
                "max(100.0 * greatest(lost, came) / rows) filter (where rows > 0), sum(lost) <> sum(came) from c"
            )
            share, worst, has_other_number = cursor.fetchone() or (0, 0, False)
        is_of_persons = subject.contract.row_is_person and subject.year
        return float(share or 0), float(worst or 0) if is_of_persons else 0.0, bool(has_other_number)

    @contextmanager
    def _undone(self) -> Iterator[Any]:
        """A transaction that is rolled back."""
        with self.connection.cursor(cursor_factory=RealDictCursor) as cursor:
            try:
                yield cursor
            finally:
                self.connection.rollback()
        self._undone_count += 1
        if self._undone_count % SWEPT_EVERY == 0:
            self._sweep()

    def _sweep(self) -> None:
        """What was rolled back still lies in the tables, and every scan would pass it."""
        self.connection.autocommit = True
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("vacuum")
        finally:
            self.connection.autocommit = False


def _class_of(subject: Subject, share: float, year: float) -> str:
    if share >= WHOLE_PCT or year >= 50:
        return "large"
    return "small" if share >= SMALL_PCT else "tiny"


def _set(cursor: Any, subject: Subject, situation: Situation, *, is_on_newer: bool) -> None:
    """Take out of the way what is not there in the situation."""
    mine = (subject.contract.feed, subject.resource.name, subject.partition)
    hold = "update ops.batch b set status = 'held', admitted_at = null where b.status = 'admitted' and b.feed = %s and b.resource = %s"
    if situation in ("first", "announced"):
        cursor.execute(hold, mine[:2])
    elif situation == "history":
        cursor.execute(
            f"{hold} and b.partition = %s and b.period_start >= (select period_start from ops.batch where batch_id = %s)",
            (*mine, subject.batch_id),
        )
    else:
        # what real vintages do lies between this file and the one before it; where there is none, it comes a second time
        later = ">" if subject.earlier is None or is_on_newer else ">="
        cursor.execute(
            f"{hold} and b.partition = %s and (b.period_start is not distinct from (select period_start from ops.batch "
            "where batch_id = %s) or %s) and b.batch_id in (select v.batch_id from ops.batch_vintage v "
            f"join ops.batch_vintage s on s.batch_id = %s and v.vintage_at {later} s.vintage_at)",
            (*mine, subject.batch_id, subject.resource.delivery == "snapshot", subject.batch_id),
        )


def _deliver(cursor: Any, subject: Subject, damage: Damage, situation: Situation) -> int:
    """The damaged rows as a parsed batch, stated after everything that stands."""
    names = ", ".join(map(quoted, subject.columns))
    unit = subject.unit
    fake = hashlib.sha256(f"{subject.name} {damage.name}".encode()).hexdigest()
    span = (
        f"min({quoted(unit)}), (max({quoted(unit)}) + interval '1 month' - interval '1 day')::date"
        if unit
        else "null::date, null::date"
    )
    cursor.execute(
        f"""
        with
        d as (select count(distinct ord) as records, {span} from {DAMAGED}),
        span (records, first, last) as (select * from d),
        old as (select * from ops.batch where batch_id = %(sound)s),
        c as (
            insert into ops.content (feed, resource, partition, period_start, period_end, sha256)
            select o.feed, o.resource, c.partition, c.period_start, c.period_end, %(fake)s
            from old o join ops.content c using (content_id) returning *
        ),
        s as (
            insert into ops.delivery (content_id, vintage_at, vintage_source, received_at, manifest_rows, is_whole, source_url, file_name, size_bytes)
            select c.content_id, now.at, 'received', now.at, case when %(announced)s then o.rows_parsed end, true, 'test', o.file_name, 1
            from c, old o, (select ops.stamp() as at) now
        )
        insert into ops.batch (content_id, feed, resource, sha256, partition, period_start, period_end, contract_version, status,
                               file_name, rows_parsed, mandatory_cells, blank_cells, headers, warnings)
        select c.content_id, o.feed, o.resource, %(fake)s, o.partition, coalesce(span.first, o.period_start),
               coalesce(span.last, o.period_end), o.contract_version, 'parsed', o.file_name, span.records, 0, 0, o.headers, o.warnings
        from c, old o, span
        returning batch_id
        """,
        {"sound": subject.batch_id, "fake": fake, "announced": situation == "announced"},
    )
    batch_id = int(cursor.fetchone()["batch_id"])
    cursor.execute(
        f"insert into {subject.table} (batch_id, line_number, part, {names}) select %s, ord, part, {names} from {DAMAGED}",
        (batch_id,),
    )
    return batch_id


def _is_as_sound(cursor: Any, subject: Subject, batch_id: int) -> bool:
    """Whether the rows that are left are those of the sound file, in any order."""
    names = ", ".join(map(quoted, subject.columns))
    cursor.execute(
        f"select not exists (select 1 from (select md5(row({names})::text) as row, "
        f"count(*) filter (where batch_id = %s) as now, count(*) filter (where batch_id = %s) as before "
        f"from {subject.table} where batch_id in (%s, %s) group by 1) r where now <> before) as same",
        (batch_id, subject.batch_id, batch_id, subject.batch_id),
    )
    return bool(cursor.fetchone()["same"])


def _compared(
    subject: Subject, damage: Damage, before: Judged, now: Judged, checks: dict[str, Check]
) -> tuple[str, bool, list[str]]:
    """What came of the damage, whether a right cause is named, and the checks that failed only for it."""
    new = [check_id for check_id in now.failed if check_id not in before.failed]
    touched = {name for column in damage.columns for name in (*subject.beside(column), column)}
    withheld = now.withheld - before.withheld
    right = [c for c in new if _names(subject, damage, touched, c, checks, now)]
    if now.is_held and not before.is_held:
        return "held", bool(right), new
    if withheld or touched & now.withheld:
        return "withheld", bool(right) or bool(touched & now.withheld), new or sorted(now.withheld)
    if now.is_mended:
        return "mended", True, new
    if new:
        return "warned", bool(right), new
    return "missed", False, []


def _names(
    subject: Subject, damage: Damage, touched: set[str], check_id: str, checks: dict[str, Check], now: Judged
) -> bool:
    """Whether a failed check is about what was damaged."""
    check = checks.get(check_id)
    if not damage.columns:
        # a check of rows as a whole, of their key or of one that came from elsewhere
        return (
            check is None
            or not check.is_on_rows
            or check.type == "expect_key_to_be_unique"
            or damage.kind == "rows mixed in"
        )
    if check is None:  # the quarantine's own: rows of the damaged column were at fault
        return True
    said = now.columns.get(check_id)
    if said is not None:
        # where cells of the key moved, it is the others that seem to differ
        return bool(touched & said) or bool(touched & set(subject.resource.key))
    entry = check.model_dump(mode="json")
    return any(mentions(entry, column) for column in touched) or any(
        mentions(entry, subject.partner(column)) for column in damage.columns if subject.partner(column)
    ) or (check.type == "expect_key_to_be_unique" and bool(touched & set(subject.resource.key)))  # fmt: skip


def witness(
    subject: Subject, damage: Damage, situation: Situation, checks: dict[str, Check], *, has_fewer: bool
) -> str:
    """What else says how the rows should be; empty where nothing does, in words of the contract and the ledger."""
    if situation == "vintage":
        return "earlier vintage"
    if situation == "announced" and has_fewer:
        return "announced rows"
    if not damage.columns:
        if subject.resource.key and "doubled" in damage.kind:
            return "key"
        if damage.kind == "rows doubled" and subject.repeated_pct < 5:
            return "repeated rows"
        return ""
    if any(_is_total(check, column) for check in checks.values() for column in damage.columns):
        return "control total" if not (damage.is_whole and damage.kind.startswith("numbers")) else ""
    pairs = [c for c in damage.columns if subject.partner(c) and not set(damage.columns) >= {c, subject.partner(c)}]
    is_one_to_one = damage.kind == "codes shifted" and damage.is_whole
    if any(_is_told_by_name(subject, column, is_one_to_one=is_one_to_one) for column in pairs):
        return "code with its name"
    return ""


def _is_total(check: Check, column: str) -> bool:
    """Whether the check adds the column up with others."""
    said = f"{check.where or ''} {check.query or ''}"
    return (
        bool(re.search(rf"\b{column}\b", said)) and bool(re.search(r"\bsum\(|_count \+", said)) and "lag(" not in said
    )


def _is_told_by_name(subject: Subject, column: str, *, is_one_to_one: bool) -> bool:
    """Whether the code repeats beside its name, unless all moved alike, or a register lists both."""
    pair = (column, subject.partner(column))
    code = next(name for name in pair if name.endswith("_code"))
    return subject.has_register(code) or (subject.facts[code].distinct * 2 < subject.rows and not is_one_to_one)


def natural(connection: Connection, subject: Subject) -> list[str]:
    """How much sound files of its kind differ by themselves, in words for the tables."""
    found = []
    names = ", ".join(map(quoted, subject.columns))
    with connection, connection.cursor() as cursor:
        if subject.periods >= ENOUGH_PERIODS:
            cursor.execute(
                "select round(min(p.pct), 1), round(max(p.pct), 1), count(*) from ops.batch b cross join lateral ("
                "select 100.0 * (b.rows_parsed - m.middle) / m.middle as pct from (select percentile_cont(0.5) within group "
                "(order by h.row_count)::numeric as middle, count(*) as n from ops.earlier_periods(b.batch_id, 12) h) m "
                "where m.n >= 6 and m.middle > 0) p where b.feed = %s and b.resource = %s and b.partition = %s "
                "and b.status = 'admitted'",
                (subject.contract.feed, subject.resource.name, subject.partition),
            )
            least, most, count = cursor.fetchone() or (None, None, 0)
            found.append(f"rows of a period against the median of those before: {least} to {most} % ({count} periods)")
        if subject.earlier is not None and subject.year:
            rows = f"select {subject.year} as y, md5(row({names})::text) as row, count(*) as n from {{}} where batch_id = %s group by 1, 2"
            cursor.execute(
                f"with s as ({rows.format(subject.table)}), e as ({rows.format(subject.table)}), "
                "c as (select y, sum(coalesce(e.n, 0)) as before, sum(coalesce(s.n, 0)) as after, "
                "sum(greatest(coalesce(e.n, 0) - coalesce(s.n, 0), 0)) as lost, "
                "sum(greatest(coalesce(s.n, 0) - coalesce(e.n, 0), 0)) as came from s full join e using (y, row) group by y) "
                "select round(max(100.0 * abs(after - before) / before) filter (where y < (select max(y) - 2 from c where before > 0)), 1), "
                "sum(lost), sum(came) filter (where before > 0), sum(before) from c where before > 0",
                (subject.batch_id, subject.earlier),
            )
            moved, lost, came, before = cursor.fetchone() or (None, None, None, None)
            found.append(
                f"against the vintage before: an older year moves at most {moved} %; of {before} rows {lost} are gone "
                f"or worded otherwise, {came} came"
            )
    return found


def as_row(result: Result) -> dict[str, Any]:
    """For a file of results."""
    return asdict(result)


__all__ = ["SITUATIONS", "Bench", "Judged", "Result", "Situation", "as_row", "natural", "open_", "witness"]
