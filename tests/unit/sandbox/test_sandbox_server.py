"""The sandbox server: every partner's endpoints, paging, validators, and the faults tests may ask for."""

from __future__ import annotations

import csv
import hashlib
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import vru.sandbox
from vru.sandbox import SandboxServer, arcgis, nomis

ARCHIVE = "/policeuk-data.s3.amazonaws.com/archive/2014-02.zip"
DATASET = "/data.london.gov.uk/api/dataset/2l1w8"
DATES = "/data.police.uk/api/crime-last-updated"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SandboxServer]:
    with SandboxServer(tmp_path / "state") as running:
        yield running


class Answer:
    """Status, headers and body of one request, redirects not followed."""

    def __init__(
        self,
        server: SandboxServer,
        target: str,
        headers: dict[str, str] | None = None,
        form: str | None = None,
    ) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        try:
            connection.request("POST" if form else "GET", target, form, (headers or {}) | kind)
            response = connection.getresponse()
            self.status, self.headers, self.body = response.status, response.headers, response.read()
        finally:
            connection.close()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def layer_query(layer: str, **parameters: object) -> str:
    asked = {"where": "1=1", "outFields": "*", "f": "json"} | parameters
    return f"/{arcgis.HOST}{arcgis.ROOT}{layer}/FeatureServer/0/query?{urlencode(asked)}"


def nomis_query(**parameters: object) -> str:
    asked = {
        "geography": "TYPE464",
        "date": "latest",
        "gender": 0,
        "c_age": 200,
        "measures": 20100,
    } | parameters
    return f"/{nomis.HOST}{nomis.DATASET_PATH}?{urlencode(asked)}"


def test_archive_redirects_to_its_store(server: SandboxServer) -> None:
    for name in ("2022-07.zip", "latest.zip"):
        answer = Answer(server, f"/data.police.uk/data/archive/{name}")
        assert answer.status == 302
        assert answer.headers["Location"] == f"{server.url}/policeuk-data.s3.amazonaws.com/archive/{name}"


def test_archive_has_validators_and_answers_304(server: SandboxServer) -> None:
    answer = Answer(server, ARCHIVE)
    assert answer.status == 200
    assert zipfile.ZipFile(io.BytesIO(answer.body)).testzip() is None
    etag, modified = answer.headers["ETag"], answer.headers["Last-Modified"]
    assert modified == "Mon, 28 Apr 2014 09:30:00 GMT"
    same = Answer(server, ARCHIVE, {"If-None-Match": etag})
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", etag)
    assert Answer(server, ARCHIVE, {"If-Modified-Since": modified}).status == 304
    assert Answer(server, ARCHIVE, {"If-None-Match": '"other"', "If-Modified-Since": modified}).status == 200
    assert Answer(server, ARCHIVE, {"If-Modified-Since": "Sun, 27 Apr 2014 09:30:00 GMT"}).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "/data.police.uk/data/archive/2022-08.zip",
        "/data.police.uk/data/archive/2013-12.zip",
        "/data.police.uk/data/archive/2022-13.zip",
        "/data.police.uk/data/archive/../../etc",
        "/policeuk-data.s3.amazonaws.com/archive/2022-08.zip",
        "/data.london.gov.uk/api/dataset/zzzzz",
        "/data.london.gov.uk/download/2l1w8/zzzzz/x.csv",
        "/www.nomisweb.co.uk/api/v01/dataset/NM_1_1.data.csv",
        "/example.org/",
        "/",
    ],
)
def test_what_does_not_exist_is_404(server: SandboxServer, target: str) -> None:
    answer = Answer(server, target)
    assert answer.status == 404
    assert answer.headers["X-Data"] == "synthetic"


def test_next_publishes_the_month_after(server: SandboxServer) -> None:
    target = "/data.police.uk/data/archive/2022-08.zip"
    assert Answer(server, DATES).json == {"date": "2022-07-01"}
    assert Answer(server, target).status == 404
    vru.sandbox.advance(server.state_dir)
    assert Answer(server, DATES).json == {"date": "2022-08-01"}
    assert Answer(server, target).status == 302
    newest = Answer(server, "/data.police.uk/api/crimes-street-dates").json[0]
    assert newest == {"date": "2022-08", "stop-and-search": ["btp", "kent", "metropolitan"]}


