"""The synthetic London: the same bytes every time, and a month that moves as the real one would."""

from __future__ import annotations

import ast
import csv
import io
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pytest
import vru.sandbox
from vru.sandbox import (
    archive,
    clock,
    events,
    geography,
    homicide,
    months,
    police,
    population,
    stop_search,
    street,
)

SEED = clock.DEFAULT_SEED
RELEASE = date(2022, 7, 1)
FORCES = {force.slug: force for force in police.FORCES}


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("ascii"), newline="")))


def test_imports_nothing_but_the_standard_library_and_itself() -> None:
    for path in Path(vru.sandbox.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or name.startswith("vru.sandbox"), (path.name, name)


def test_another_process_makes_the_same_bytes() -> None:
    code = (
        "import hashlib; from datetime import date; from vru.sandbox import archive;"
        "print(hashlib.sha256(archive.archive_zip(2014, date(2014, 3, 1))).hexdigest())"
    )
    plugins = Path(vru.sandbox.__file__).parents[2]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(plugins), "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_another_seed_makes_other_bytes() -> None:
    month = date(2022, 7, 1)
    one = street.street_csv(1, FORCES["btp"], month, month)
    assert one == street.street_csv(1, FORCES["btp"], month, month)
    assert one != street.street_csv(2, FORCES["btp"], month, month)


def test_archive_is_a_rolling_window_of_36_months() -> None:
    with zipfile.ZipFile(io.BytesIO(archive.archive_zip(SEED, RELEASE))) as content:
        names = content.namelist()
        assert content.testzip() is None
        assert {entry.date_time for entry in content.infolist()} == {(2022, 9, 28, 9, 30, 0)}
    assert names == sorted(names)
    assert {name[:7] for name in names} == {months.month_text(month) for month in police.window(RELEASE)}
    assert len(names) == 36 * 4 * 3
    assert "2022-07/2022-07-city-of-london-stop-and-search.csv" in names


def test_archive_is_shorter_near_the_start() -> None:
    assert police.window(date(2014, 2, 1)) == [date(2014, 1, 1), date(2014, 2, 1)]


def test_late_force_is_absent_and_comes_with_the_next_release() -> None:
    late = "2022-08/2022-08-city-of-london-street.csv"
    names = {
        month: {name for name, _ in archive.members(SEED, month)} for month in (date(2022, 8, 1), date(2022, 9, 1))
    }
    assert late not in names[date(2022, 8, 1)]
    assert "2022-08/2022-08-metropolitan-street.csv" in names[date(2022, 8, 1)]
    assert late in names[date(2022, 9, 1)]
    assert events.is_missing("city-of-london", "street", date(2017, 10, 1), date(2017, 12, 1))
    assert not events.is_missing("city-of-london", "street", date(2017, 10, 1), date(2018, 1, 1))


def test_every_release_restates_recent_months_and_one_settled_month_and_nothing_else() -> None:
    older, newer = date(2022, 8, 1), date(2022, 9, 1)
    changed = {
        (force.slug, month)
        for force in police.FORCES
        for month in police.window(newer)[:-1]
        if street.street_csv(SEED, force, month, older) != street.street_csv(SEED, force, month, newer)
    }
    restated = events.restated_month(newer)
    assert restated in changed
    recent = {month for _, month in changed - {restated}}
    assert recent
    assert min(recent) >= months.add_months(newer, -street.SETTLED_AGE)


def test_street_rows_have_the_known_oddities() -> None:
    rows = [
        row
        for month in months.month_range(date(2022, 8, 1), date(2022, 12, 1))
        for row in table(street.street_csv(SEED, FORCES["metropolitan"], month, date(2023, 3, 1)))
    ]
    ids = Counter(row["Crime ID"] for row in rows if row["Crime ID"])
    assert max(ids.values()) > 1, "no Crime ID is repeated"
    assert all((row["Crime ID"] == "") == (row["Crime type"] == street.ANTI_SOCIAL) for row in rows)
    assert max(Counter(tuple(row.values()) for row in rows if row["Crime ID"]).values()) > 1
    assert any(row["Location"] == "On or near " for row in rows)
    assert any(row["Location"] == "No location" and row["LSOA code"] == "" for row in rows)
    assert any(row["LSOA name"].startswith("Epping Forest") for row in rows)


def test_repeated_crime_ids_end_for_the_metropolitan_police_in_march_2024() -> None:
    month = date(2024, 3, 1)
    rows = table(street.street_csv(SEED, FORCES["metropolitan"], month, month))
    ids = [row["Crime ID"] for row in rows if row["Crime ID"]]
    assert len(ids) == len(set(ids))


def test_lsoa_vintages_stand_side_by_side_for_one_year_only() -> None:
    old_only, new_only = set(), set()
    for area in (*geography.AUTHORITIES, *geography.OUTSIDE):
        old = {lsoa.code for lsoa in geography.lsoas_2011(area)}
        new = {lsoa.code for lsoa in geography.lsoas_2021(area)}
        old_only |= old - new
        new_only |= new - old

    def vintages(month: date) -> set[str]:
        codes = {row["LSOA code"] for row in table(street.street_csv(SEED, FORCES["metropolitan"], month, month))}
        return {name for name, only in (("2011", old_only), ("2021", new_only)) if codes & only}

    assert vintages(date(2022, 6, 1)) == {"2011"}
    assert vintages(date(2022, 11, 1)) == {"2011", "2021"}
    assert vintages(date(2023, 7, 1)) == {"2021"}


def test_summer_stop_and_search_file_starts_on_the_evening_before() -> None:
    rows = table(stop_search.stop_search_csv(SEED, FORCES["metropolitan"], date(2022, 6, 1)))
    assert rows[0]["Date"].startswith("2022-05-31T23:0")
    assert rows[0]["Date"].endswith("+00:00")
    winter = table(stop_search.stop_search_csv(SEED, FORCES["metropolitan"], date(2022, 12, 1)))
    assert winter[0]["Date"].startswith("2022-12-01T00:0")


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2023-03-26T00:59", "2023-03-26T00:59:00+00:00"),
        ("2023-03-26T02:00", "2023-03-26T01:00:00+00:00"),
        ("2023-10-29T00:30", "2023-10-28T23:30:00+00:00"),
        ("2023-10-29T02:00", "2023-10-29T02:00:00+00:00"),
    ],
)
def test_london_time_to_utc(local: str, utc: str) -> None:
    assert stop_search.to_utc(datetime.fromisoformat(local)).isoformat() == utc


