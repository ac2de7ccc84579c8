"""Rows 5 to 8: requests that a partner does not answer as it should, by the real path, over real HTTP."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import cycle, islice, pairwise
from typing import Any

import pytest
from vru.contracts import load_contract
from vru.sandbox import SandboxServer, configure
from vru.transport import Limits
from vru.transport.addresses import Addresses
from vru.transport.errors import SourceError as Refusal

from tests.e2e.conftest import Home
from tests.faults.case import EXIT_CODES, Expect
from tests.faults.conftest import SEED, SHARE, without_lines
from tests.faults.feeds import CATALOGUED, FEEDS, PAGED, RECORDS, SERVED, Feed, RawRow
from tests.faults.partners import CataloguePartner, Partner, zipped
from tests.faults.platform import Answer, Platform, Row, leaks, ledger, query
from tests.faults.series import found, of_month
from tests.faults.table.transport import (
    ARCHIVES,
    ON_THE_WIRE,
    WAITING,
    WIRE_NOT_APPLICABLE,
    WIRE_VARIANTS,
    OnTheWire,
    Place,
)


def table() -> list[Any]:
    """Every case for every feed; those that are not in the seeded share are deep. At least one of each row is."""
    drawn = [(case, feed) for case in ON_THE_WIRE for feed in case.only]
    draw = random.Random(SEED)
    draw.shuffle(drawn)
    rows, found = set[int](), []
    for case, feed in drawn:
        is_usual = case.row not in rows or draw.random() < SHARE / 2
        rows.add(case.row)
        marks = () if is_usual else (pytest.mark.deep,)
        found.append(pytest.param(case, feed, id=f"{case.name}-{feed.label}", marks=marks))
    return found


def each(*feeds: Feed) -> pytest.MarkDecorator:
    """A proof for each of these feeds, of which all but the first are deep."""
    marks = [(), *[(pytest.mark.deep,)] * (len(feeds) - 1)]
    return pytest.mark.parametrize(
        "feed", [pytest.param(feed, id=feed.label, marks=mark) for feed, mark in zip(feeds, marks, strict=True)]
    )


SECRET = "hunter2"
"""The password in an address to which a partner redirects."""


@pytest.fixture(scope="session")
def other_server() -> Iterator[SandboxServer]:
    """A server on loopback that answers, and that nobody may ask."""
    with tempfile.TemporaryDirectory(prefix="vo-") as folder, SandboxServer(folder) as server:
        yield server


def served(feed: Feed, sandbox: SandboxServer) -> Partner:
    """The partner of a feed."""
    assert feed.partner is not None
    return feed.partner(sandbox)


@pytest.mark.parametrize(("case", "feed"), table())
def test_on_the_wire(
    case: OnTheWire,
    feed: Feed,
    platform: Platform,
    sandbox: SandboxServer,
    other_server: SandboxServer,
    clean_rows: dict[str, list[RawRow]],
) -> None:
    expect, partner = case.expect(feed), served(feed, sandbox)
    options = {"period": None} if case.is_latest else {}
    if case.is_latest:
        partner.file_glob = partner.file_glob.replace(f"{feed.period}.zip", "latest.zip")
    params = case.params(Place(sandbox.url, other_server.url, partner.file_glob))
    sandbox.fault(partner.file_glob, case.fault, times=case.times, **params)
    partner.serves(feed.clean)
    sandbox.clear_requests()
    before = platform.picture()

    began = time.monotonic()
    answer = platform.fetch(feed, sandbox.url, limits=case.limits, **options)
    assert time.monotonic() - began >= case.lasts

    assert answer.exit_code == EXIT_CODES[expect.status], answer.message
    assert_quiet(feed, answer, platform)
    assert_asked(case, expect, feed, sandbox, partner)
    assert other_server.requests == []
    after = platform.picture()
    assert (after.raw, after.batches) == (before.raw, before.batches)
    if expect.status == "admitted":
        assert_loaded(feed, answer, platform, clean_rows)
        return
    assert after.current == before.current
    assert_told(expect, feed, answer)

    sandbox.clear_faults()
    partner.serves(feed.clean)
    assert_loaded(feed, platform.fetch(feed, sandbox.url, **options), platform, clean_rows)


def assert_asked(case: OnTheWire, expect: Expect, feed: Feed, sandbox: SandboxServer, partner: Partner) -> None:
    """The file was asked for as often as it should be, at the right intervals, and no other host at all."""
    answered_by = time.monotonic() + 30  # a busy server may notice a request after the client has given it up
    while partner.tries != expect.tries and time.monotonic() < answered_by:
        time.sleep(0.05)
    assert partner.tries == expect.tries
    hosts = {target.split("/")[1] for _, target, _ in sandbox.requests}
    assert hosts <= set(load_contract(feed.name).allowed_hosts)
    if case.seconds is not None:
        moments = [each.at for each in sandbox.answered if partner.is_for_file(each.target)]
        low, high = case.seconds
        for earlier, later in pairwise(moments):
            assert low <= later - earlier < high


def assert_quiet(feed: Feed, answer: Answer, platform: Platform) -> None:
    """No value and no password in any word, and nothing half received."""
    said = " ".join([answer.message, answer.log, *(attempt["reason"] for attempt in answer.attempts)])
    assert not [word for word in (*feed.canaries, SECRET) if word in said]
    assert leaks(feed.canaries, everywhere=[SECRET]) == []
    assert platform.half_received() == []


def assert_told(expect: Expect, feed: Feed, answer: Answer) -> None:
    """One attempt, whose reason reaches the person; neither delivery nor batch, and no bytes."""
    (attempt,) = answer.attempts
    assert (attempt["outcome"], attempt["sha256"], answer.deliveries, answer.batches) == (expect.status, None, [], [])
    assert attempt["reason"].startswith(tuple(f"{code}: " for code in expect.codes)), attempt["reason"]
    assert f"{feed.name}, {attempt['source_url']}: {expect.status}: {attempt['reason']}" in answer.message


def assert_loaded(feed: Feed, answer: Answer, platform: Platform, clean_rows: dict[str, list[RawRow]]) -> None:
    """The clean file is admitted, exactly."""
    assert (answer.exit_code, answer.batch["status"]) == (0, "admitted"), answer.message
    assert without_lines(platform.raw_rows(feed, answer.batch["batch_id"])) == clean_rows[feed.label]


# Row 6: what is not there yet, and a no to one request of several


NAMED_ARCHIVE, LATEST_ARCHIVE = (f"/data.police.uk/data/archive/{name}.zip" for name in ("2*", "latest"))


def offer(feed: Feed, month: str, *globs: str, sandbox: SandboxServer) -> None:
    """These archives hold the feed's file of this month."""
    name, content = feed.file_name.replace(feed.period, month), of_month(feed, month, found(feed), "").content
    for glob in globs:
        body = zipped(f"{month}/{name}", content)
        sandbox.fault(glob, "replace_body", body=body, content_type="application/zip")


