"""Moves what passed disclosure control from the marts into `publish`, in one transaction, as role publisher.

What may leave stands in `tables/*.yml`; nothing here knows a feed or a definition. Tables of the build in use have
their plain name; those of a past build (schema `asof_20210601`) carry its name behind two underscores, so that a past
report never meets the present figures. The same input gives the same tables and adds nothing to the ledger.
"""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json, execute_values

from vru.contracts import Contract
from vru.disclosure import family, releases, rules, shapes
from vru.disclosure.exemption import Evidence, Release
from vru.disclosure.family import Family, Withheld, protect_family
from vru.disclosure.policy import Policy, load_policy
from vru.disclosure.readers import publisher, rows
from vru.disclosure.recounts import evidence as evidence_for
from vru.disclosure.shapes import Fact, Key, Row
from vru.disclosure.specification import Specification, load_specifications
from vru.landing import Landing
from vru.statistics import level
from vru.statistics.judged import Judged, judge
from vru.warehouse import locks

READERS = ("analyst", "analyst_restricted", "report_reader")


@dataclass(frozen=True)
class Published:
    """What one run did. ``is_new`` is false where the content of every table stood already.

    ``withheld`` are tables that were not shown, with the reason.
    """

    row_counts: Mapping[str, int]
    content_sha256: str
    is_new: bool
    exempt_cells: int
    protected_cells: int
    hidden_cells: int
    withheld: Mapping[str, Withheld]

    @property
    def fell_short(self) -> list[str]:
        """One line for each table that is withheld because the marts contradict the publisher."""
        return [
            f"publish.{name}: withheld: {why.reason}"
            for name, why in self.withheld.items()
            if why.kind == family.DISAGREES
        ]


@dataclass(frozen=True)
class _Content:
    """The rows of every table, and of each row which count it shows; what a later release must know of them."""

    tables: Mapping[str, list[Row]]
    keys: Mapping[str, list[Key | None]]
    exact: Mapping[Key, int | None]
    withheld: Mapping[str, Withheld]


def publish(
    *,
    landing: Landing,
    contracts: Mapping[str, Contract],
    schema: str = "marts",
    specifications: Mapping[str, Specification] | None = None,
    author: str | None = None,
) -> Published:
    """Publish every specified table of the build in ``schema``; ``author`` is who has it done.

    Raises SpecificationError, WarehouseError, psycopg2.Error, and what landing and parsing raise when landed bytes
    cannot be read.
    """
    policy = load_policy()
    specs = load_specifications() if specifications is None else specifications
    with publisher(f"publish {schema}") as connection:
        with connection.cursor() as cursor:
            # Held by the session, so that the snapshot of the work is taken after the publisher before has committed.
            locks.take(cursor, locks.PUBLISH)
        connection.commit()
        content = _content(connection, schema, policy, specs, landing, contracts)
        return _write(connection, schema, policy, specs, content, author or getpass.getuser())


def table_name(table: str, schema: str = "marts") -> str:
    """Name in schema `publish` of ``table`` for the build in ``schema``."""
    return table if schema == "marts" else f"{table}__{schema}"


def _content(
    connection: Connection,
    schema: str,
    policy: Policy,
    specs: Mapping[str, Specification],
    landing: Landing,
    contracts: Mapping[str, Contract],
) -> _Content:
    facts = {name: _facts(connection, schema, spec) for name, spec in specs.items() if spec.is_measured}
    feeds = {f.definition_id: f.source_feed for found in facts.values() for f in found}
    definitions = sorted({d for spec in specs.values() for d in spec.measures})
    evidence = {
        d: evidence_for(connection, schema, policy, landing, contracts, d, feeds[d])
        if d in feeds
        else Evidence(None, policy, {}, {}, {})
        for d in definitions
    }
    leaving = {name: shapes.exact(specs[name], found) for name, found in facts.items()}
    known_totals = [name for name in leaving if specs[name].shape == "areas"]
    earlier = releases.earlier_cells(connection, definitions)
    protected = protect_family(leaving, known_totals, evidence, earlier, policy)
    withheld = dict(protected.withheld)
    for name, spec in specs.items():  # what is made of a table falls with it
        if spec.of in withheld:
            withheld[name] = withheld[spec.of]
    made = _Making(connection, schema, policy, specs, facts, leaving, evidence, protected, withheld)
    tables = {name: made.rows(spec) for name, spec in specs.items() if spec.shape not in ("provenance", "withheld")}
    for name, spec in specs.items():
        if spec.shape == "provenance":
            tables[name] = _provenance(made.used, policy)
        elif spec.shape == "withheld":
            tables[name] = [{"table_name": t, "kind": w.kind, "reason": w.reason} for t, w in sorted(withheld.items())]
        if spec.shape != "boundaries":
            for row in tables[name]:
                row["policy_version"] = policy.policy_version
    # A withheld table showed nothing that a later release could be compared with.
    keys = {
        name: [None if name in withheld else key for key in made.keys.get(name, [None] * len(found))]
        for name, found in tables.items()
    }
    return _Content(tables, keys, {f.key: f.count for found in leaving.values() for f in found}, withheld)


