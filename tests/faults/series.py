"""Files of other months, and longer or shorter ones, made of the records of a clean file."""

from __future__ import annotations

import itertools

from tests.faults.feeds import POPULATION, STREET, VICTIMS, Delivery, Feed
from tests.faults.record_changes import Record, closed, opened


def found(feed: Feed) -> list[Record]:
    """The records of the clean file."""
    return opened(feed, feed.clean)


def of_month(feed: Feed, month: str, records: list[Record], vintage: str) -> Delivery:
    """Records of a police feed as the Metropolitan file of another month, each on its day as far as the month has it."""
    moved = []
    for record in records:
        if feed is STREET:
            moved.append({**record, "Month": month})
        else:
            day = min(int(record["Date"][8:10]), 28)
            moved.append({**record, "Date": f"{month}-{day:02d}T12:00:00+00:00"})
    kind = "street" if feed is STREET else "stop-and-search"
    return Delivery(f"{month}-metropolitan-{kind}.csv", closed(feed, moved), vintage)


def shorter(feed: Feed, records: list[Record], count: int) -> list[Record]:
    """So many of the records; of the victims some of every month, since a month that is lost is another fault."""
    if feed is not VICTIMS:
        return records[:count]
    months = [list(each) for _, each in itertools.groupby(records, lambda record: record["Recorded Date"])]
    in_turn = [record for rank in itertools.zip_longest(*months) for record in rank if record]
    left = {id(record) for record in in_turn[:count]}
    return [record for record in records if id(record) in left]


def longer(feed: Feed, records: list[Record], count: int) -> list[Record]:
    """So many records: of a list with a key other areas or earlier years, else the same ones again."""
    if feed is POPULATION:
        years = -(-(count - len(records)) // 33)
        first = [record for record in records if record["DATE_NAME"] == "2015"]
        return [*records, *({**r, "DATE_NAME": str(2014 - n)} for n in range(years) for r in first)]
    again = list(itertools.islice(itertools.cycle(records), count))
    if not feed.is_keyed:
        return again
    return [*records, *({**r, feed.key: f"E01{100_000 + n}"} for n, r in enumerate(again[len(records) :]))]
