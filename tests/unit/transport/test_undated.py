"""Lists without a date, through the ledger: the one that reaches furthest is the newest, whatever came first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vru import pipeline
from vru.profile import Source
from vru.sandbox import SandboxServer
from vru.warehouse.engine import raw_connection

FEED = "mps_homicide_victims"
CATALOGUE = "/data.london.gov.uk/api/dataset/2l1w8"


@pytest.fixture
def partners(vru_home: Path, migrated_cluster: object) -> Iterator[SandboxServer]:
    with SandboxServer(vru_home / "sandbox") as server:
        yield server


def without_dates(keep: slice) -> Any:
    """A page without a date or period, the newest list first, of which only some are on show yet."""

    def change(body: bytes) -> bytes:
        catalogue = json.loads(body)
        lists = [(key, item) for key, item in catalogue["resources"].items() if "Victims" in item["title"]]
        shown = {}
        for order, (key, item) in enumerate(reversed(lists)):
            address = item["url"].rpartition("/")[0]
            shown[key] = {"title": "Victims", "url": f"{address}/Homicide%20victims.csv", "order": order}
        catalogue["resources"] = dict(list(shown.items())[keep])
        return json.dumps(catalogue).encode()

    return change


def rows(statement: str) -> list[tuple[Any, ...]]:
    connection = raw_connection("loader", name="test")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def test_the_list_that_reaches_furthest_is_the_newest_by_its_rows(partners: SandboxServer) -> None:
    source = Source("sandbox", base_url=partners.url)
    for keep, count in ((slice(2), 2), (slice(5), 3), (slice(None), 1)):
        partners.clear_faults()
        partners.fault(CATALOGUE, "alter", change=without_dates(keep))
        partners.fault("/data.london.gov.uk/download/*", "alter", change=bytes, headers={"Last-Modified": ""})
        done = pipeline.ingest(FEED, source)
        done.check()
        assert len(done.admitted.batches) == count, "a sound old list is no failure"
    stated = rows(
        "select d.vintage_source, b.status, b.period_end, b.batch_id from ops.delivery d join ops.batch b using (content_id)"
        f" where b.feed = '{FEED}' order by d.vintage_at"
    )
    assert {(source, status) for source, status, *_ in stated} == {("received", "admitted")}
    reaches = [reach for _, _, reach, _ in stated]
    assert reaches == sorted(set(reaches))
    assert len(reaches) == 6
    newest = stated[-1][3]
    current = rows(f"select distinct batch_id from ops.current_input() where feed = '{FEED}' and column_name = ''")
    assert current == [(newest,)]
    again = pipeline.ingest(FEED, source)
    assert (again.fetched.new, again.parsed.batches) == ([], [])
    assert (
        rows(f"select distinct batch_id from ops.current_input() where feed = '{FEED}' and column_name = ''") == current
    )