@dataclass
class _Making:
    """Makes the rows of each table, and remembers the releases behind them."""

    connection: Connection
    schema: str
    policy: Policy
    specs: Mapping[str, Specification]
    facts: Mapping[str, Sequence[Fact]]
    leaving: Mapping[str, Sequence[Fact]]
    evidence: Mapping[str, Evidence]
    family: Family
    withheld: Mapping[str, Withheld]

    def __post_init__(self) -> None:
        self.used: dict[str, list[Release | None]] = {}
        self.keys: dict[str, list[Key | None]] = {}
        self.done: dict[str, list[Row]] = {}
        self.judged: dict[str, Judged] = {}

    def rows(self, spec: Specification) -> list[Row]:
        """The rows of one table; none of one that disagrees with the publisher's file."""
        if spec.shape == "boundaries":
            return self._boundaries(str(spec.area_kind))
        why = self.withheld.get(spec.table)
        found: list[Row] = []
        if why is None or why.kind != family.DISAGREES:
            found = getattr(self, f"_{spec.shape}")(spec)
        self.done[spec.table] = found
        return found

    def _cells(self, name: str) -> Mapping[Key, rules.Cell]:
        """The cells of a table; markers where it is withheld."""
        mine = {f.key: self.family.cells[f.key] for f in self.leaving[name]}
        if name not in self.withheld:
            return mine
        return {
            k: rules.Cell(None) if c.value is None and not c.is_suppressed else rules.hidden(self.policy)
            for k, c in mine.items()
        }

    def _series(self, spec: Specification) -> list[Row]:
        leaving = self.leaving[spec.table]
        breaks = self._breaks(spec.measures[0])
        found = shapes.series(spec, leaving, self._cells(spec.table), breaks, self._judged(spec))
        return self._with_origin(spec, found, leaving)

    def _areas(self, spec: Specification) -> list[Row]:
        found = shapes.areas(
            spec, self.facts[spec.table], self._cells(spec.table), is_withheld=spec.table in self.withheld
        )
        return self._with_origin(spec, found, self.leaving[spec.table])

    def _cross(self, spec: Specification) -> list[Row]:
        found = shapes.cross(spec, self.leaving[spec.table], self._cells(spec.table))
        by_key = {f.key: f for f in self.leaving[spec.table]}
        behind = []
        for row in found:
            key = (row["definition_id"], row["area_code"], row["period_start"], row["period_end"])
            behind.append(by_key.get(key) if not row["margin"] else None)
        return self._with_origin(spec, found, behind)

    def _sums(self, spec: Specification) -> list[Row]:
        source = self.specs[str(spec.of)]
        facts = self.leaving[source.table]
        found = shapes.sums(
            facts, self._cells(source.table), self._population(source), self.evidence[source.measures[0]]
        )
        behind = []
        for row in found:
            parts = [f for f in facts if f.period_start.year == row["period_start"].year and f.count is not None]
            behind.append(replace(parts[0], period_end=parts[-1].period_end))
        rows_ = self._with_origin(spec, found, behind)
        self.keys[spec.table] = [None] * len(rows_)  # sums of what is visible tell nothing more
        return rows_

    def _total(self, spec: Specification) -> list[Row]:
        source = self.specs[str(spec.of)]
        measure = source.measures[0]
        monthly = [
            f
            for name, found in self.leaving.items()
            if self.specs[name].shape == "series" and self.specs[name].measures == source.measures
            and self.specs[name].period_kind == "month" and name not in self.withheld
            for f in found
        ]  # fmt: skip
        return shapes.total(spec, self.done[source.table], monthly, self.facts[source.table], self.evidence[measure])

    def _verdict(self, spec: Specification) -> list[Row]:
        source = self.specs[str(spec.of)]
        return shapes.verdict(
            self.leaving[source.table], self.done[source.table], self._judged(source), self._compared(source)
        )

    def _level(self, spec: Specification) -> list[Row]:
        source = self.specs[str(spec.of)]
        return shapes.levels(
            self.leaving[source.table], self.done[source.table], self._judged(source), self._compared(source)
        )

    def _steps(self, spec: Specification) -> list[Row]:
        source = self.specs[str(spec.of)]
        return shapes.step_rows(self.leaving[source.table], self.done[source.table], self._judged(source))

    def _judged(self, source: Specification) -> Judged:
        """What is said of a series, worked out once."""
        if source.table not in self.judged:
            breaks = self._breaks(source.measures[0])
            self.judged[source.table] = (
                shapes.judge_series(self.leaving[source.table], breaks) if source.period_kind == "month" else judge([])
            )
        return self.judged[source.table]

    def _compared(self, source: Specification) -> level.Level | str:
        """The newest years of a series against those in which the review begins."""
        estimates: dict[str, dict[int, int]] = {}
        for residents, mid_year, series in self._population(source).values():
            if mid_year is not None:
                estimates.setdefault(series or "", {})[mid_year] = residents
        return level.level(self._judged(source).series, estimates)

    def _with_origin(self, spec: Specification, found: list[Row], behind: Sequence[Fact | None]) -> list[Row]:
        """Name the release behind each row; of a restricted feed only that there is one."""
        used = []
        for row, f in zip(found, behind, strict=True):
            release = self.evidence[f.definition_id].release_of(f.months, f.place) if f else None
            used.append(release)
            row["source_feed"] = f.source_feed if f else self._feed(row.get("definition_id", ""))
            row["release_sha256"] = release.sha256 if release and not release.personal_data else None
            row["release_vintage_at"] = release.vintage_at if release else None
        self.used[spec.table] = used
        self.keys[spec.table] = [f.key if f else None for f in behind]
        return found

    def _feed(self, definition: str) -> str:
        return next(f.source_feed for found in self.facts.values() for f in found if f.definition_id == definition)

    def _population(self, source: Specification) -> dict[int, tuple[int, int, str]]:
        """Of the area of a series, by calendar year: residents, mid-year and series of the estimate."""
        areas = sorted({f.area_code for f in self.leaving[source.table]})
        return {
            r["period_start"].year: (r["population_count"], r["population_year"], r["population_series"])
            for r in _rows(
                self.connection,
                self.schema,
                "select period_start, population_count, population_year, population_series from {}.mart_measure "
                "where definition_id = %s and is_headline and period_kind = 'calendar_year' and area_code = any(%s) "
                "and population_count is not null",
                (source.measures[0], areas),
            )
        }

    def _breaks(self, definition: str) -> list[shapes.SeriesBreak]:
        return [
            shapes.SeriesBreak(r["break_date"], r["end_date"], r["title"], r["is_real_change"])
            for r in _rows(
                self.connection,
                self.schema,
                "select break_date, end_date, title, is_real_change from {}.dim_series_break "
                "where %s = any(definition_ids) order by break_date, break_id",
                (definition,),
            )
        ]

    def _boundaries(self, area_kind: str) -> list[Row]:
        """Newest vintage of the boundaries of a kind of area; empty where the build has none."""
        if not rows(self.connection, "select to_regclass(%s) as found", (f"{self.schema}.dim_area_boundary",))[0][
            "found"
        ]:
            return []
        return _rows(
            self.connection,
            self.schema,
            "select area_code, area_name, vintage, geometry from {0}.dim_area_boundary where area_kind = %s "
            "and vintage = (select max(vintage) from {0}.dim_area_boundary where area_kind = %s) order by area_code",
            (area_kind, area_kind),
        )


