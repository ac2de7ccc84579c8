"""The property itself: the selection function says of every history what the plain rule says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache
from itertools import combinations, pairwise, permutations
from random import Random

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from psycopg2.extensions import connection as Connection
from vru.warehouse.engine import raw_connection

from tests.warehouse.histories import bulk
from tests.warehouse.histories.bulk import Moment
from tests.warehouse.histories.model import COUNTS, Current, described
from tests.warehouse.histories.strategies import END, History, Hold, Lift, Receive, Release, Withdraw, histories

AT_ONCE = 60
"""Histories that stand in the database side by side."""
MOMENTS = 12
"""Random pairs of K and W at which each of them is read, beside those that every history is read at."""


def check_histories(most: int, *, starting_from: int | None = None) -> Counter[str]:
    """Compare random histories, the same in every run; how many distinct ones were an instance of what.

    They follow from the strategy's own code, or from the number `starting_from`. Raises AssertionError with the
    smallest history found of which the function says other than the rule.
    """
    drawn = draw_histories(most, starting_from)
    with closing(raw_connection("migrator")) as connection:
        for moments, together in side_by_side(drawn):
            if wrong := differences(connection, together, moments):
                sound = {history.told() for history in drawn} - wrong.keys()

                def alone(history: History, sound: set[str] = sound, moments: list[Moment] = moments) -> None:
                    if history.told() not in sound:
                        for words in differences(connection, [history], moments).values():
                            raise AssertionError(words)

                _for_each(alone, most, starting_from)
                raise AssertionError("\n".join(wrong.values()))
    return Counter(name for history in drawn for name in features(history))


@cache
def draw_histories(most: int, starting_from: int | None) -> Sequence[History]:
    """Distinct histories, fewer than `most`."""
    drawn: dict[str, History] = {}
    _for_each(lambda history: drawn.setdefault(history.told(), history), most, starting_from)
    return list(drawn.values())


def side_by_side(drawn: Sequence[History]) -> Iterator[tuple[list[Moment], Sequence[History]]]:
    """As many as are written at once, and the moments at which each of them is read."""
    for number, start in enumerate(range(0, len(drawn), AT_ONCE)):
        yield random_moments(number), drawn[start : start + AT_ONCE]


def _for_each(work: Callable[[History], object], most: int, starting_from: int | None) -> None:
    """Draw histories; the first on which `work` fails is made as small as can be."""

    def once(history: History) -> None:
        work(history)

    configured = settings(
        max_examples=most, deadline=None, database=None, derandomize=starting_from is None,
        verbosity=Verbosity.quiet, report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    run = configured(given(histories())(once))
    (run if starting_from is None else seed(starting_from)(run))()


def random_moments(number: int) -> list[Moment]:
    """Now, before everything and after it, and some in between, which are instants of events as often as not."""
    random = Random(number)  # the same ones in every run
    instants = [None, *range(END + 1)]
    drawn = [(random.choice(instants), random.choice(instants)) for _ in range(MOMENTS)]
    return list(dict.fromkeys([(None, None), (0, None), (None, 0), (END, END), *drawn]))


def differences(
    connection: Connection, together: Sequence[History], moments: Sequence[Moment], change: str = ""
) -> dict[str, str]:
    """The histories of which the function says other than the rule, each with the first difference in words.

    `change` is SQL that is run before. Nothing stays in the database.
    """
    feeds = {f"history_{place}": history for place, history in enumerate(together)}
    try:
        with connection.cursor() as cursor:
            cursor.execute(change or "select")
        bulk.declare(connection, feeds)
        found = bulk.current(connection, moments, bulk.write(connection, feeds))
    finally:
        connection.rollback()
    wrong: dict[str, str] = {}
    for (feed, moment), rows in found.items():
        if words := difference(feeds[feed], moment, rows):
            wrong.setdefault(feeds[feed].told(), words)
    return wrong


def difference(history: History, moment: Moment, rows: Sequence[Current]) -> str:
    """How what the function says of a history at a moment differs from the rule; '' if it does not."""
    expected = history.ledger.current(*moment)
    if Counter(rows) == Counter(expected):
        return ""
    return "\n".join(
        [
            history.told(), f"at K = {moment[0]}, W = {moment[1]} the rule says",
            *(f"  {line}" for line in described(expected)), "and ops.current_input says",
            *(f"  {line}" for line in described(rows)),
        ]
    )  # fmt: skip


def features(history: History) -> set[str]:
    """What a history is an instance of, so that a test can tell that no kind is missing."""
    ledger, resource = history.ledger, history.resource
    events, deliveries, batches = history.events, ledger.deliveries, ledger.batches
    received = [event for event in events if isinstance(event, Receive)]
    contents = [delivery.content for delivery in deliveries]
    vintages = [delivery.vintage_at for delivery in deliveries]
    pairs = list(combinations(deliveries, 2))
    parses = [(a.parse, b.parse) for a, b in combinations(batches, 2) if a.content != b.content]
    later = [b for a, b in combinations(batches, 2) if a.content == b.content and a.version < b.version]
    ranges = [(a.period, b.period) for a, b in parses if a.partition == b.partition and a.period and b.period]
    children = [batch for batch in batches if batch.content.of]
    batch_of = {batch.number: batch for batch in batches}
    children_of_now = [row for row in ledger.current() if row.of]
    shown = {
        "histories": True,
        f"mode {resource.mode}": True,
        f"grain {resource.grain}": True,
        "a repeat is only an attempt": len(received) > len(deliveries),
        "a content is stated again at another date": len(set(contents)) < len(contents),
        "a content returns (A, B, A)": any(a == c != b for a, b, c in combinations(contents, 3)),
        "a late arrival": any(a > b for a, b in pairwise(vintages)),
        "a date of the future": any(event.vintage_at == END for event in received),
        "two contents of one vintage": any(a.vintage_at == b.vintage_at for a, b in pairs),
        "one vintage, two lines": any(a.vintage_at == b.vintage_at and a.line != b.line for a, b in pairs),
        "one vintage, one line": any((a.vintage_at, a.line) == (b.vintage_at, b.line) for a, b in pairs),
        "ranges that overlap": any(a != b and a[0] <= b[1] and b[0] <= a[1] for a, b in ranges),
        "a shorter range inside another": any(a[0] <= b[0] and b[1] <= a[1] and a != b for a, b in ranges),
        "two partitions": len({batch.parse.partition for batch in batches}) > 1,
        "a replay": bool(later),
        "a replay counts": any(batch.status == COUNTS for batch in later),
        "a replay that reads another period": any(
            a.content == b.content and a.parse.period != b.parse.period for a, b in combinations(batches, 2)
        ),
        "a key is removed": any(batch.parse.removes for batch in batches),
        "taken back": any(isinstance(event, Withdraw) for event in events),
        "held again": any(isinstance(event, Hold) for event in events),
        "counts again": any([s for _, s in batch.statuses].count(COUNTS) > 1 for batch in batches),
        "released": any(isinstance(event, Release) for event in events),
        "withheld": any(batch.withheld for batch in batches),
        "lifted by its check": any(isinstance(event, Lift) and event.check for event in events),
        "lifted by a person": any(isinstance(event, Lift) and not event.check for event in events),
        "withheld again": any(len({c for c, _, _ in b.withheld}) < len(b.withheld) for b in batches),
        "rows and a column from two batches": any(
            row.column
            and other.column == ""
            and row.batch != other.batch
            and (row.of, *row[2:6]) == (other.of, *other[2:6])
            for row, other in permutations(ledger.current(), 2)
        ),
        "children": bool(children),
        "children come with their record": any(children_of_now),
        "children that are gone with the next delivery": any(
            row.key not in batch_of[row.batch].parse.holds for row in children_of_now
        ),
        "children withdrawn with their record": any(
            key in batch.parse.holds and key in other.parse.removes and key not in {row.key for row in children_of_now}
            for batch in children
            for other in batches
            if not other.content.of
            for key in "klm"
        ),
    }
    return {name for name, is_so in shown.items() if is_so}