def test_last_stop_and_search_columns_are_empty_before_2024() -> None:
    for month, is_supplied in ((date(2023, 12, 1), False), (date(2024, 1, 1), True)):
        rows = table(stop_search.stop_search_csv(SEED, FORCES["metropolitan"], month))
        values = {row["Outcome linked to object of search"] for row in rows}
        assert values == ({"True", "False"} if is_supplied else {""})


def test_every_point_lies_in_its_tile_and_both_its_lsoas() -> None:
    for area in geography.AUTHORITIES:
        west, south, east, north = geography.authority_box(area)
        for point in geography.points(SEED, area):
            longitude, latitude = float(point.longitude), float(point.latitude)
            assert west < longitude < east
            assert south < latitude < north
            for lsoa in (point.lsoa11, point.lsoa21):
                assert lsoa.box[0] < longitude < lsoa.box[2]
                assert lsoa.box[1] < latitude < lsoa.box[3]


def test_tiles_do_not_overlap_and_most_codes_stand_in_both_vintages() -> None:
    areas = (*geography.AUTHORITIES, *geography.OUTSIDE)
    assert len({(area.column, area.row) for area in areas}) == len(areas)
    old = {lsoa.code for area in geography.AUTHORITIES for lsoa in geography.lsoas_2011(area)}
    new = {lsoa.code for area in geography.AUTHORITIES for lsoa in geography.lsoas_2021(area)}
    assert len(old) == 330
    assert len(old & new) == 330 - 11 - 22
    assert len(new - old) == 22 + 11