@pytest.fixture
def clock(platform: Platform) -> Iterator[None]:
    """The platform's today is that of the sandbox."""
    folder = platform.home / "sandbox"
    configure(folder, today=date(2022, 11, 15))
    yield
    shutil.rmtree(folder)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("month", ["2019-01", "2022-10"])
@each(*ARCHIVES)
def test_bi6_404_unpublished_month(feed: Feed, month: str, platform: Platform, sandbox: SandboxServer) -> None:
    """No failure: no archive is asked for twice, none holds the month, and it is loaded when one does."""
    wanted, before = {"period": date.fromisoformat(f"{month}-01")}, platform.picture()
    sandbox.fault(NAMED_ARCHIVE, "status", code=404)
    offer(feed, feed.period, LATEST_ARCHIVE, sandbox=sandbox)
    answer = platform.fetch(feed, sandbox.url, **wanted)
    assert (answer.exit_code, answer.message, answer.batches) == (0, "", [])
    assert answer.attempts[-1]["outcome"] == "not_yet"
    assert answer.attempts[-1]["reason"].startswith("unavailable: ")
    assert len(set(sandbox.requests)) == len(sandbox.requests) <= Limits().attempts
    assert (404 in {status for _, _, status in sandbox.requests}) == (month == "2019-01")
    assert platform.picture() == before

    sandbox.clear_faults()
    offer(feed, month, NAMED_ARCHIVE, LATEST_ARCHIVE, sandbox=sandbox)
    answer = platform.fetch(feed, sandbox.url, **wanted)
    assert (answer.exit_code, answer.batch["status"], answer.batch["rows_admitted"]) == (0, "admitted", RECORDS)


