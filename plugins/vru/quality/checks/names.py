"""Types of checks of a code beside its name: the code decides, and a name is a witness only where it speaks of another.

An area may be renamed, merged with its neighbours or spelled otherwise; its code stays. So a name that nobody knows
says nothing against a code. One that is known to be another code's does: cells have moved against each other.
"""

# ruff: noqa: ARG002, S608 # not every type needs all that it is given; every name is a contract's, every figure a suite's

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from vru.contracts import ContractError, Resource, load_contract
from vru.contracts.values import SharedValues, shared_values
from vru.quality.checks.base import BetweenCheck, Pct, TextColumn
from vru.quality.checks.sql import literal, quoted
from vru.quality.checks.subject import Subject
from vru.spelling import compared

Reference = Annotated[dict[str, str], Field(min_length=1)]
"""Where codes and their names are known from: `feed`, `resource`, and the columns `code` and `name` there."""

_PARTS = {"feed", "resource", "code", "name"}


class _CodeBesideName(BetweenCheck):
    """What both types share: which names a code is known by, and which rows are judged."""

    level = "between periods"
    column: TextColumn
    name: TextColumn
    strip: str = ""
    values: str | None = None
    reference: Reference | None = None

    def misfits(self, resource: Resource) -> Iterator[str]:
        """Columns, a list of areas without codes, and a reference that no contract has."""
        yield from super().misfits(resource)
        if self.values is not None:
            try:
                if not self._listed().codes:
                    yield f"feeds/values/{self.values}.yml gives no codes; draw it from a seed, or leave 'values' out"
            except ValueError as error:
                yield str(error)
        if self.reference is not None:
            yield from self._misfits_of_reference(self.reference)

    def _misfits_of_reference(self, named: dict[str, str]) -> Iterator[str]:
        if set(named) != _PARTS:
            yield f"'reference' must name {', '.join(sorted(_PARTS))}, and nothing else"
            return
        try:
            columns = {column.name for column in load_contract(named["feed"]).resource(named["resource"]).columns}
        except (ContractError, KeyError):
            yield f"'reference' names {named['feed']}.{named['resource']}, which no contract declares; correct it"
            return
        for part in ("code", "name"):
            if named[part] not in columns:
                yield f"'reference' names column '{named[part]}', which {named['feed']} has not; correct it"

    def judged(self, on: Subject) -> str:
        """SQL of a WITH clause that ends in `judged`: records of the batch by code and name, and what they are.

        `differs`: the code is not known by this name. `contradicts`: the name is known to be another code's, or that
        of another listed area. Known is what the reference says of a code; of one that it has not, what the vintage and
        the period before said; of one that is new, the name that most records of the batch have, if that is new, too.
        Where areas are listed, no record is judged of which neither code nor name is one of theirs.
        """
        code, name = quoted(self.column), quoted(self.name)
        pairs = f"ops.compared({code}) as code, ops.compared({name}) as name"
        return f"""
            with h as (
                select {on.earlier()} as batch_id
                union select p.batch_id from ops.earlier_periods({on.batch:d}, 1) p
            ),
            said as materialized (
                select batch_id, {pairs}, sum(n)::bigint as n
                from (
                    select r.batch_id, r.{code}, r.{name}, count(*) as n
                    from {on.compared} r
                    where r.batch_id = {on.batch:d} or r.batch_id in (select batch_id from h)
                    group by 1, 2, 3
                ) r
                where {code} is not null and {name} is not null
                group by 1, 2, 3
            ),
            reference as materialized ({self._reference()}),
            before as (
                select distinct s.code, s.name from said s
                where s.batch_id <> {on.batch:d} and s.code not in (select r.code from reference r)
            ),
            own as (
                select distinct on (s.code) s.code, s.name from said s
                where s.batch_id = {on.batch:d}
                  and s.code not in (select r.code from reference r union select b.code from before b)
                  and s.name not in (select r.name from reference r union select b.name from before b)
                order by s.code, s.n desc, s.name
            ),
            known as materialized (
                select k.code, k.name, {self._area("k.name")} as area
                from (select * from reference union select * from before union select * from own) k
            ),
            of_code as materialized (
                select code, array_agg(name) as names, array_agg(area) filter (where area is not null) as areas
                from known group by code
            ),
            of_name as materialized (select name, array_agg(code) as codes from known group by name),
            judged as (
                select s.n, s.differs,
                       s.differs and (s.code <> all(s.codes) or s.area <> all(s.areas)) is true as contradicts
                from (
                    select s.n, s.code, s.area, c.areas, n.codes,
                           case when c.code is null then n.name is not null else s.name <> all(c.names) end as differs
                    from (select said.*, {self._area("said.name")} as area from said where batch_id = {on.batch:d}) s
                    left join of_code c on c.code = s.code
                    left join of_name n on n.name = s.name
                    where {"true" if self.values is None else "c.areas is not null or s.area is not null"}
                ) s
            )
        """

    def _reference(self) -> str:
        if self.reference is None:
            return "select null::text as code, null::text as name where false"
        named = self.reference
        table = f"{quoted('raw')}.{quoted(load_contract(named['feed']).raw_table(named['resource']))}"
        return f"""
            select distinct ops.compared(r.{quoted(named["code"])}) as code,
                   ops.compared(r.{quoted(named["name"])}) as name
            from {table} r join ops.batch b on b.batch_id = r.batch_id
            where b.status = 'admitted' and b.feed = {literal(named["feed"])}
              and r.{quoted(named["code"])} is not null and r.{quoted(named["name"])} is not null
        """

    def _area(self, name: str) -> str:
        """The listed area that a name as compared stands for, by its code; null for any other."""
        if self.values is None:
            return "null::text"
        listed = self._listed()
        cases = " ".join(
            f"when {literal(compared(spelling))} then {literal(code)}"
            for value, code in listed.codes.items()
            for spelling in (value, *listed.spellings[value])
        )
        return f"case ops.trimmed(regexp_replace({name}, {literal(self.strip)}, '', 'i')) {cases} end"

    def _listed(self) -> SharedValues:
        return shared_values(str(self.values))