def test_homicide_header_generations_by_date_of_the_vintage() -> None:
    world = clock.World()
    found = {}
    for vintage in homicide.vintages(clock.World(date(2025, 10, 15))):
        found[vintage.generation] = homicide.victims_csv(world, vintage)
    assert list(found) == ["2021-05", "2022", "2025-02", "2025-09"]
    assert b",Jan 2003," in found["2021-05"]
    assert b"\r\n" not in found["2021-05"]
    assert b",Jan-03," in found["2022"]
    assert b", Unsolved ," in found["2022"]
    assert b'"Pysical Assualt, no weapon"' in found["2022"]
    assert b",MethodofKilling," in found["2025-02"]
    assert b",Recorded Year,Recorded Month," in found["2025-02"]
    assert b",Unmapped," in found["2025-02"]
    assert found["2025-09"].startswith(b"Homicide ID,")
    assert b",01-Jan-03," in found["2025-09"]


def test_homicide_vintages_restate_recent_years_upwards() -> None:
    world = clock.World()
    first, *_, last = homicide.vintages(clock.World(date(2022, 10, 15)))
    counts = [Counter(victim.recorded.year for victim in homicide.victims(world, each)) for each in (first, last)]
    assert counts[1][2020] > counts[0][2020]
    assert counts[1][2003] == counts[0][2003]
    for year in range(2014, 2021):
        assert 85 <= counts[1][year] <= 155, (year, counts[1][year])


def test_homicide_has_identical_rows_that_are_different_people() -> None:
    vintage = homicide.vintages(clock.World(date(2022, 10, 15)))[-1]
    rows = [tuple(row.values()) for row in table(homicide.victims_csv(clock.World(), vintage))]
    assert len(rows) - len(set(rows)) > 10


def test_ealing_defect_is_off_by_default_and_moves_labels_only() -> None:
    vintage = next(each for each in homicide.vintages(clock.World(date(2022, 10, 15))) if each.published.year == 2022)
    sound = homicide.victims(clock.World(), vintage)
    moved = homicide.victims(clock.World(ealing_defect=True), vintage)
    assert len(sound) == len(moved)
    in_ealing = [sum(victim.borough == "Ealing" for victim in each) for each in (sound, moved)]
    assert in_ealing[1] == 2 * in_ealing[0]


def test_population_adds_up_and_breaks_in_2021() -> None:
    release = population.current_release(date(2023, 1, 15))
    assert population.current_release(date(2022, 10, 15)).last_year == 2020
    assert release.last_year == 2021

    def london(year: int) -> int:
        return population.residents(SEED, release, "E12000007", year, [1, 2], None)

    assert london(2021) < london(2020)
    assert london(2020) == sum(
        population.residents(SEED, release, area.code, 2020, [1, 2], None) for area in geography.AUTHORITIES
    )
    ages = sum(
        population.residents(SEED, release, "E09000012", 2020, [sex], age) for sex in (1, 2) for age in range(91)
    )
    assert ages == population.residents(SEED, release, "E09000012", 2020, [1, 2], None)
    rebased = population.current_release(date(2024, 1, 15))
    assert population.residents(SEED, rebased, "E12000007", 2018, [1, 2], None) < london(2018)
    assert population.residents(SEED, rebased, "E12000007", 2010, [1, 2], None) == london(2010)


def test_clock_starts_moves_and_survives(tmp_path: Path) -> None:
    assert vru.sandbox.today(tmp_path) == date(2022, 10, 15)
    assert vru.sandbox.advance(tmp_path) == date(2022, 11, 15)
    vru.sandbox.configure(tmp_path, today=date(2022, 12, 15))
    assert vru.sandbox.advance(tmp_path) == date(2023, 1, 15)
    assert vru.sandbox.today(tmp_path) == date(2023, 1, 15)
    assert [path.name for path in tmp_path.iterdir()] == [clock.FILE_NAME]


def test_each_month_somebody_is_late_and_every_third_month_somebody_is_broken(tmp_path: Path) -> None:
    broken = []
    for _ in range(12):
        vru.sandbox.advance(tmp_path)
        state = vru.sandbox.status(tmp_path)
        assert state["late"]
        assert state["restated"]
        broken.append(state["broken"])
    assert [partner for partner in broken if partner] == list(events.BROKEN_PARTNERS)
    assert broken[:3] == [None, "homicide", None]