def assert_one_no(feed: Feed, answer: Answer, sandbox: SandboxServer, *, batches: int) -> None:
    """The request was made once, failed, and is told; so many other files came in."""
    assert answer.exit_code == EXIT_CODES["failed"], answer.message
    (attempt,) = (row for row in answer.attempts if row["outcome"] == "failed")
    assert attempt["reason"].startswith("http_403: ")
    assert (attempt["sha256"], [batch["status"] for batch in answer.batches]) == (None, ["admitted"] * batches)
    assert f"{feed.name}, {attempt['source_url']}: failed: {attempt['reason']}" in answer.message
    assert sum(status == 403 for _, _, status in sandbox.requests) == 1


@each(*PAGED)
def test_bi6_403_on_one_page__of_an_answer_in_pages(
    feed: Feed, platform: Platform, sandbox: SandboxServer, clean_rows: dict[str, list[RawRow]]
) -> None:
    """Nothing of the pages before it is kept: a part of a list would pass for the list."""
    partner, before = served(feed, sandbox), platform.picture()
    if feed.shape == "text":
        header, *records = feed.clean.splitlines(keepends=True)
        first = header + b"".join(islice(cycle(records), NOMIS_ROWS))
        sandbox.fault(f"{partner.file_glob}*recordoffset={NOMIS_ROWS}*", "status", code=403)
    else:
        first = feed.clean.replace(b"{", b'{"properties":{"exceededTransferLimit":true},', 1)
        sandbox.fault(f"{partner.file_glob}*resultOffset={RECORDS}*", "status", code=403)
    partner.serves(first, rows_beyond=1)
    answer = platform.fetch(feed, sandbox.url)
    assert_one_no(feed, answer, sandbox, batches=0)
    assert partner.tries == 2
    assert_quiet(feed, answer, platform)
    assert platform.picture() == before

    sandbox.clear_faults()
    partner.serves(feed.clean)
    assert_loaded(feed, platform.fetch(feed, sandbox.url), platform, clean_rows)


@pytest.mark.deep
def test_bi6_403_on_one_page__of_several_files(
    platform: Platform, sandbox: SandboxServer, clean_rows: dict[str, list[RawRow]]
) -> None:
    """Of two files in the catalogue one is refused: the other counts."""
    (feed,) = CATALOGUED
    partner = served(feed, sandbox)
    assert isinstance(partner, CataloguePartner)
    refused = partner.file_glob.replace("/download/", "/download/older/")
    urls = {name: f"https:/{path}" for name, path in (("a", refused), ("b", partner.file_glob))}
    listed = {"resources": {name: {"title": f"Homicide victims {name}", "url": url} for name, url in urls.items()}}
    sandbox.fault(refused, "status", code=403)
    sandbox.fault(partner.catalogue, "replace_body", body=json.dumps(listed).encode(), content_type="application/json")
    partner.serves(feed.clean)
    answer = platform.fetch(feed, sandbox.url)
    assert_one_no(feed, answer, sandbox, batches=1)
    assert without_lines(platform.raw_rows(feed, answer.batch["batch_id"])) == clean_rows[feed.label]

    sandbox.clear_faults()
    sandbox.fault(partner.catalogue, "replace_body", body=json.dumps(listed).encode(), content_type="application/json")
    sandbox.fault(refused, "replace_body", body=feed.restated(feed, feed.clean, "rows_added"), content_type="text/csv")
    partner.serves(feed.clean)
    answer = platform.fetch(feed, sandbox.url)
    assert (answer.exit_code, answer.batch["status"]) == (0, "admitted"), answer.message