class CodeKeepsItsName(_CodeBesideName):
    """At most `max_pct` per cent of the records have a code beside a name that it is not known by.

    Known are the names in `reference` (feed, resource, code, name), else those of the vintage and the period before,
    else the one that most records of the batch have. With `values`, a list of areas in `feeds/values/`, only records of
    these areas are judged; `strip` is a regular expression cut from a name to have its area. It holds again where the
    names of more than `up_to_pct` per cent are another code's, which `between_periods.code_beside_another_name` says.
    """

    called = "between_periods.code_keeps_its_name"
    severities = ("warning",)
    max_pct: Pct = 0
    up_to_pct: Pct = 100

    def limit(self, on: Subject) -> str:
        """The share."""
        return f"at most {self.max_pct:g} %"

    def statement(self, on: Subject) -> str:
        """Records whose code has another name than is known, and no more than that."""
        return f"""{self.judged(on)}
            select coalesce(d.pct <= {literal(self.max_pct)} or d.other_pct > {literal(self.up_to_pct)}, true), d.n,
                   coalesce(d.pct || ' % of ' || d.total || ' records have a code beside a new name',
                            'nothing to judge by')
            from (
                select sum(n) filter (where differs)::numeric as n, sum(n) as total,
                       round(100.0 * coalesce(sum(n) filter (where differs), 0) / nullif(sum(n), 0), 2) as pct,
                       100.0 * coalesce(sum(n) filter (where contradicts), 0) / nullif(sum(n), 0) as other_pct
                from judged
            ) d
        """


class CodeBesideAnotherName(_CodeBesideName):
    """At most `max_pct` per cent of the records have a code beside a name that is known to be another code's.

    A name that is not known says nothing against a code. Parameters as for `between_periods.code_keeps_its_name`.
    """

    called = "between_periods.code_beside_another_name"
    max_pct: Pct = 1

    def limit(self, on: Subject) -> str:
        """The share."""
        return f"at most {self.max_pct:g} %"

    def statement(self, on: Subject) -> str:
        """Records whose name is known to be another code's."""
        return f"""{self.judged(on)}
            select coalesce(d.pct <= {literal(self.max_pct)}, true), d.n,
                   coalesce(d.pct || ' % of ' || d.total || ' records have a code beside the name of another one',
                            'nothing to judge by')
            from (
                select sum(n) filter (where contradicts)::numeric as n, sum(n) as total,
                       round(100.0 * coalesce(sum(n) filter (where contradicts), 0) / nullif(sum(n), 0), 2) as pct
                from judged
            ) d
        """
