"""A build after one new month, on four years of history beside one year: it must not grow with what is there."""

from __future__ import annotations

import csv
import io
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path

from benchmarks import load, made, state
from benchmarks.figures import PAIRS, Figure, in_turns, ratio

ROWS = 50_000
"""Street rows of a month: about what three forces of London have in two weeks, enough that row work shows."""
MONTHS = (12, 48)
FIRST = date(2017, 1, 1)
HOMICIDE = "mps_homicide_victims"
SMALL = ("ons_geography", "ons_population", HOMICIDE)


def figures() -> list[Figure]:
    """Both warehouses get the same months after their own history; each month is built before the next comes."""
    with ExitStack() as stack:
        short, long = (_with_history(stack, months) for months in MONTHS)
        pairs = []
        nodes: dict[str, list[float]] = {}
        for number in range(PAIRS):
            pairs.append(
                in_turns(
                    number,
                    partial(_new_month, long, MONTHS[1] + number, nodes),
                    partial(_new_month, short, MONTHS[0] + number, None),
                )
            )
    value, context = ratio(pairs)
    slowest = sorted(nodes.items(), key=lambda item: -sum(item[1]))[:8]
    context |= {
        "street_rows_a_month": ROWS,
        "slowest_at_48_months_s": {node: round(sum(found) / len(found), 3) for node, found in slowest},
    }
    return [Figure("build_48_to_12_months", value, context)]


def _with_history(stack: ExitStack, months: int) -> Path:
    """A warehouse with so many months of street records and the small feeds, built in both of the schemas that swap."""
    from vru import pipeline, transform
    from vru.profile import Source

    home = stack.enter_context(state.fresh("sandbox"))
    with state.partners(home / "sandbox") as url:
        for feed in SMALL:
            pipeline.ingest(feed, Source("sandbox", base_url=url)).check()
    for number in range(months):
        _street(number)
        if number >= months - 2:
            transform.build()
    return home


def _new_month(home: Path, number: int, nodes: dict[str, list[float]] | None) -> float:
    """SQL seconds of the build after one more month of street records and a restated list of homicide victims."""
    from vru import transform

    state.use(home)
    _street(number)
    _restate_homicide(home, number)
    state.checkpoint()
    built = transform.build()
    if built is None or built.is_full:
        raise RuntimeError(f"month {number}: {built}; one month more must be built as a difference")
    with state.connected("transformer") as connection, connection.cursor() as cursor:
        cursor.execute(
            "select node, seconds from ops.model_run where build_id = %s and node ~ '^(model|seed|test)[.]'",
            (built.build_id,),
        )
        found = [(node, float(taken)) for node, taken in cursor.fetchall()]
    for node, taken in found:
        if nodes is not None:
            nodes.setdefault(node, []).append(taken)
    return sum(taken for _, taken in found)


def _month(number: int) -> date:
    return date(FIRST.year + number // 12, number % 12 + 1, 1)


def _street(number: int) -> None:
    _take(load.FEED, made.street_file(f"{_month(number):%Y-%m}", ROWS))


def _restate_homicide(home: Path, number: int) -> None:
    """The newest list of victims once more, with one victim more: a new snapshot, as each month brings."""
    from vru.landing import Landing
    from vru.settings import settings

    with state.connected("loader") as connection, connection.cursor() as cursor:
        cursor.execute(
            "select sha256, file_name from ops.batch where feed = %s and status = 'admitted' "
            "order by batch_id desc limit 1",
            (HOMICIDE,),
        )
        sha256, name = cursor.fetchone() or ("", "")
    with Landing(settings().landing_dir).open(sha256) as stream:
        header, *rows = list(csv.reader(io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows, rows[-1]])
    folder = home / "bench" / str(number)
    folder.mkdir(parents=True)
    file = folder / name
    file.write_text(text.getvalue(), encoding="utf-8")
    _take(HOMICIDE, file)


def _take(feed: str, file: Path) -> None:
    from vru import pipeline
    from vru.profile import Source

    done = pipeline.ingest(feed, Source("files"), file=file)
    done.check()
    if not done.admitted.batches:
        raise RuntimeError(f"{feed}, {file.name}: not admitted")