def _facts(connection: Connection, schema: str, spec: Specification) -> list[Fact]:
    """The headline figures that a table is made of."""
    return [
        Fact(
            r["definition_id"], r["source_feed"], r["area_kind"], r["area_code"], r["area_name"], r["period_start"],
            r["period_end"], r["value_count"], r["population_count"], r["population_series"],
            bool(r["is_provisional"]), r["null_reason"],
        )
        for r in _rows(
            connection,
            schema,
            "select definition_id, source_feed, area_kind, area_code, area_name, period_start, period_end, "
            "value_count, population_count, population_series, is_provisional, null_reason from {}.mart_measure "
            "where definition_id = any(%s) and is_headline and area_kind = %s and period_kind = %s "
            "order by definition_id, area_code, period_start",
            (spec.measures, spec.area_kind, spec.period_kind),
        )
    ]  # fmt: skip


def _provenance(used: Mapping[str, Sequence[Release | None]], policy: Policy) -> list[Row]:
    """One row for each release behind each table (R12); of a restricted feed neither hash nor name (R12a)."""
    found = []
    for name, behind in sorted(used.items()):
        for release in sorted({r for r in behind if r}, key=lambda r: r.sha256):
            shown = not release.personal_data
            found.append(
                {
                    "table_name": name,
                    "source_feed": release.feed,
                    "release_url": release.url,
                    "file_name": release.file_name if shown else None,
                    "release_sha256": release.sha256 if shown else None,
                    "release_vintage_at": release.vintage_at,
                    "licence": release.licence,
                    "is_open": release.is_open(policy),
                    "release_id": release.sha256 if shown else release.public_id,
                }
            )
    return found


