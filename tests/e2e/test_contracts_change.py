"""A new feed without Python, and a mended contract: on a copy of the checkout, whose files may be changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Home
from tests.scratch import Scratch, scratch

VICTIMS = "mps_homicide_victims"
HEADER = (
    "Count of Victims,Age Group,Sex,Method of Killing,Domestic Abuse,Recorded Date,Homicide Offence Type,"
    "Solved Status,Borough,Officer Observed Ethnicity\n"
)


@dataclass
class Copy:
    """A copy of the checkout and a state folder for it."""

    place: Scratch
    home: Home

    def __call__(self, *arguments: str | Path, expect: int = 0) -> str:
        done = self.place.run("vru", *arguments, home=self.home.path, VRU_ENV_FILE="")
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def next_version(self, feed: str) -> int:
        """The contract says that it is another now; its new version."""
        text = (self.place.folder / "feeds" / f"{feed}.yml").read_text(encoding="utf-8")
        version = int(re.findall(r"^contract_version: ([0-9]+)$", text, re.MULTILINE)[0])
        self.place.change(f"feeds/{feed}.yml", f"contract_version: {version}", f"contract_version: {version + 1}")
        return version + 1


@pytest.fixture(scope="module")
def vru(tmp_path_factory: pytest.TempPathFactory, new_home: Callable[..., Home]) -> Copy:
    return Copy(scratch(tmp_path_factory.mktemp("checkout")), new_home())


AGES = ("13 to 19", "20 to 24", "25 to 34", "35 to 44", "45 to 54", "55 to 64")
PEOPLE = [(age, sex, ethnicity) for age in AGES for sex in ("Male", "Female") for ethnicity in ("White", "Black")]
VICTIMS_A_MONTH = len(PEOPLE)
TOTAL = 10 * VICTIMS_A_MONTH


def victims(header: str = HEADER) -> str:
    """A file of ten months, all killed by a knife, two of them in a word that the contract does not know."""
    rows = [
        f"1,{age},{sex},Knife or Sharp Implement,No,{month} 2020,Murder,Solved,Camden,{ethnicity}\n"
        for month in ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct")
        for age, sex, ethnicity in PEOPLE
    ]
    for number in (3, 100):
        rows[number] = rows[number].replace("Knife or Sharp Implement", "Blade")
    return header + "".join(rows)


def test_a_csv_feed_touches_no_python(vru: Copy) -> None:
    said = vru("new-feed", "shelter_visits")
    for file in (
        "feeds/shelter_visits.yml", "expectations/raw/shelter_visits.yml", "tests/fixtures/shelter_visits/sample.csv",
        "dbt_project/models/staging/shared/stg_shelter_visits.sql", "dbt_project/models/staging/shared/shelter_visits.yml",
        "tests/unit/quality/walk/shelter_visits.yml",
    ):  # fmt: skip
        assert file in said
        assert (vru.place.folder / file).is_file()
    assert "nothing was written" in vru("new-feed", "shelter_visits", expect=2)
    vru("ingest", "shelter_visits", "--file", vru.place.folder / "tests/fixtures/shelter_visits/sample.csv")
    (batch,) = json.loads(vru("batches", "shelter_visits", "--json"))
    assert (batch["status"], batch["rows_admitted"], batch["period_start"], batch["period_end"]) == (
        "admitted", 200, "2019-01-01", "2021-12-31",
    )  # fmt: skip
    vru("build")
    sample = (vru.place.folder / "tests/fixtures/shelter_visits/sample.csv").read_text(encoding="utf-8")
    counted = sum(int(line.rpartition(",")[2]) for line in sample.splitlines()[1:])
    assert vru.home.sql("select sum(value_count) from staging.stg_shelter_visits", role="transformer") == [(counted,)]


@pytest.mark.deep
def test_a_mended_contract_replays_and_the_old_figures_can_still_be_had(vru: Copy, tmp_path: Path) -> None:
    file = tmp_path / "homicide_victims.csv"
    file.write_text(victims(), encoding="utf-8")
    vru("ingest", VICTIMS, "--file", file)
    vru("build")
    knife = "select sum(value_count) from {}.headline_london_month where definition_id = 'homicide_knife'"
    before = vru.home.sql(knife.format("marts"), role="transformer")
    assert before == [(TOTAL - 2,)], "an unknown method is nobody's"
    assert vru.home.sql("select count(*) from quarantine.cell") == [(2,)]
    assert "all are parsed under the present contract version" in vru("replay", VICTIMS)
    ((then,),) = vru.home.sql("select clock_timestamp()")

    vru.place.change(f"feeds/{VICTIMS}.yml", "Knife or Sharp Implement: []", "Knife or Sharp Implement: [Blade]")
    vru.next_version(VICTIMS)
    assert "nothing new, no batch made" in vru("ingest", VICTIMS, "--file", file), (
        "a mended contract waits for a replay"
    )
    assert "1 contents parsed again, 1 admitted" in vru("replay", VICTIMS)
    vru("build")
    assert vru.home.sql(knife.format("marts"), role="transformer") == [(TOTAL,)]
    everyone = "select sum(victim_count) from marts.fct_homicide_victim"
    assert vru.home.sql(everyone, role="transformer") == [(TOTAL,)], "nobody is counted twice"
    old, new = json.loads(vru("batches", VICTIMS, "--json"))
    assert (old["contract_version"], new["contract_version"]) == (1, 2)
    assert old["sha256"] == new["sha256"]

    vru("build", "--as-admitted-at", then.isoformat())
    schema = f"asof_{then:%Y%m%d}"
    assert vru.home.sql(knife.format(schema), role="transformer") == before


def test_a_rejected_file_is_admitted_by_a_mended_contract(vru: Copy, tmp_path: Path) -> None:
    file = tmp_path / "homicide_victims_next.csv"
    file.write_text(victims(HEADER.replace("Borough,", "Borough of incident,")), encoding="utf-8")
    said = vru("ingest", VICTIMS, "--file", file, expect=1)
    assert "missing_column" in said
    batch = json.loads(vru("batches", VICTIMS, "--json"))[-1]
    assert batch["status"] == "rejected"
    assert f"vru replay {VICTIMS} --batch {batch['batch_id']}" in said
    vru.place.change(f"feeds/{VICTIMS}.yml", "aliases: [Borough]", "aliases: [Borough, Borough of incident]")
    version = vru.next_version(VICTIMS)
    vru("replay", VICTIMS, "--batch", str(batch["batch_id"]))
    replayed = json.loads(vru("batches", VICTIMS, "--json"))[-1]
    assert (replayed["status"], replayed["contract_version"], replayed["sha256"]) == (
        "admitted", version, batch["sha256"]
    )  # fmt: skip


@pytest.mark.deep
def test_a_file_of_unknown_shape_finds_its_resource_once_the_contract_is_mended(vru: Copy, tmp_path: Path) -> None:
    """A feed of several resources: the rejected file belongs to none until then, and is parsed only once after."""
    feed = "ons_population"
    header = "GEOGRAPHY_CODE,GEOGRAPHY_NAME,DATE_NAME,OBS_VALUE\n"
    codes = [f"E090000{number:02d}" for number in range(1, 34)]
    rows = [f"{code},Place,2020,9000\n" for code in codes]
    file = tmp_path / "estimates.csv"
    file.write_text(header.replace("OBS_VALUE", "OBSERVED") + "".join(rows) + "E12000007,London,2020,297000\n")
    assert "unknown_shape" in vru("ingest", feed, "--file", file, expect=1)
    (rejected,) = json.loads(vru("batches", feed, "--json"))
    assert (rejected["status"], rejected["resource"]) == ("rejected", "")
    vru.place.change(f"feeds/{feed}.yml", "[population, OBS_VALUE]", "[population, OBS_VALUE, OBSERVED]")
    vru.next_version(feed)
    assert "1 contents parsed again, 1 admitted" in vru("replay", feed)
    assert "all are parsed under the present contract version" in vru("replay", feed)
    found = [(b["status"], b["resource"], b["contract_version"]) for b in json.loads(vru("batches", feed, "--json"))]
    assert found == [("rejected", "borough", 1), ("admitted", "borough", 2)]
    assert vru.home.sql("select distinct resource from ops.stated where feed = %s", feed) == [("borough",)]
