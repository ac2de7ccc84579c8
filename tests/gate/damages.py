"""The catalogue of damages: each a function of a sound file and its contract, and of no feed.

A damage is a SELECT of the rows that would have been read from the damaged file: it has `ord` (which becomes the line),
`part` and every column of raw. What can only be seen in bytes (headers, quoting, a cut inside a line) is in `in_bytes.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from vru.quality.checks.sql import literal, quoted

from tests.gate.subject import SOUND, Subject

SHARES = (("3 %", 0.03), ("10 %", 0.10))
MOST_PAIRS = 4
"""Pairs of columns of one type that are swapped in one file."""
MOST_COLUMNS = 12
"""Columns of one file on which a damage of columns is tried."""


@dataclass(frozen=True)
class Damage:
    """One damage of one file."""

    kind: str
    on: str
    """The column, the unit or the other file that it is about; empty for the rows as a whole."""
    size: str
    sql: str
    columns: tuple[str, ...] = ()
    """Columns whose cells are damaged; none where rows came or went."""
    is_whole: bool = False
    """It befalls the whole delivery."""
    is_on_newer: bool = False
    """It comes when the sound file itself is admitted."""

    @property
    def name(self) -> str:
        """Short, unique within a file."""
        return ", ".join(filter(None, (self.kind, self.on, self.size)))


Kind = Callable[[Subject], Iterator[Damage]]
CATALOGUE: list[Kind] = []


def _kind(function: Kind) -> Kind:
    CATALOGUE.append(function)
    return function


def all_of(subject: Subject) -> list[Damage]:
    """Every damage that this file can have."""
    return [damage for kind in CATALOGUE for damage in kind(subject)]


def identity(subject: Subject) -> Damage:
    """The sound rows themselves, to see what the gate says of them in the same situation."""
    return Damage("sound", "", "", rows(subject))


def rows(
    subject: Subject,
    where: str = "true",
    *,
    by: Mapping[str, str] | None = None,
    ord_: str = "ord",
    source: str = SOUND,
) -> str:
    """Rows of the file that satisfy a condition, with some columns replaced."""
    given = dict(by or {})
    columns = ", ".join(f"{given.get(name, quoted(name))} as {quoted(name)}" for name in subject.columns)
    return f"select {ord_} as ord, part, {columns} from {source} where {where}"


def _again(subject: Subject, where: str) -> str:
    return f"{rows(subject)} union all {rows(subject, where, ord_=f'ord + {_END}')}"


_END = f"(select max(ord) from {SOUND})"


def _units(subject: Subject) -> Iterator[tuple[str, str]]:
    """Name and condition of a year, a month and two areas, a small and the largest."""
    if subject.old_year is not None:
        yield "a year", f"{subject.year} = {subject.old_year}"
        if subject.unit:
            yield "a month", f"{quoted(subject.unit)} = date '{subject.old_year}-06-01'"
    if subject.area:
        top = subject.facts[subject.area].top
        small = min(top, key=lambda found: abs(found[1] - 0.03 * subject.rows))
        for value in dict.fromkeys((top[0][0], small[0])):
            size = "the largest area" if value == top[0][0] else "an area"
            yield size, f"{quoted(subject.area)} = {literal(value)}"


@_kind
def rows_doubled(subject: Subject) -> Iterator[Damage]:
    """All rows, or some, stand in the file twice."""
    for size, share in SHARES:
        yield Damage("rows doubled", "", size, _again(subject, f"h < {share}"))
    yield Damage("rows doubled", "", "all", _again(subject, "true"), is_whole=True)


@_kind
def unit_doubled(subject: Subject) -> Iterator[Damage]:
    """A year, a month or an area stands in it twice."""
    for size, where in _units(subject):
        yield Damage("unit doubled", "", size, _again(subject, where))


@_kind
def half_a_unit_lost(subject: Subject) -> Iterator[Damage]:
    """Of a year, a month or an area half is lost."""
    for size, where in _units(subject):
        yield Damage(
            "half of a unit lost", "", size, rows(subject, f"not (({where}) and h < 0.5) or ({where}) is null")
        )


@_kind
def one_value_left(subject: Subject) -> Iterator[Damage]:
    """Rows of only one value of a category are left."""
    for column in subject.categories[:MOST_COLUMNS]:
        is_kept = f"{quoted(column.name)} = {_value(subject, column.name, 0)}"
        yield Damage("one value left", column.name, "all", rows(subject, is_kept), is_whole=True)
        for size, where in _units(subject):
            if size in ("a year", "the largest area") and column.name != subject.area:
                yield Damage("one value left", column.name, size, rows(subject, f"not ({where}) or ({is_kept})"))


@_kind
def value_lost(subject: Subject) -> Iterator[Damage]:
    """All rows of one value are lost: of a rare, a common and the commonest one."""
    for column in subject.categories[:MOST_COLUMNS]:
        top = subject.facts[column.name].top
        sizes = {
            size: min(top, key=lambda found, s=share: abs(found[1] - s * subject.rows))[0] for size, share in SHARES
        }
        lost = {"most": top[0][0]} | {size: value for size, value in sizes.items() if value != top[0][0]}
        for size, value in lost.items():
            where = f"{quoted(column.name)}::text is distinct from {literal(value)}"
            yield Damage("value lost", column.name, size, rows(subject, where))


def _from_half(subject: Subject) -> tuple[str, str]:
    """From a given year on, or in the second half of the file."""
    if subject.old_year is not None:
        return "from a year", f"{subject.year} >= {subject.old_year}"
    return "from half", f"ord > (select percentile_disc(0.5) within group (order by ord) from {SOUND})"


def _where(subject: Subject) -> list[tuple[str, str]]:
    return [*((size, f"h < {share}") for size, share in SHARES), _from_half(subject), ("all", "true")]


def _value(subject: Subject, column: str, nth: int) -> str:
    """The nth most frequent value of a column, as an SQL literal of its type."""
    return f"{literal(subject.facts[column].top[nth][0])}::{subject.resource.column(column).sql_type}"


@_kind
def column_of_one_value(subject: Subject) -> Iterator[Damage]:
    """A column says the same in every row, or in some."""
    for column in subject.described[: 2 * MOST_COLUMNS]:
        if column.type == "json" or column.month_of or subject.facts[column.name].distinct < 2:
            continue
        value = _value(subject, column.name, 0)
        for size, where in _where(subject):
            by = {
                n: f"case when {where} then {_like(subject, n, value)} else {quoted(n)} end"
                for n in subject.beside(column.name)
            }
            yield Damage("column of one value", column.name, size, rows(subject, by=by), (column.name,), size == "all")


def _like(subject: Subject, column: str, value: str) -> str:
    """The value for a column that goes with it."""
    found = next((c for c in subject.resource.columns if c.name == column), None)
    if found is not None and found.month_of:
        return f"date_trunc('month', ({value}) at time zone 'Europe/London')::date"
    return value


@_kind
def column_blank(subject: Subject) -> Iterator[Damage]:
    """A column that may be blank is so in every row, or in some."""
    for column in subject.described[: 2 * MOST_COLUMNS]:
        if column.nullable and not column.month_of:
            for size, where in _where(subject):
                by = {n: f"case when {where} then null else {quoted(n)} end" for n in subject.beside(column.name)}
                yield Damage("column blank", column.name, size, rows(subject, by=by), (column.name,), size == "all")


@_kind
def cells_shuffled(subject: Subject) -> Iterator[Damage]:
    """The cells of one column stand beside other rows."""
    for column in subject.described[:MOST_COLUMNS]:
        if column.month_of or subject.facts[column.name].distinct < 2:
            continue
        for size, share in (*SHARES, ("all", 1.0)):
            together = subject.beside(column.name)
            by = {n: f"case when m.ord is null then s.{quoted(n)} else m.{quoted(n)} end" for n in together}
            own = ", ".join(f"{by.get(n, f's.{quoted(n)}')} as {quoted(n)}" for n in subject.columns)
            moved = ", ".join(f"d.{quoted(n)}" for n in together)
            ranked = f"select *, row_number() over (order by ord, part) as i, row_number() over (order by md5(h::text)) as j from {SOUND} where h < {share}"
            sql = (
                f"with r as ({ranked}), m as (select o.ord, o.part, {moved} from r o join r d on d.j = o.i) "
                f"select s.ord, s.part, {own} from {SOUND} s left join m on (m.ord, m.part) = (s.ord, s.part)"
            )
            yield Damage("cells shuffled", column.name, size, sql, (column.name,), size == "all")


@_kind
def columns_swapped(subject: Subject) -> Iterator[Damage]:
    """Two columns of one type have changed places."""
    plain = [c for c in subject.described if not c.month_of and c.values is None and c.type != "json"]
    pairs = [(a, b) for a, b in itertools.combinations(plain, 2) if a.type == b.type]
    pairs.sort(key=lambda pair: plain.index(pair[1]) - plain.index(pair[0]))
    for a, b in pairs[:MOST_PAIRS]:
        for size, share in (*SHARES, ("all", 1.0)):
            where = f"h < {share} and {quoted(a.name)} is not null and {quoted(b.name)} is not null"
            by = {
                x: f"case when {where} then {quoted(y)} else {quoted(x)} end"
                for x, y in ((a.name, b.name), (b.name, a.name))
            }
            yield Damage(
                "columns swapped", f"{a.name} and {b.name}", size, rows(subject, by=by), (a.name, b.name), size == "all"
            )


@_kind
def codes_shifted(subject: Subject) -> Iterator[Damage]:
    """Each code is the next one, as where a column was sorted by itself or filled down."""
    for column in subject.codes[:MOST_COLUMNS]:
        name = quoted(column.name)
        following = (
            f"(select {name} as code, coalesce(lead({name}) over (order by {name}), first_value({name}) over (order by {name})) "
            f"as following from (select distinct {name} from {SOUND} where {name} is not null) c)"
        )
        for size, share in (*SHARES, ("all", 1.0)):
            by = {column.name: f"case when h < {share} then f.following else {name} end"}
            sql = rows(subject, by=by, source=f"{SOUND} left join {following} f on f.code = {name}")
            yield Damage("codes shifted", column.name, size, sql, (column.name,), size == "all")


@_kind
def rows_lost(subject: Subject) -> Iterator[Damage]:
    """Only some of the rows came: a tenth, or all up to a line."""
    yield Damage("a tenth of the rows", "", "all", rows(subject, "h < 0.1"), is_whole=True)
    for size, share in (("half", 0.5), ("nine tenths", 0.9), ("all but 3 %", 0.97)):
        end = f"(select percentile_disc({share}) within group (order by ord) from {SOUND})"
        yield Damage("cut at a line end", "", size, rows(subject, f"ord <= {end}"))


@_kind
def older_list(subject: Subject) -> Iterator[Damage]:
    """An older list comes under a new date: the last one, or the same without its last year."""
    if subject.earlier is not None and subject.resource.delivery == "snapshot":
        names = ", ".join(map(quoted, subject.columns))
        sql = f"select line_number as ord, part, {names} from {subject.table} where batch_id = {subject.earlier:d}"
        yield Damage("older list", "the one before", "all", sql, is_whole=True, is_on_newer=True)
    if len(subject.years) > 2:
        until = rows(subject, f"{subject.year} < {subject.years[-1]}")
        yield Damage("older list", "without its last year", "a year", until, is_on_newer=True)


@_kind
def rows_mixed_in(subject: Subject) -> Iterator[Damage]:
    """Rows of another partner or another period stand in it, too."""
    names = ", ".join(map(quoted, subject.columns))
    for whose, batch_id in subject.others.items():
        for size, share in (*SHARES, ("half", 0.5)):
            most = max(1, round(share * subject.rows))
            more = (
                f"select * from (select line_number + {_END} as ord, part, {names} from {subject.table} "
                f"where batch_id = {batch_id:d} order by line_number, part limit {most:d}) m"
            )
            yield Damage("rows mixed in", f"of another {whose}", size, f"{rows(subject)} union all {more}")


@_kind
def numbers_scaled(subject: Subject) -> Iterator[Damage]:
    """Figures ten times as high, or in thousands."""
    for column in subject.numbers[:MOST_COLUMNS]:
        name = quoted(column.name)
        in_thousands = f"round({name} / 1000.0)::bigint" if column.type == "integer" else f"{name} / 1000"
        for kind, scaled in (("numbers times ten", f"{name} * 10"), ("numbers in thousands", in_thousands)):
            for size, share in (*SHARES, ("all", 1.0)):
                by = {column.name: f"case when h < {share} then {scaled} else {name} end"}
                yield Damage(kind, column.name, size, rows(subject, by=by), (column.name,), size == "all")
