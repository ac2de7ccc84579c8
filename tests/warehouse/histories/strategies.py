"""Random histories of one resource: what partners send, in any order, and what the platform and people do with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, partial
from itertools import product
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.warehouse.histories.model import (
    COUNTS,
    OF_CHILDREN,
    Batch,
    Content,
    Ledger,
    Parse,
    Period,
    Resource,
    following,
)

T = TypeVar("T")

TICKS = 3
"""Instants of one step: it is received, parsed, decided about."""
MOST_STEPS = 10
END = MOST_STEPS * TICKS + 1
"""An instant after everything; 0 is before everything."""

COLUMNS = ("borough", "method")
CHECKS = ("share_shift", "no_value_vanished")
FIRST_DAYS = {
    "day": date(2024, 2, 28),
    "month": date(2021, 11, 1),
    "quarter": date(2021, 7, 1),
    "year": date(2019, 1, 1),
}
"""Four units from here on pass the end of a February, of a year, and of a leap year."""


@dataclass(frozen=True)
class Receive:
    """A partner states a content; undated where `vintage_at` is None."""

    at: int
    content: Content
    vintage_at: int | None
    line: int | None


@dataclass(frozen=True)
class ParseContent:
    """A content is parsed under a contract version: read, or rejected."""

    at: int
    batch: int
    content: Content
    version: int
    parse: Parse
    is_rejected: bool


@dataclass(frozen=True)
class Audit:
    """The audit of a parsed batch: it passes, with columns withheld by checks, or is held."""

    at: int
    batch: int
    is_held: bool
    withheld: tuple[tuple[str, str], ...] = ()
    """Column and check."""


@dataclass(frozen=True)
class Admit:
    """A batch that passed, or that later checks found sound again, counts."""

    at: int
    batch: int


@dataclass(frozen=True)
class Release:
    """A person lets a held batch count."""

    at: int
    batch: int


@dataclass(frozen=True)
class Withdraw:
    """A person takes a batch back."""

    at: int
    batch: int


@dataclass(frozen=True)
class Hold:
    """A check between vintages, run again, holds a batch that counted until now."""

    at: int
    batch: int


@dataclass(frozen=True)
class Withhold:
    """A check between vintages, run again, withholds a column."""

    at: int
    batch: int
    column: str
    check: str


@dataclass(frozen=True)
class Lift:
    """What a check withheld is lifted by it; by a person (`check` is None) all that keeps the column back."""

    at: int
    batch: int
    column: str
    check: str | None


Event = Receive | ParseContent | Audit | Admit | Release | Withdraw | Hold | Withhold | Lift


@dataclass
class History:
    """The events of one resource, and the ledger that they leave by the model."""

    ledger: Ledger
    events: list[Event] = field(default_factory=list)
    open_withheld: dict[tuple[int, str, str], int] = field(default_factory=dict)
    """Batch, column and check to the place among the batch's withheld columns, while it is not lifted."""
    checks: dict[tuple[int, int], str] = field(default_factory=dict)
    """Batch and place among its withheld columns to the check that withheld it."""
    lifted_by_person: set[tuple[int, str]] = field(default_factory=set)

    @property
    def resource(self) -> Resource:
        """What the contract says."""
        return self.ledger.resource

    def batch(self, number: int) -> Batch:
        """A batch by its number."""
        return self.ledger.batches[number - 1]

    def apply(self, event: Event) -> None:
        """Note an event, and what it does to the ledger."""
        self.events.append(event)
        match event:
            case Receive(at, content, vintage_at, line):
                self.ledger.receive(at, content, vintage_at, line)
            case ParseContent(at, number, content, version, parse, is_rejected):
                status = "rejected" if is_rejected else "parsed"
                self.ledger.batches.append(Batch(number, content, version, parse, [(at, status)]))
            case Audit(at, number, is_held, withheld):
                self.batch(number).audited_at = at
                for column, check in withheld:
                    self._withhold(at, number, column, check)
                if is_held:
                    self.batch(number).statuses.append((at, "held"))
            case Admit(at, number) | Release(at, number):
                self.batch(number).statuses.append((at, COUNTS))
            case Withdraw(at, number):
                self.batch(number).statuses.append((at, "withdrawn"))
            case Hold(at, number):
                self.batch(number).statuses.append((at, "held"))
            case Withhold(at, number, column, check):
                self._withhold(at, number, column, check)
            case Lift(at, number, column, check):
                self._lift(at, number, column, check)

    def _withhold(self, at: int, number: int, column: str, check: str) -> None:
        places = self.batch(number).withheld
        self.open_withheld[number, column, check] = len(places)
        self.checks[number, len(places)] = check
        places.append((column, at, None))

    def _lift(self, at: int, number: int, column: str, check: str | None) -> None:
        if check is None:
            self.lifted_by_person.add((number, column))
        for key in [k for k in self.open_withheld if k[:2] == (number, column) and check in (None, k[2])]:
            place = self.open_withheld.pop(key)
            withheld_column, since, _ = self.batch(number).withheld[place]
            self.batch(number).withheld[place] = (withheld_column, since, at)

    def told(self) -> str:
        """The history in lines, for a message."""
        says = self.resource
        columns = f", may withhold {', '.join(says.withholdable)}" if says.withholdable else ""
        columns += ", with children" * says.has_children
        return "\n".join([f"{says.mode}, grain {says.grain}{columns}", *(f"  {told(event)}" for event in self.events)])


