"""The count that a source states of itself, through the ledger: kept with the delivery, and judged by the gate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vru import pipeline
from vru.errors import ShortfallError
from vru.profile import Source
from vru.sandbox import SandboxServer
from vru.warehouse.engine import raw_connection

LAYER = "*/LSOA_2021_EW_BGC/FeatureServer/0/query*"


@pytest.fixture
def partners(vru_home: Path, migrated_cluster: object) -> Iterator[SandboxServer]:
    with SandboxServer(vru_home / "sandbox") as server:
        yield server


def rows(statement: str) -> list[tuple[Any, ...]]:
    connection = raw_connection("loader", name="test")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def cut_without_a_word(body: bytes) -> bytes:
    """A page that does not say that there are more, and from the second on nothing in it."""
    page = json.loads(body)
    if "features" in page:
        page.pop("properties", None)
        page["features"] = [each for each in page["features"] if each["id"] <= 150]
    return json.dumps(page).encode()


def test_a_layer_that_is_cut_is_refused_and_a_whole_one_keeps_its_count(partners: SandboxServer) -> None:
    source = Source("sandbox", base_url=partners.url)
    partners.fault(LAYER, "alter", change=cut_without_a_word)
    done = pipeline.ingest("ons_geography", source)
    with pytest.raises(ShortfallError, match="short: the source says that it has 330 rows, and "):
        done.check()
    assert rows("select count(*) from ops.batch where resource = 'lsoa_boundary'") == [(0,)]
    assert len(done.admitted.batches) == 4, "the other layers are not kept out"
    partners.clear_faults()
    pipeline.ingest("ons_geography", source).check()
    told = rows(
        "select d.source_rows, b.rows_admitted, c.detail from ops.delivery d join ops.batch b using (content_id) "
        "join ops.check_result c using (batch_id) where b.feed = 'ons_geography' and c.check_id = 'manifest_rows_agree'"
    )
    assert len(told) == 5
    assert all(said == admitted and detail == f"{said} rows read, {said} announced" for said, admitted, detail in told)


def test_rows_that_the_parse_does_not_find_hold_the_batch(partners: SandboxServer) -> None:
    """Where transport and parse count differently, the source's number is the judge."""
    source = Source("sandbox", base_url=partners.url)
    pipeline.fetch("ons_population", source)
    changed = "update ops.delivery set source_rows = source_rows + 1 where file_name = 'nomis_borough_mye.csv'"
    connection = raw_connection("loader", name="test")
    with connection, connection.cursor() as cursor:
        cursor.execute(changed)
        assert cursor.rowcount == 1
    connection.close()
    pipeline.parse("ons_population").check()
    with pytest.raises(ShortfallError, match="held: manifest_rows_agree: "):
        pipeline.audit("ons_population").check()