def test_in_silent_months_nobody_has_anything_new_and_afterwards_what_was_missed(server: SandboxServer) -> None:
    targets = (DATES, DATASET, nomis_query(), "/policeuk-data.s3.amazonaws.com/archive/latest.zip")
    before = [Answer(server, target).body for target in targets]
    for _ in range(8):
        vru.sandbox.advance(server.state_dir, is_silent=True)
    assert vru.sandbox.today(server.state_dir) == date(2023, 6, 15)
    assert vru.sandbox.status(server.state_dir)["silent_months"] == 8
    assert [Answer(server, target).body for target in targets] == before

    vru.sandbox.advance(server.state_dir)
    assert vru.sandbox.status(server.state_dir)["silent_months"] == 0
    assert Answer(server, DATES).json == {"date": "2023-04-01"}
    newest = Answer(server, targets[-1])
    held = {name.partition("/")[0] for name in zipfile.ZipFile(io.BytesIO(newest.body)).namelist()}
    assert {f"2022-{month:02d}" for month in range(8, 13)} <= held, "the missed months are in it"
    swallowed = "/policeuk-data.s3.amazonaws.com/archive/2022-08.zip"
    assert Answer(server, swallowed).status == 404, "what did not come out then does not seem to have"
    issued = [item["check_timestamp"] for item in Answer(server, DATASET).json["resources"].values()
              if "Victims" in item["title"]]  # fmt: skip
    assert len(issued) == 6
    assert not [each for each in issued if "2022-10-15" < each <= "2023-06-15"]
    assert max(issued) > "2023-06-15"


def test_datastore_lists_snapshots_and_serves_what_it_lists(server: SandboxServer) -> None:
    dataset = Answer(server, DATASET).json
    assert dataset == Answer(server, "/data.london.gov.uk/api/dataset/mps-homicide-dashboard-data").json
    assert "synthetic" in dataset["title"]
    victims = [item for item in dataset["resources"].values() if "Victims" in item["title"]]
    assert len(victims) == 6
    assert any("Accused" in item["title"] for item in dataset["resources"].values())
    assert any("check_hash" not in item for item in dataset["resources"].values())
    for item in victims[-2:]:
        answer = Answer(server, "/" + item["url"].removeprefix("https://"))
        assert hashlib.md5(answer.body, usedforsecurity=False).hexdigest() == item["check_hash"]
        assert len(answer.body) == item["check_size"]
        bare = "/" + item["url"].removeprefix("https://").rpartition("/")[0]
        assert Answer(server, bare).body == answer.body


def test_broken_month_and_the_sound_one_after(server: SandboxServer) -> None:
    vru.sandbox.configure(server.state_dir, today=date(2022, 12, 15))
    newest = list(Answer(server, DATASET).json["resources"].values())[-1]
    target = "/" + newest["url"].removeprefix("https://")
    assert Answer(server, target).headers["Content-Type"].startswith("text/html")
    vru.sandbox.advance(server.state_dir)
    healed = Answer(server, target)
    assert hashlib.md5(healed.body, usedforsecurity=False).hexdigest() == newest["check_hash"]


def test_broken_archive_is_cut_and_mended_under_a_new_date(server: SandboxServer) -> None:
    target = "/policeuk-data.s3.amazonaws.com/archive/2022-12.zip"
    vru.sandbox.configure(server.state_dir, today=date(2023, 3, 15))
    broken = Answer(server, target)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(broken.body))
    vru.sandbox.advance(server.state_dir)
    mended = Answer(server, target, {"If-Modified-Since": broken.headers["Last-Modified"]})
    assert mended.status == 200
    zipfile.ZipFile(io.BytesIO(mended.body))


def test_broken_months_of_nomis_and_arcgis(server: SandboxServer) -> None:
    vru.sandbox.configure(server.state_dir, today=date(2023, 6, 15))
    assert Answer(server, nomis_query()).headers["Content-Type"].startswith("text/html")
    assert "features" in Answer(server, layer_query("LSOA_2021_EW_BGC")).json
    vru.sandbox.configure(server.state_dir, today=date(2023, 9, 15))
    assert "error" in Answer(server, layer_query("LSOA_2021_EW_BGC")).json
    assert Answer(server, nomis_query()).headers["Content-Type"].startswith("text/csv")


