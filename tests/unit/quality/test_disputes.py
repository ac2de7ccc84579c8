"""Which of several lists is used where they disagree on a column: the rule by itself, without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from vru.quality.disputes import ALWAYS, Cells, Claim, Days, Difference, standings

UNITS = [date(2020, month, 1) for month in range(1, 7)]
PLACES = ("north", "south", "east")
LIMIT_PCT = 10
CHECK = "shares_shift"


def lists(**moved: int | str) -> dict[str, Cells]:
    """A list by name: the same ten rows a month in three places, so many (or as another has them) moved to the east.

    A text is the name of a list that is copied, with `+` and a month number for each row restated there.
    """
    found: dict[str, Cells] = {}
    for name, said in moved.items():
        if isinstance(said, int):
            cells = Counter({(unit, place): 10 for unit in UNITS for place in PLACES})
            for number in range(said):
                unit = UNITS[number % len(UNITS)]
                cells[unit, "north"] -= 1
                cells[unit, "east"] += 1
            found[name] = cells
        else:
            copied, *months = said.split("+")
            cells = Counter(found[copied])
            for month in months:
                cells[UNITS[int(month) - 1], "north"] += 1
            found[name] = cells
    return found


def shift_pct(one: Cells, other: Cells) -> float:
    """Half the summed absolute change of shares."""
    totals = [sum(cells.values()) for cells in (one, other)]
    by_place = [Counter[str]() for _ in (one, other)]
    for counted, cells in zip(by_place, (one, other), strict=True):
        for (_, place), count in cells.items():
            counted[place] += count  # type: ignore[index]
    return 50 * sum(abs(by_place[0][place] / totals[0] - by_place[1][place] / totals[1]) for place in PLACES)


def settled(
    says: dict[str, Cells],
    *,
    fails: Sequence[str] = (),
    released: Sequence[str] = (),
    differs_in: Days = ALWAYS,
) -> dict[str, str]:
    """How each list stands, in the order given: `used`, `disputed`, `withheld`; parts of the time joined by a bar."""
    names = list(says)
    claims = [
        Claim(number, name, fails=(ALWAYS,) * (name in fails), is_released=name in released)
        for number, name in enumerate(names)
    ]

    def compare(later: Claim, earlier: Claim) -> Difference:
        assert later.batch_id > earlier.batch_id, "later, then earlier"
        is_far = shift_pct(says[names[later.batch_id]], says[names[earlier.batch_id]]) > LIMIT_PCT
        return Difference({CHECK: (differs_in,)} if is_far else {})

    found = standings(claims, compare, lambda claim: says[names[claim.batch_id]])
    return {
        name: "|".join(
            "withheld" if part.is_withheld else "disputed" if part.disputed_by else "used" for part in found[number]
        )
        for number, name in enumerate(names)
    }


def test_the_first_stays_in_use_and_is_disputed() -> None:
    assert settled(lists(a=0, b=40)) == {"a": "disputed", "b": "withheld"}
    assert settled(lists(a=40, b=0)) == {"a": "disputed", "b": "withheld"}


def test_a_later_list_that_agrees_decides() -> None:
    assert settled(lists(a=0, b=40, c=1)) == {"a": "used", "b": "withheld", "c": "used"}
    assert settled(lists(a=0, b=40, c="b+1")) == {"a": "withheld", "b": "used", "c": "used"}


def test_a_copy_of_the_disputed_values_decides_nothing() -> None:
    assert settled(lists(a=0, b=30, c="a")) == {"a": "disputed", "b": "withheld", "c": "disputed"}
    assert settled(lists(a=0, b=30, c="b")) == {"a": "disputed", "b": "withheld", "c": "withheld"}
    says = lists(a=0, b=30)
    elsewhere = Counter(says["b"])
    elsewhere[UNITS[0], "south"] += 2
    assert says["a"][UNITS[0], "south"] == says["b"][UNITS[0], "south"], "a cell of which nobody disputes the value"
    assert settled({**says, "c": elsewhere}) == {"a": "disputed", "b": "withheld", "c": "withheld"}


def test_witnesses_from_before_count_as_those_from_after() -> None:
    assert settled(lists(a=0, c=1, b=40)) == {"a": "used", "c": "used", "b": "withheld"}
    once_decided = lists(a=0, c=1, b=40, d="b+2", e="b+3")
    assert settled(once_decided) == {"a": "used", "c": "used", "b": "withheld", "d": "withheld", "e": "withheld"}


def test_a_first_that_fails_a_check_of_its_own_is_no_more_right_than_the_second() -> None:
    assert settled(lists(a=0, b=40), fails=["a"]) == {"a": "used", "b": "withheld"}, "its own check withholds the first"
    assert settled(lists(a=0, b=40, c="b+1"), fails=["a"]) == {"a": "withheld", "b": "used", "c": "used"}
    assert settled(lists(a=0, b=40), fails=["b"]) == {"a": "used", "b": "withheld"}, "no witness against the first"
    assert settled(lists(a=0, b=40, c="b+1"), fails=["c"])["a"] == "disputed"


def test_a_person_decides() -> None:
    assert settled(lists(a=0, b=40), released=["a"]) == {"a": "used", "b": "withheld"}
    assert settled(lists(a=0, b=40), released=["b"]) == {"a": "withheld", "b": "used"}
    assert settled(lists(a=0, b=40, c="b"), released=["b"]) == {"a": "withheld", "b": "used", "c": "used"}
    assert settled(lists(a=0, b=40), released=["a", "b"]) == {"a": "used", "b": "used"}


def test_three_that_all_differ_leave_the_first_in_use() -> None:
    assert settled(lists(a=0, b=25, c=50)) == {"a": "disputed", "b": "withheld", "c": "withheld"}


def test_only_the_days_that_differ_are_disputed() -> None:
    """On the days on which no check finds a difference, the later list is as good."""
    spring = Days(date(2020, 3, 1), date(2020, 5, 1))
    assert settled(lists(a=0, b=40), differs_in=spring) == {"a": "used|disputed|used", "b": "used|withheld|used"}


def test_lists_without_anything_in_common_are_both_used() -> None:
    claims = [Claim(0, "a"), Claim(1, "b")]
    found = standings(claims, lambda later, earlier: Difference(is_comparable=False), lambda claim: {})
    assert [[part.is_withheld for part in parts] for parts in found.values()] == [[False], [False]]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["", "", "", "fails", "released"])), min_size=1, max_size=7)
)
def test_what_holds_of_every_set_of_lists(drawn: list[tuple[int, str]]) -> None:
    says = lists(**{f"l{number}": moved for number, (moved, _) in enumerate(drawn)})
    fails = [f"l{number}" for number, (_, what) in enumerate(drawn) if what == "fails"]
    released = [f"l{number}" for number, (_, what) in enumerate(drawn) if what == "released"]
    found = settled(says, fails=fails, released=released)
    assert set(found.values()) <= {"used", "disputed", "withheld"}
    assert all(found[name] == "used" for name in released), "a person's word stands"
    assert any(stood != "withheld" for stood in found.values()), "not everything is withheld by the dispute alone"
    if not released:
        # of lists that are in use none disagrees with the one in use before it
        used = [name for name, stood in found.items() if stood != "withheld" and name not in fails]
        for one, other in pairwise(used):
            assert shift_pct(says[one], says[other]) <= LIMIT_PCT
    if all(moved == drawn[0][0] for moved, _ in drawn):
        assert set(found.values()) == {"used"}, "nobody disagrees"