@pytest.mark.usefixtures("clock")
@each(*ARCHIVES)
def test_bi6_403_on_one_page__of_several_archives(feed: Feed, platform: Platform, sandbox: SandboxServer) -> None:
    """The first archive that could hold the month is not there, the second is refused: no third one is asked for."""
    january, before = {"period": date(2019, 1, 1)}, platform.picture()
    sandbox.fault(NAMED_ARCHIVE, "status", times=1, code=404)
    sandbox.fault(NAMED_ARCHIVE, "status", code=403)
    answer = platform.fetch(feed, sandbox.url, **january)
    assert_one_no(feed, answer, sandbox, batches=0)
    assert [status for _, _, status in sandbox.requests] == [404, 403]
    assert platform.picture() == before

    sandbox.clear_faults()
    offer(feed, "2019-01", NAMED_ARCHIVE, sandbox=sandbox)
    answer = platform.fetch(feed, sandbox.url, **january)
    assert (answer.exit_code, answer.batch["status"], answer.batch["rows_admitted"]) == (0, "admitted", RECORDS)


NOMIS_ROWS = 25_000
"""Of one answer without a key; then the next page is asked for."""

# Row 5: past the deadline


@each(*ARCHIVES, *CATALOGUED)
def test_bi5_a_partner_that_is_busy_past_its_deadline_is_reported(
    feed: Feed, platform: Platform, sandbox: SandboxServer
) -> None:
    """The run fails with the reason, and from the day after the deadline the feed's score falls."""
    partner, contract = served(feed, sandbox), load_contract(feed.name)
    # a state has one profile, hence one calendar: what stood before was put in by hand, on the day of the wall clock
    with ledger() as connection, connection.cursor() as cursor:
        cursor.execute("update ops.attempt set asked_on = %s where feed = %s", (date(2022, 1, 1), feed.name))
    sandbox.fault(partner.file_glob, "status", code=503, retry_after=1)
    partner.serves(feed.clean)
    answer = platform.fetch(feed, sandbox.url, limits=WAITING)
    assert answer.exit_code == EXIT_CODES["failed"]
    assert "failed: http_503: " in answer.message

    ((newest),) = query("select max(period_end) as day from ops.stated where feed = %s", feed.name)
    if contract.resource(feed.resource).delivery == "snapshot":
        deadline = newest["day"] + timedelta(days=contract.cadence_days + contract.due_lag_days)
    else:
        following = (newest["day"] + timedelta(days=32)).replace(day=1)
        deadline = following - timedelta(days=1) + timedelta(days=contract.due_lag_days)
    on_time, late = (score(feed, deadline + timedelta(days=days)) for days in (0, 1))
    assert late["timeliness"] < 100
    assert late["score"] < on_time["score"]
    assert (on_time["due_on"], late["days_late"]) == (deadline, 1)
    assert (late["owed_count"] > on_time["owed_count"]) == (feed in ARCHIVES), "what is owed is named"
    assert "http_503: " in late["reason"]


def score(feed: Feed, day: date) -> Row:
    """What `vru feeds` and the report say of the feed on that day."""
    (found,) = query("select * from ops.feed_status(null, null, %s) where feed = %s", day, feed.name)
    return found


# Row 6: nobody asks again after a no