def test_nomis_writes_upper_case_names_and_quoted_texts(server: SandboxServer) -> None:
    select = "date_name,geography_name,geography_code,obs_value"
    target = nomis_query(geography="E09000012,2013265927", date="2019-2020", select=select)
    lines = Answer(server, target).body.decode().split("\r\n")
    assert lines[0] == '"DATE_NAME","GEOGRAPHY_NAME","GEOGRAPHY_CODE","OBS_VALUE"'
    assert lines[1].startswith('"2019","Hackney","E09000012",')
    assert lines[1].rpartition(",")[2].isdigit()
    assert lines[4].startswith('"2020","London","E12000007",')
    assert lines[5:] == [""]


def test_nomis_truncates_silently_and_pages_by_recordoffset(server: SandboxServer) -> None:
    query = {
        "date": "2015-2020",
        "gender": "1,2",
        "c_age": "101...191",
        "select": "geography_code,record_count",
    }
    whole, offset = [], 0
    while True:
        page = list(csv.reader(io.StringIO(Answer(server, nomis_query(**query, RecordOffset=offset)).body.decode())))
        whole += page[1:]
        if len(page) - 1 < nomis.ROW_LIMIT:
            break
        offset += nomis.ROW_LIMIT
    assert offset == nomis.ROW_LIMIT
    assert len(whole) == 6 * 36 * 2 * 91 == int(whole[0][1])


def test_nomis_has_2021_only_after_its_release(server: SandboxServer) -> None:
    target = nomis_query(geography="E12000007", date="2001-2030", select="date_name")
    assert Answer(server, target).body.decode().split()[-1] == '"2020"'
    vru.sandbox.configure(server.state_dir, today=date(2023, 1, 15))
    assert Answer(server, target).body.decode().split()[-1] == '"2021"'


@pytest.mark.parametrize("wrong", [{"geography": "E99999999"}, {"gender": 7}, {"c_age": 1}, {"select": "nothing"}])
def test_nomis_refuses_what_it_does_not_have(server: SandboxServer, wrong: dict[str, object]) -> None:
    assert Answer(server, nomis_query(**wrong)).status == 400


@pytest.mark.parametrize("form", ["json", "geojson"])
@pytest.mark.parametrize("layer", sorted(arcgis.LAYERS))
def test_arcgis_pages_until_the_flag_is_gone(server: SandboxServer, layer: str, form: str) -> None:
    seen: list[int] = []
    while True:
        page = Answer(server, layer_query(layer, f=form, resultOffset=len(seen), resultRecordCount=2000)).json
        key = "attributes" if form == "json" else "properties"
        seen += [feature[key]["OBJECTID"] for feature in page["features"]]
        flagged = page if form == "json" else page.get("properties", {})
        if not flagged.get("exceededTransferLimit"):
            break
    total = Answer(server, layer_query(layer, returnCountOnly="true")).json["count"]
    assert seen == list(range(1, total + 1))


def test_arcgis_filters_and_takes_post(server: SandboxServer) -> None:
    layer = "Local_Authority_Districts_December_2022_UK_BGC_V2"
    target = layer_query(layer, where="LAD22CD LIKE 'E09%'", f="geojson", outFields="LAD22CD,LAD22NM")
    collection = Answer(server, target).json
    assert len(collection["features"]) == 33
    assert collection["features"][0]["properties"] == {"LAD22CD": "E09000001", "LAD22NM": "City of London"}
    path = urlsplit(target).path
    posted = Answer(server, path, form=urlencode({"where": "LAD22CD IN ('E09000012')", "outFields": "*", "f": "json"}))
    assert [feature["attributes"]["LAD22NM"] for feature in posted.json["features"]] == ["Hackney"]


@pytest.mark.parametrize(
    "target",
    [
        layer_query("No_Such_Layer"),
        layer_query("LSOA_2021_EW_BGC", where="NOTHERE = 'x'"),
        layer_query("LSOA_2021_EW_BGC", where="1=1; DROP TABLE x"),
        layer_query("LSOA_2021_EW_BGC", outFields="NOTHERE"),
        layer_query("LSOA_2021_EW_BGC", where=""),
    ],
)
def test_arcgis_errors_come_with_status_200(server: SandboxServer, target: str) -> None:
    answer = Answer(server, target)
    assert answer.status == 200
    assert answer.json["error"]["code"] == 400


