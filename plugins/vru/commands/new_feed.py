"""`vru new-feed`: the files of a feed that is delimited text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vru.contracts.base import SLUG

if TYPE_CHECKING:
    from vru.contracts import Contract

CONTRACT = """\
feed: {slug}
title: {title}
publisher: Name of the publisher
owner: Name of the team at the partner that answers for the data
description: >-
  What one row is, what is in it and what is not, and what each delivery replaces. Say it so that an analyst
  who has never seen the file knows what to count.
licence: OGL v3.0
attribution: Contains public sector information licensed under the Open Government Licence v3.0.
homepage: https://example.org
contract_version: 1
schedule: "0 6 * * 1"
cadence_days: 31
due_lag_days: 31
tolerance_pct: 1.0
transport:
  kind: inbox
when_red: >-
  Read the last line of the failed task. Say here whom to write to, and what to compare before a release.
resources:
  - name: {resource}
    description: What one row of this file is.
    names:
      - pattern: "{pattern}"
    formats:
      - kind: csv
    delivery: snapshot
    grain: month
    unit_column: month
    row_identity: none
    columns:
      - name: month
        description: Month that the row belongs to, as its first day.
        type: month
        aliases: [Month]
        formats: ["%Y-%m"]
        nullable: false
        mandatory: true
      - name: borough_name
        description: Borough that the row belongs to, under its ONS name.
        aliases: [Borough]
        nullable: false
        mandatory: true
        values_from: borough
      - name: kind
        description: What is counted, in the partner's words.
        aliases: [Kind]
      - name: value_count
        description: What is counted, and in which unit.
        type: integer
        aliases: [Count]
        nullable: false
        mandatory: true
"""

SUITE = """\
# What {title} must be like before anyone relies on it. Each reason is written for the partner.
feed: {slug}
resources:
  {resource}:
    cells: [month, borough_name, kind]
    cell_value: value_count
    checks:
      - id: manifest_rows_agree
        type: delivery.manifest_rows
        severity: critical
        reason: The file has not as many rows as announced with it. Some were lost or added; please send it again.
      - id: file_is_whole
        type: delivery.final_newline
        severity: critical
        reason: The file ends in the middle of a line and nothing proves that it is whole. Please send it again.
      - id: month_not_in_future
        type: expect_column_values_to_be_between
        column: month
        kwargs: {{max_value: "{{today}}"}}
        severity: critical
        reason: A month that has not begun cannot have been counted. Please correct the month.
      - id: month_not_before_series
        type: expect_column_values_to_be_between
        column: month
        kwargs: {{min_value: "2000-01-01"}}
        severity: critical
        reason: The month is before the first one that the agreement with you covers. Please correct the month.
      - id: value_is_a_count
        type: expect_column_values_to_be_between
        column: value_count
        kwargs: {{min_value: 0}}
        severity: critical
        reason: A count is never negative. Please send the correction as the corrected total.
      - id: no_month_lost
        type: between_vintages.no_unit_missing
        severity: critical
        reason: A month that an earlier file covers is not in this one. Please send all months again.
      - id: borough_vanished
        type: between_vintages.no_value_vanished
        column: borough_name
        kwargs: {{min_rows: 20}}
        severity: critical
        reason: A borough with twenty rows or more in the earlier file has none in this one. Was it left out?
      - id: volume_against_earlier_file
        type: between_vintages.volume
        severity: critical
        reason: >-
          The number of rows fell by 60 % or more, or rose by 300 % or more, against an earlier file. Please check what
          was exported before this file replaces it.