def told(event: Event) -> str:
    """An event in words."""
    match event:
        case Receive(at, content, vintage_at, line):
            dated = "undated" if vintage_at is None else f"vintage {vintage_at}"
            said = f"{at}: receives {content}, {dated}"
            return said if line is None else f"{said}, line {line} of its manifest"
        case ParseContent(at, number, content, version, parse, is_rejected):
            done = "rejects" if is_rejected else f"reads {parse} from"
            return f"{at}: contract {version} {done} {content}: batch {number}"
        case Audit(at, number, is_held, withheld):
            kept = "".join(f", {column} withheld by {check}" for column, check in withheld)
            return f"{at}: batch {number} {'is held' if is_held else 'passes'}{kept}"
        case Admit(at, number):
            return f"{at}: batch {number} counts"
        case Release(at, number):
            return f"{at}: batch {number} is released by a person and counts"
        case Withdraw(at, number):
            return f"{at}: batch {number} is taken back"
        case Hold(at, number):
            return f"{at}: batch {number} counted and is held"
        case Withhold(at, number, column, check):
            return f"{at}: {check} withholds {column} of batch {number}"
        case Lift(at, number, column, check):
            return f"{at}: {check or 'a person'} lifts {column} of batch {number}"


@cache
def units_from(grain: str, first: int, count: int) -> Period:
    """A period of whole units of a grain; of months where the grain is none."""
    grain = "month" if grain == "none" else grain
    starts = [FIRST_DAYS[grain]]
    for _ in range(first + count):
        starts.append(following(starts[-1], grain))
    return starts[first], starts[first + count] - timedelta(days=1)


class Choices:
    """Picks from what is at hand; the first of the options is the simplest, to which a failure is shrunk."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self._draw(_below(len(options)))]


@cache
def _below(size: int) -> st.SearchStrategy[int]:
    return st.integers(0, size - 1)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Up to ten steps: a delivery (parsed and decided about at once, mostly), or what is done to a batch later."""
    choices = Choices(draw)
    history = History(Ledger(_resource(choices)))
    is_stated = choices.pick([False, True])
    for step in range(choices.pick(range(MOST_STEPS + 1))):
        at = step * TICKS + 1
        later = _later(history)
        known = list(dict.fromkeys(batch.content for batch in history.ledger.batches))
        kind = choices.pick(["receive"] * 4 + ["replay"] * bool(known) + sorted(later))
        if kind == "receive":
            content = _content(choices, history.resource, is_stated)
            last = history.ledger.deliveries[-1:] if history.resource.has_children else []
            if last and choices.pick([True, False]):  # the other resource, dated as the last one was
                content = replace(content, of="" if last[0].content.of else OF_CHILDREN)
                history.apply(Receive(at, content, last[0].vintage_at, choices.pick([None, 1, 2])))
            else:
                _receive(choices, history, at, content)
            if content not in known:
                _parse(choices, history, at + 1, content, 1)
        elif kind == "replay":
            content = choices.pick(known)
            newest = max(batch.version for batch in history.ledger.batches if batch.content == content)
            _parse(choices, history, at + 1, content, newest + 1)
        else:
            history.apply(choices.pick(later[kind])(at))
    return history


