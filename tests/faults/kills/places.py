"""The places at which a run is killed: five in each stage, what stops it there, and what proves that it was there.

The run that is killed brings two files of victims and one of population; the first file, the second file and the second
feed make three rounds through fetch, parse, audit and admit. Then the build writes what differs into the tables of the
build before the last, and swaps.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults.kills import holds
from tests.faults.kills.holds import Hold
from tests.faults.kills.state import POPULATION, POPULATION_PATH, SECOND_FILE, VICTIMS, VICTIMS_PATH

FETCHING, PARSING = f"vru: fetch {VICTIMS}", f"vru: ingest {VICTIMS}"
BUILDING = "vru: build 3"
SECOND = f"new.file_name = '{SECOND_FILE}'"
OF_POPULATION = f"new.feed = '{POPULATION}'"


@dataclass(frozen=True)
class Place:
    """Where a run is when it is killed.

    `session` and the beginning of its `statement` are what pg_stat_activity shows of it; `batches` are the
    statuses of the new batches that others can see; `steps` are the steps of the build that are done, None before it.
    """

    stage: str
    name: str
    hold: Hold
    session: str
    statement: str
    batches: tuple[str, ...] = ()
    steps: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return f"{self.stage}-{self.name}"


ALL_ADMITTED = ("admitted",) * 3
DOMAINS = ("domain.shared", "domain.homicide", "domain.police_uk", "domain.measures")
BUILT = (*DOMAINS, "audit")

FETCH = (
    Place("fetch", "in_a_body_that_stalls", holds.download(VICTIMS_PATH, "stall_mid_body", VICTIMS),
          FETCHING, ""),
    Place("fetch", "in_a_body_that_trickles", holds.download(VICTIMS_PATH, "slow_body", VICTIMS),
          FETCHING, ""),
    Place("fetch", "between_bytes_and_record", holds.row("ops.content"), FETCHING, "insert into ops.content"),
    Place("fetch", "in_the_commit_of_an_attempt", holds.commit("ops.attempt", "new.outcome = 'new'"), FETCHING, "commit"),
    Place("fetch", "in_a_body_of_the_second_feed", holds.download(POPULATION_PATH, "stall_mid_body", POPULATION),
          f"vru: fetch {POPULATION}", "", ("admitted",) * 2),
)  # fmt: skip
PARSE = (
    Place("parse", "before_the_batch", holds.row("ops.batch"), PARSING, "insert into ops.batch"),
    Place("parse", "in_the_middle_of_the_rows", holds.row(f"raw.{VICTIMS}", "new.line_number = 1000"), PARSING, "copy "),
    Place("parse", "after_the_rows", holds.row("ops.batch", "new.rows_parsed > 0", event="update"), PARSING,
          "update ops.batch set"),
    Place("parse", "in_the_commit_of_the_second_file", holds.commit("ops.batch", SECOND), PARSING, "commit", ("parsed",)),
    Place("parse", "in_the_rows_of_the_second_feed", holds.row(f"raw.{POPULATION}__borough", "new.line_number = 20"),
          f"vru: ingest {POPULATION}", "copy ", ("admitted",) * 2),
)  # fmt: skip
AUDIT = (
    Place("audit", "while_rows_are_checked", holds.reading(f"raw.{VICTIMS}", SECOND), "", "", ("parsed",) * 2),
    Place("audit", "before_the_results", holds.row("ops.check_result"), "vru: audit", "insert into ops.check_result",
          ("parsed",) * 2),
    Place("audit", "before_the_verdict", holds.row("ops.batch", "new.audited_at is not null", event="update"),
          "vru: audit", "update ops.batch set audited_at", ("parsed",) * 2),
    Place("audit", "in_the_commit_of_the_second_file",
          holds.commit("ops.batch", f"new.audited_at is not null and {SECOND}", event="update"), "vru: audit", "commit",
          ("parsed", "parsed audited")),
    Place("audit", "before_the_results_of_the_second_feed", holds.row("ops.check_result", f"new.suite ~ '{POPULATION}'"),
          "vru: audit", "insert into ops.check_result", ("admitted", "admitted", "parsed")),
)  # fmt: skip
ADMITTED = "new.status = 'admitted'"
ADMIT = (
    Place("admit", "before_the_first_file_counts", holds.row("ops.batch", ADMITTED, event="update"), "vru: admit",
          "update ops.batch set status = 'admitted'", ("parsed audited",) * 2),
    Place("admit", "before_its_history", holds.row("ops.batch_status", ADMITTED), "vru: admit",
          "update ops.batch set status = 'admitted'", ("parsed audited",) * 2),
    Place("admit", "in_the_commit", holds.commit("ops.batch", ADMITTED, event="update"), "vru: admit", "commit",
          ("parsed audited",) * 2),
    Place("admit", "before_the_second_file_counts", holds.row("ops.batch", f"{ADMITTED} and {SECOND}", event="update"),
          "vru: admit", "update ops.batch set status = 'admitted'", ("admitted", "parsed audited")),
    Place("admit", "in_the_commit_of_the_second_feed",
          holds.commit("ops.batch", f"{ADMITTED} and {OF_POPULATION}", event="update"), "vru: admit", "commit",
          ("admitted", "admitted", "parsed audited")),
)  # fmt: skip
BUILD = (
    Place("build", "while_it_is_prepared", holds.row("ops.build"), "vru: build", "insert into ops.build", ALL_ADMITTED),
    Place("build", "in_the_first_domain", holds.lock("marts_build.dim_month", "access share"), BUILDING, "", ALL_ADMITTED, ()),
    Place("build", "in_a_domain_between", holds.lock("marts_build.fct_homicide_victim", "access share"), BUILDING, "",
          ALL_ADMITTED, DOMAINS[:1]),
    Place("build", "in_the_last_domain", holds.lock("marts_build.mart_measure", "access share"), BUILDING, "", ALL_ADMITTED,
          DOMAINS[:3]),
    Place("build", "while_marts_are_checked", holds.row("ops.check_result", "new.build_id is not null"),
          "vru: audit of marts", "insert into ops.check_result", ALL_ADMITTED, DOMAINS),
)  # fmt: skip
SWAPPED = "new.status = 'swapped'"
SWAP = (
    Place("swap", "while_it_waits_for_readers", holds.readers(), BUILDING, "select pg_advisory_xact_lock", ALL_ADMITTED, BUILT),
    Place("swap", "while_it_wants_the_tables_alone", holds.lock("marts.mart_measure", "access share"), BUILDING,
          "lock table", ALL_ADMITTED, BUILT),
    Place("swap", "before_the_renames", holds.row("marts_build.build_info"), BUILDING, "insert into", ALL_ADMITTED, BUILT),
    Place("swap", "after_the_renames", holds.row("ops.build", SWAPPED, event="update"), BUILDING, "update ops.build set",
          ALL_ADMITTED, BUILT),
    Place("swap", "in_the_commit", holds.commit("ops.build", SWAPPED, event="update"), BUILDING, "commit", ALL_ADMITTED, BUILT),
)  # fmt: skip
PLACES = (*FETCH, *PARSE, *AUDIT, *ADMIT, *BUILD, *SWAP)
OF_SERVER = (*PARSE, *BUILD)
"""Where the server is killed."""
