"""Row 27, `across_members`: the same record in two members of an archive, or on two pages of an answer."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from vru.sandbox import SandboxServer

from tests.faults.conftest import without_lines
from tests.faults.feed import RECORD_SEPARATOR, features
from tests.faults.feeds import ARCHIVES, Delivery, Feed, named
from tests.faults.partners import ArcgisPartner
from tests.faults.platform import Platform, query


@pytest.mark.parametrize("feed", ARCHIVES, ids=lambda feed: feed.name)
def test_bi27_across_members(feed: Feed, platform: Platform) -> None:
    """No key is declared: what two forces report are two events, however alike, and every row is kept."""
    other_name = feed.file_name.replace("metropolitan", "city-of-london")
    other = feed.clean.replace(b"Metropolitan Police Service", b"City of London Police")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr(f"{feed.period}/{feed.file_name}", feed.clean)
        target.writestr(f"{feed.period}/{other_name}", other)
    answer = platform.deliver(feed, Delivery(f"{feed.period}.zip", buffer.getvalue(), "2022-11-01"))
    assert answer.exit_code == 0, answer.message
    batches = {batch["partition"]: batch for batch in answer.batches}
    assert {name: (b["status"], b["rows_admitted"]) for name, b in batches.items()} == {
        "metropolitan": ("admitted", 200), "city-of-london": ("admitted", 200)
    }  # fmt: skip
    assert platform.raw_rows(feed, batches["metropolitan"]["batch_id"]) == feed.raw_rows(feed.clean)
    assert platform.raw_rows(feed, batches["city-of-london"]["batch_id"]) == feed.raw_rows(other)


def test_bi27_across_members__pages(platform: Platform, sandbox: SandboxServer) -> None:
    """An area that is on two pages is counted once if the source counts it twice; else it moved, and all are asked again."""
    feed = named("ons_geography")
    assert feed.partner is not None
    partner = feed.partner(sandbox)
    assert isinstance(partner, ArcgisPartner)
    found = features(feed.clean)
    pages = [page(found[:120], is_cut=True), page(found[119:], is_cut=False)]
    for offset, body in zip((0, 120), pages, strict=True):
        sandbox.fault(
            f"{partner.file_glob}*resultOffset={offset}&*",
            "replace_body",
            body=body,
            content_type="application/geo+json",
        )
    partner.serves_others()
    partner.states(feed.clean)
    moved = platform.fetch(feed, sandbox.url)
    assert (moved.exit_code, moved.came, moved.batches) == (1, "refused", []), moved.message
    assert "too_many_rows: the source says that it has 200 rows, and 201 came" in moved.message
    asked = partner.tries

    partner.states(feed.clean, rows_beyond=1)
    answer = platform.fetch(feed, sandbox.url)
    assert (answer.exit_code, answer.batch["status"]) == (0, "admitted"), answer.message
    assert (asked, partner.tries) == (2, 4)
    batch = answer.batch
    assert platform.landed(batch["sha256"]) == b"".join(RECORD_SEPARATOR + body + b"\n" for body in pages)
    assert (batch["rows_parsed"], batch["rows_admitted"], batch["rows_quarantined"]) == (201, 200, 1)
    assert without_lines(platform.raw_rows(feed, batch["batch_id"])) == without_lines(feed.raw_rows(feed.clean))
    quarantined = query("select line_number, check_id from quarantine.row where batch_id = %s", batch["batch_id"])
    assert [(row["line_number"], row["check_id"]) for row in quarantined] == [(121, "repeated_row_of_a_key")]


def page(found: list[object], *, is_cut: bool) -> bytes:
    """One page of an answer, which says whether there is more."""
    return json.dumps(
        {"type": "FeatureCollection", "properties": {"exceededTransferLimit": is_cut}, "features": found}
    ).encode()