def _resource(choices: Choices) -> Resource:
    """A mode with a grain that a contract may declare with it."""
    mode = choices.pick(["snapshot", "period", "append", "upsert", "upsert"])
    grains = ["month", "day", "quarter", "year"] + ([] if mode == "period" else ["none"])
    has_children = mode == "upsert" and choices.pick([False, True, True, True])
    return Resource(mode, choices.pick(grains), COLUMNS[: choices.pick(range(3))], has_children)


def _period(choices: Choices, resource: Resource) -> Period | None:
    """One to four units; None where no row told one."""
    first = choices.pick([None, 0, 1, 2, 3])
    return None if first is None else units_from(resource.grain, first, choices.pick(range(1, 5 - first)))


def _content(choices: Choices, resource: Resource, is_stated: bool) -> Content:
    """One of few contents, so that they come again; from one first day on the same bytes cover the same days."""
    text = choices.pick("ABC")
    of = choices.pick(["", OF_CHILDREN]) if resource.has_children else ""
    if not is_stated:
        return Content(text, of=of)
    first = choices.pick(range(4))
    count = choices.pick(range(1, 5 - first))
    return Content(f"{text}{count}", choices.pick(["south", "north"]), units_from(resource.grain, first, count), of)


def _receive(choices: Choices, history: History, at: int, content: Content) -> None:
    """Of a past in which few dates are shared by many, undated, of this instant, or of the future."""
    past = range(0, at, 4)
    vintage_at = choices.pick([*past, *past, None, at, END])
    history.apply(Receive(at, content, vintage_at, choices.pick([None, 1, 2])))


def _parse(choices: Choices, history: History, at: int, content: Content, version: int) -> None:
    """A new batch and, mostly, its audit and admission."""
    resource = history.resource
    may_say = ["holds", ""] if content.of else ["holds", "removes", ""]
    says = {key: choices.pick(may_say) for key in ("klm" if resource.mode == "upsert" else "")}
    partition, period = content.stated
    if partition is None:
        partition, period = choices.pick(["", "north"]), _period(choices, resource)
    number = len(history.ledger.batches) + 1
    end = choices.pick(["admitted"] * 6 + ["held", "rejected", "parsed", "passed"])
    if end == "rejected":  # nothing is read from it
        unread = Parse(content.partition or "", content.period)
        history.apply(ParseContent(at, number, content, version, unread, is_rejected=True))
        return
    read = Parse(
        partition, period, frozenset(key for key in says if says[key] == "holds"),
        frozenset(key for key in says if says[key] == "removes"),
    )  # fmt: skip
    history.apply(ParseContent(at, number, content, version, read, is_rejected=False))
    if end == "parsed":
        return
    withheld = [(column, choices.pick(["", *CHECKS])) for column in resource.withholdable]
    history.apply(Audit(at, number, end == "held", tuple((column, check) for column, check in withheld if check)))
    if end == "admitted":
        history.apply(Admit(at + 1, number))


def _later(history: History) -> dict[str, list[Callable[[int], Event]]]:
    """What may be done to the batches as they stand, by kind; each is made with its instant."""
    found: dict[str, list[Callable[[int], Event]]] = {}

    def add(kind: str, make: Callable[..., Event], **named: Any) -> None:
        found.setdefault(kind, []).append(partial(make, **named))

    for batch in history.ledger.batches:
        number, status = batch.number, batch.status
        is_audited = batch.audited_at is not None
        if status == "parsed" and not is_audited:
            add("audit", Audit, batch=number, is_held=False)
            add("audit", Audit, batch=number, is_held=True)
        elif status in ("parsed", "withdrawn"):
            add("admit", Admit, batch=number)
        elif status == "held":
            add("admit", Admit, batch=number)
            add("release", Release, batch=number)
        elif status == COUNTS:
            add("withdraw", Withdraw, batch=number)
            add("hold", Hold, batch=number)
        if not is_audited:
            continue
        for column, check in product(history.resource.withholdable, CHECKS):
            if (number, column, check) in history.open_withheld:
                add("lift", Lift, batch=number, column=column, check=check)
                add("lift", Lift, batch=number, column=column, check=None)
            elif (number, column) not in history.lifted_by_person:
                add("withhold", Withhold, batch=number, column=column, check=check)
    return found
