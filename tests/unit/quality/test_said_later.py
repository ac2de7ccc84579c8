"""What is said of a content after it came is judged with it: in either order the end is the same, and advice that is followed works."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from vru import pipeline
from vru.profile import Source

from tests.unit.quality.conftest import Warehouse, empty

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
FEED = "mps_homicide_victims"
WHOLE = (FIXTURES / FEED / "homicide_victims.csv").read_bytes()
CUT = WHOLE.removesuffix(b"\n")
ROWS = WHOLE.count(b"\n") - 1


@dataclass(frozen=True)
class Said:
    """A file as it is handed in, with the line of the manifest beside it (its cells after the name), or none."""

    content: bytes
    line: str | None = None
    name: str = "homicide_victims.csv"
    feed: str = FEED


@dataclass
class Inbox:
    """A folder into which things are said one after the other."""

    folder: Path
    warehouse: Warehouse

    def say(self, said: Said) -> list[str]:
        """Hand it in; what fell short."""
        (self.folder / "manifest.csv").unlink(missing_ok=True)
        path = self.folder / said.name
        path.write_bytes(said.content)
        if said.line is not None:
            (self.folder / "manifest.csv").write_text(f"file,vintage_at,rows,sha256\n{said.name},{said.line}\n")
        done = pipeline.ingest(said.feed, Source("files"), file=path)
        return [*done.fetched.failed, *done.fetched.refused, *done.parsed.fell_short, *done.audited.fell_short]

    def statuses(self, content: bytes = WHOLE) -> list[str]:
        """The status of every batch of these bytes."""
        return [
            status
            for (status,) in self.warehouse.sql(
                "select status from ops.batch where sha256 = %s order by batch_id", sha256(content).hexdigest()
            )
        ]

    def again(self) -> Inbox:
        """As if nothing had been said yet."""
        empty()
        return self


@pytest.fixture
def inbox(warehouse: Warehouse, tmp_path: Path) -> Inbox:
    """An empty one."""
    return Inbox(tmp_path, warehouse)


DAY = "2024-01-15"
RIGHT = f"{DAY},{ROWS},"
WRONG = f"{DAY},{ROWS + 1},"


@pytest.mark.parametrize(
    "later",
    [
        f"{DAY},{ROWS},",
        f"2024-02-15,{ROWS},",
        f"{DAY},,{sha256(CUT).hexdigest()}",
        f"2024-02-15,,{sha256(CUT).hexdigest()}",
    ],
)
@pytest.mark.parametrize("first", [None, f"{DAY},,"])
def test_a_held_file_that_is_proved_whole_later_is_let_in(inbox: Inbox, first: str | None, later: str) -> None:
    """As the reason advises: announce the number of rows, or what proves it."""
    (fell_short,) = inbox.say(Said(CUT, first))
    assert "file_is_whole" in fell_short
    assert "announce the number of rows" in fell_short
    assert inbox.statuses(CUT) == ["held"]
    assert inbox.say(Said(CUT, later)) == []
    assert inbox.statuses(CUT) == ["admitted"]
    inbox.again().say(Said(CUT, later))
    assert inbox.statuses(CUT) == ["admitted"], "said at once"
    inbox.say(Said(CUT, first))
    assert inbox.statuses(CUT) == ["admitted"], "what proved it is not forgotten"


@pytest.mark.parametrize("first", [None, f"{DAY},,", "2024-02-15,,"])
def test_an_admitted_file_that_a_later_manifest_contradicts_is_held(inbox: Inbox, first: str | None) -> None:
    assert inbox.say(Said(WHOLE, first)) == []
    (fell_short,) = inbox.say(Said(WHOLE, WRONG))
    assert "manifest_rows_agree" in fell_short
    assert inbox.statuses() == ["held"]
    inbox.again().say(Said(WHOLE, WRONG))
    inbox.say(Said(WHOLE, first))
    assert inbox.statuses() == ["held"], "said the other way round"


def test_a_number_that_is_corrected_counts(inbox: Inbox) -> None:
    """As the reason advises: send the file again with the right number."""
    (fell_short,) = inbox.say(Said(WHOLE, WRONG))
    assert "with the right number" in fell_short
    assert inbox.say(Said(WHOLE, RIGHT)) == []
    assert inbox.statuses() == ["admitted"]
    assert len(inbox.say(Said(WHOLE, WRONG))) == 1, "and is judged again, as often as it is said"
    assert inbox.statuses() == ["held"]


def test_the_same_said_twice_is_kept_once(inbox: Inbox) -> None:
    for line in (f"{DAY},,", RIGHT, RIGHT, RIGHT):
        inbox.say(Said(WHOLE, line))
    assert inbox.warehouse.sql("select count(*) from ops.said_later") == [(1,)]
    assert inbox.warehouse.sql("select count(*) from ops.delivery") == [(1,)]


def test_what_a_person_released_is_not_held_by_what_is_said_later(inbox: Inbox) -> None:
    inbox.say(Said(CUT))
    ((batch,),) = inbox.warehouse.sql("select batch_id from ops.batch")
    pipeline.release(batch, "they sent it on paper too", "engineer")
    inbox.say(Said(CUT, WRONG))
    assert inbox.statuses(CUT) == ["admitted"]
    results = inbox.warehouse.sql(
        "select is_success from ops.check_result where check_id = 'manifest_rows_agree' order by check_result_id"
    )
    assert results == [(True,), (False,)], "but it can be seen"


@pytest.mark.parametrize("second_day", [DAY, "2024-02-15"])
def test_a_name_that_fits_only_at_the_second_delivery(inbox: Inbox, second_day: str) -> None:
    """The bytes are text, whatever one of their names says."""
    misfit = Said(WHOLE, f"{DAY},,", "homicide_victims.xlsx")
    fits = Said(WHOLE, f"{second_day},,")
    (fell_short,) = inbox.say(misfit)
    assert "wrong_file_type" in fell_short
    assert inbox.say(misfit) == [fell_short], "the same name tells nothing new"
    assert inbox.say(fits) == []
    assert inbox.statuses() == ["admitted"]
    assert inbox.say(misfit) == []
    history = inbox.warehouse.sql("select status from ops.batch_status order by batch_status_id")
    assert [status for (status,) in history] == ["rejected", "parsed", "admitted"], "what was said of it then stays"
    inbox.again().say(fits)
    assert inbox.say(misfit) == []
    assert inbox.statuses() == ["admitted"]


def test_a_name_that_states_the_month_of_an_empty_file(inbox: Inbox) -> None:
    """Rejected all the same where the contract allows no empty file, but as that month and under that name."""
    header = (FIXTURES / "police_uk_street" / "2022-08-metropolitan-street.csv").read_bytes().splitlines(True)[0]
    names = ["crimes.csv", "2022-08-metropolitan-street.csv"]
    for order in (names, names[::-1]):
        inbox.again()
        for name in order:
            inbox.say(Said(header, f"{DAY},,", name, "police_uk_street"))
        found = inbox.warehouse.sql("select partition, period_start::text, status from ops.batch")
        assert found == [("metropolitan", "2022-08-01", "rejected")]