RUN = """
import json, sys
from datetime import timedelta
from vru.orchestration import environment
environment.apply()
from vru.orchestration.headless import migrate_airflow
migrate_airflow()
from airflow.dag_processing.dagbag import DagBag
from vru.settings import settings
dag = DagBag(dag_folder=str(settings().dags_dir)).dags["ingest__mps_homicide_victims"]
for task in dag.tasks:
    task.retries, task.retry_delay, task.retry_exponential_backoff = 1, timedelta(0), 0
seen = []
for _ in range(2):
    run = dag.test()
    (fetch,) = (each for each in run.get_task_instances() if each.task_id == "fetch")
    seen.append([str(run.state), fetch.try_number])
print("RESULT" + json.dumps(seen))
"""


@pytest.mark.deep
def test_airflow_retries_what_may_pass_and_nothing_else(platform: Platform, sandbox: SandboxServer) -> None:
    """The real DAG with one retry, run twice: a partner that says no is asked once, one that drops the line in two tries."""
    catalogue = served(CATALOGUED[0], sandbox).catalogue
    sandbox.clear_requests()
    sandbox.fault(catalogue, "status", times=1, code=401)
    sandbox.fault(catalogue, "drop")
    home = Home(platform.home, {"VRU_PROFILE": "sandbox", "VRU_SANDBOX_URL": sandbox.url})
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=home.variables, capture_output=True, text=True, check=False, timeout=280
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    assert json.loads(found[0].removeprefix("RESULT")) == [["failed", 1], ["failed", 2]]
    assert [status for _, _, status in sandbox.requests] == [401] + [0] * 2 * Limits().attempts


# Row 8: what is allowed, and what the live rule says


@each(*SERVED)
def test_bi8_a_redirect_to_an_allowed_host_is_followed_without_credentials(
    feed: Feed, platform: Platform, sandbox: SandboxServer, clean_rows: dict[str, list[RawRow]]
) -> None:
    """The partner moves its file on one of its own hosts and hands out a cookie on the way."""
    partner = served(feed, sandbox)
    asked_at = partner.file_glob
    partner.file_glob = f"/{load_contract(feed.name).allowed_hosts[-1]}/moved/here"
    sandbox.fault(
        asked_at, "redirect_to", url=f"{sandbox.url}{partner.file_glob}", headers={"Set-Cookie": "session=1; Path=/"}
    )
    partner.serves(feed.clean)
    assert_loaded(feed, platform.fetch(feed, sandbox.url), platform, clean_rows)
    assert partner.tries == 1
    assert not [each for each in sandbox.answered if {"cookie", "authorization", "referer"} & set(each.headers)]


@pytest.mark.parametrize("feed", SERVED, ids=lambda feed: feed.label)
def test_bi8_the_live_rule_of_each_contract(feed: Feed) -> None:
    """Where https is not to be had here: which addresses the contract lets a live fetch follow."""
    hosts = load_contract(feed.name).allowed_hosts
    addresses = Addresses(hosts)
    for host in hosts:
        assert addresses.redirected(f"https://{hosts[0]}/a", f"https://{host}/b") == f"https://{host}/b"
        for refused in (
            f"http://{host}/b", f"https://name:{SECRET}@{host}/b", f"https://{host}:8443/b", f"https://{host}.evil.example/",
            f"https://evil.example/{host}", "https://127.0.0.1/b", "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/b", "file:///etc/passwd",
        ):  # fmt: skip
            with pytest.raises(Refusal, match="redirect_refused") as error:
                addresses.redirected(f"https://{hosts[0]}/a", refused)
            assert SECRET not in str(error.value)


def test_every_variant_is_in_the_table() -> None:
    of_their_own = {
        (6, "404_unpublished_month"): ARCHIVES,
        (6, "403_on_one_page"): SERVED,
    }
    for feed in FEEDS:
        covered = {(case.row, case.variant) for case in ON_THE_WIRE if feed in case.only}
        covered |= {place for place, feeds in of_their_own.items() if feed in feeds}
        covered |= {(row, variant) for row, variant, name in WIRE_NOT_APPLICABLE if name == feed.name}
        assert covered == {(row, name) for row, names in WIRE_VARIANTS.items() for name in names}