"""

WALK = """\
# What is done to the sound file so that one check alone fails.
feed: {slug}
resources:
  {resource}:
    file: sample.csv
    vintage: 2022-02-15
    stands:
      - {{vintage: 2022-01-20}}
    checks:
      manifest_rows_agree: {{announced: 201}}
      file_is_whole: {{is_cut: true}}
      month_not_in_future:
        - {{records: 5, copies: 1, set: {{Month: 2022-03}}}}
      month_not_before_series:
        - {{records: 5, copies: 1, set: {{Month: 1999-12}}}}
      value_is_a_count:
        - {{records: 5, copies: 1, set: {{Count: "-1"}}}}
      no_month_lost:
        - {{where: {{Month: 2021-12}}, drop: true}}
      borough_vanished:
        - {{where: {{Borough: Camden}}, set: {{Borough: Barnet}}}}
      volume_against_earlier_file:
        - {{copies: 3}}
    in_any_order:
      - {{vintage: 2022-01-20, fails: []}}
      - vintage: 2022-02-15
        fails: [no_month_lost, borough_vanished]
        changes:
          - {{where: {{Month: 2021-12}}, drop: true}}
          - {{where: {{Borough: Camden}}, set: {{Borough: Barnet}}}}
      - vintage: 2022-03-15
        fails: [volume_against_earlier_file]
        changes:
          - {{copies: 4}}
"""

BOROUGHS = ("Barnet", "Camden", "Hackney", "Lambeth", "Newham", "Southwark")
KINDS = ("Visit in person", "Call by telephone")
FIXTURE = "Month,Borough,Kind,Count\n" + "".join(
    f"{2019 + place // 12}-{place % 12 + 1:02d},{BOROUGHS[number % 6]},{KINDS[number % 7 % 2]},{10 + number * 7 % 90}\n"
    for number in range(200)
    for place in [number * 36 // 200]
)
"""Three whole years; 200 rows, so that the table of bad inputs takes it as it is."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new-feed")(new_feed)


def new_feed(
    slug: Annotated[str, typer.Argument(help="Name of the feed in snake_case, for example nhs_istv.")],
) -> None:
    """Write contract, suite, staging model, sources, fixture and faults of a new feed; fill in what they ask for."""
    from vru.contracts import load_contract
    from vru.settings import settings
    from vru.transform.scaffold import sources_yaml, staging_sql

    if not re.fullmatch(SLUG, slug):
        raise ValueError(f"'{slug}' is no slug; write it in snake_case, for example nhs_istv")
    words = {
        "slug": slug,
        "title": slug.replace("_", " ").capitalize(),
        "resource": slug.split("_")[-1],
        "pattern": slug.replace("_", "-"),
    }
    now = settings()
    contract_file = now.feeds_dir / f"{slug}.yml"
    suite_file = now.expectations_dir / "raw" / f"{slug}.yml"
    staging = now.dbt_dir / "models" / "staging"
    model_file, sources_file = staging / f"stg_{slug}.sql", staging / f"{slug}.yml"
    tests = now.checkout / "tests"
    fixture_file = tests / "fixtures" / slug / "sample.csv"
    walk_file = tests / "unit" / "quality" / "walk" / f"{slug}.yml"
    files = (contract_file, suite_file, model_file, sources_file, fixture_file, walk_file)
    standing = [path for path in files if path.exists()]
    if standing:
        raise ValueError(f"{standing[0].relative_to(now.checkout)} is there already; nothing was written")
    _write(contract_file, CONTRACT.format(**words))
    contract = load_contract(slug)
    _write(suite_file, SUITE.format(**words))
    _write(model_file, staging_sql(contract, contract.resources[0]))
    _write(sources_file, sources_yaml(contract))
    _write(fixture_file, FIXTURE)
    _write(walk_file, WALK.format(**words))
    _note_version(tests / "contract" / "contract_versions.yml", contract)
    for path in files:
        typer.echo(path.relative_to(now.checkout))
    typer.echo("next: fill in the contract and the suite, note its fingerprint in tests/contract, then: make test")


def _note_version(path: Path, contract: Contract) -> None:
    """Note how the first version reads, beside those of the other feeds."""
    known = path.read_text(encoding="utf-8") if path.is_file() else ""
    _write(path, f"{known}{contract.feed}:\n  {contract.contract_version}: {contract.fingerprint}\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