def _write(
    connection: Connection,
    schema: str,
    policy: Policy,
    specs: Mapping[str, Specification],
    content: _Content,
    author: str,
) -> Published:
    """Replace every table and note the release, unless the same content was released last."""
    text = json.dumps(content.tables, sort_keys=True, default=str, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    cells = [
        row
        for name, spec in specs.items()
        if spec.is_measured
        for row in content.tables[name]
        if row["value_count"] is not None or row["is_suppressed"]
    ]
    result = Published(
        row_counts={name: len(found) for name, found in content.tables.items()},
        content_sha256=digest,
        is_new=True,
        exempt_cells=sum(row["is_exempt"] for row in cells),
        protected_cells=sum(not row["is_exempt"] for row in cells),
        hidden_cells=sum(row["is_suppressed"] for row in cells),
        withheld=content.withheld,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "select content_sha256 from publish.release where edition = %s order by release_id desc limit 1",
            (schema,),
        )
        last = cursor.fetchone()
        if last and last[0] == digest and _all_stand(cursor, schema, specs):
            return replace(result, is_new=False)
        for name, spec in specs.items():
            _replace(cursor, spec, table_name(name, schema), content.tables[name])
        if not last or last[0] != digest:
            cursor.execute(
                "insert into publish.release (edition, policy_version, content_sha256, exempt_cells, "
                "protected_cells, hidden_cells, author) values (%s, %s, %s, %s, %s, %s, %s) returning release_id",
                (
                    schema, policy.policy_version, digest, result.exempt_cells, result.protected_cells,
                    result.hidden_cells, author,
                ),
            )  # fmt: skip
            (release_id,) = cursor.fetchone() or (0,)
            for name, found in content.tables.items():
                if specs[name].shape != "boundaries":  # outlines count nobody
                    releases.keep(connection, release_id, name, found, content.keys[name], content.exact)
            execute_values(
                cursor,
                "insert into ops.release_refusal (edition, table_name, kind, reason, policy_version) values %s",
                [(schema, name, w.kind, w.reason, policy.policy_version) for name, w in content.withheld.items()],
            )
    return result


def _all_stand(cursor: Any, schema: str, specs: Mapping[str, Specification]) -> bool:
    for name in specs:
        cursor.execute("select to_regclass(%s)", (f"publish.{table_name(name, schema)}",))
        if cursor.fetchone()[0] is None:
            return False
    return True


def _replace(cursor: Any, spec: Specification, name: str, content: Sequence[Row]) -> None:
    """Make the table afresh: a changed column then needs no migration, and readers see old or new, never half."""
    target = sql.Identifier("publish", name)
    cursor.execute(sql.SQL("drop table if exists {}").format(target))
    cursor.execute(spec.layout.create_sql(name))
    columns = [column.name for column in spec.layout.columns]
    if content:
        execute_values(
            cursor,
            sql.SQL("insert into {} ({}) values %s").format(target, sql.SQL(", ").join(map(sql.Identifier, columns))),
            [[_value(row.get(column)) for column in columns] for row in content],
        )
    cursor.execute(sql.SQL("grant select on {} to {}").format(target, sql.SQL(", ").join(map(sql.Identifier, READERS))))
    cursor.execute(sql.SQL("comment on table {} is %s").format(target), (spec.comment,))
    for column in spec.layout.columns:
        cursor.execute(
            sql.SQL("comment on column {} is %s").format(sql.Identifier("publish", name, column.name)),
            (column.comment,),
        )


def _value(value: Any) -> Any:
    return Json(value) if isinstance(value, (dict, list)) else value


def _rows(connection: Connection, schema: str, text: str, values: Any = None) -> list[dict[str, Any]]:
    return rows(connection, sql.SQL(text).format(sql.Identifier(schema)), values)