def test_same_today_same_bytes_from_two_servers(tmp_path: Path) -> None:
    targets = [ARCHIVE, DATASET, nomis_query(), layer_query("LSOA_2021_EW_BGC", f="geojson")]
    bodies = []
    for name in ("one", "two"):
        with SandboxServer(tmp_path / name) as running:
            bodies.append([Answer(running, target).body for target in targets])
    assert bodies[0] == bodies[1]


def test_requests_are_recorded(server: SandboxServer) -> None:
    Answer(server, DATES)
    Answer(server, "/example.org/x?y=1")
    assert server.requests == [("GET", DATES, 200), ("GET", "/example.org/x?y=1", 404)]
    server.clear_requests()
    assert server.requests == []


def test_fault_for_a_while_then_healthy(server: SandboxServer) -> None:
    server.fault("/data.police.uk/api/*", "status", code=503, retry_after=7, times=2)
    answers = [Answer(server, DATES) for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert Answer(server, DATASET).status == 200


def test_faults_with_a_whole_answer(server: SandboxServer) -> None:
    server.fault(DATES, "html_200", times=1)
    server.fault(DATES, "json_error_200", times=1)
    server.fault(DATES, "redirect_to", url="http://127.0.0.2/", times=1)
    server.fault(DATES, "replace_body", body=b"a,b\n", times=1)
    server.fault(DATES, "alter", change=bytes.upper, times=1)
    server.fault(DATES, "redirect_loop")
    assert Answer(server, DATES).body.startswith(b"<!DOCTYPE html>")
    assert "error" in Answer(server, DATES).json
    assert Answer(server, DATES).headers["Location"] == "http://127.0.0.2/"
    assert Answer(server, DATES).body == b"a,b\n"
    assert Answer(server, DATES).body == b'{"DATE":"2022-07-01"}'
    assert Answer(server, DATES).headers["Location"] == f"{server.url}{DATES}"
    server.clear_faults()
    assert Answer(server, DATES).status == 200


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("short_of_content_length", 0),
        ("chunked_ended_early", 0),
        ("stall_after_headers", 0.05),
        ("stall_mid_body", 0.05),
    ],
)
def test_faults_that_cut_the_body(server: SandboxServer, kind: str, seconds: float) -> None:
    server.fault(DATES, kind, seconds=seconds)
    with pytest.raises(http.client.IncompleteRead):
        Answer(server, DATES)


def test_dropped_connection(server: SandboxServer) -> None:
    server.fault(DATES, "drop")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        Answer(server, DATES)


@pytest.mark.parametrize(("kind", "seconds"), [("slow_headers", 0.2), ("slow_body", 0.01)])
def test_slow_but_sound(server: SandboxServer, kind: str, seconds: float) -> None:
    server.fault(DATES, kind, seconds=seconds)
    started = time.monotonic()
    assert Answer(server, DATES).json == {"date": "2022-07-01"}
    assert time.monotonic() - started >= 0.15


def test_unknown_fault_is_refused(server: SandboxServer) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        server.fault("*", "gremlins")


def test_stop_does_not_wait_for_a_stalled_client(tmp_path: Path) -> None:
    server = SandboxServer(tmp_path).start()
    server.fault(DATES, "stall_after_headers", seconds=60)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", DATES)
    connection.getresponse()
    started = time.monotonic()
    server.stop()
    server.stop()
    assert time.monotonic() - started < 2
    connection.close()


@pytest.mark.parametrize("end", ["terminated", "its starter is gone"])
def test_command_line_serves_steps_and_ends(tmp_path: Path, end: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(vru.sandbox.__file__).parents[2])}
    base = [sys.executable, "-m", "vru.sandbox"]
    state = ["--state", str(tmp_path / "state")]
    process = subprocess.Popen(
        [*base, "serve", *state, "--port", "0", "--until-stdin-closes"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().decode().split()[-1].removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=5)
        connection.request("GET", DATES)
        assert json.loads(connection.getresponse().read()) == {"date": "2022-07-01"}
        connection.close()
        moved = subprocess.run([*base, "next", *state], env=environment, capture_output=True, check=True)
        assert moved.stdout == b"2022-11-15\n"
        if end == "terminated":
            process.send_signal(signal.SIGTERM)
        else:
            process.stdin.close()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
