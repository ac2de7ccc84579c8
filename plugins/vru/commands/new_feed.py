"""`vru new-feed`: the files of a feed that is delimited text."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
        nullable: false
        mandatory: true
      - name: value_count
        description: What is counted, and in which unit.
        type: integer
        aliases: [Count]
        nullable: false
        mandatory: true
"""

WALK = """\
# What is done to the sound file so that one check alone fails.
feed: {slug}
resources:
  {resource}:
    file: sample.csv
    vintage: 2022-02-15
    stands:
      - {{vintage: 2022-01-20, changes: [{{records: 1, set: {{Count: "11"}}}}]}}
    checks:
      manifest_rows_agree: {{announced: 201}}
      file_is_whole: {{is_cut: true}}
      month_not_in_future:
        - {{records: 5, copies: 1, set: {{Month: 2022-03}}}}
      month_not_before_series:
        - {{records: 5, copies: 1, set: {{Month: 1999-12}}}}
      kind_is_filled:
        - {{records: 5, set: {{Kind: ""}}}}
      value_count_is_a_count:
        - {{records: 5, copies: 1, set: {{Count: "-1"}}}}
      no_month_lost:
        - {{where: {{Month: 2021-12}}, drop: true}}
      borough_name_vanished:
        - {{where: {{Borough: {lost}}}, set: {{Borough: {kept}}}}}
      volume_against_earlier_file:
        - {{copies: 3}}
    in_any_order:
      - {{vintage: 2022-01-20, fails: []}}
      - vintage: 2022-02-15
        fails: [no_month_lost, borough_name_vanished]
        changes:
          - {{where: {{Month: 2021-12}}, drop: true}}
          - {{where: {{Borough: {lost}}}, set: {{Borough: {kept}}}}}
      - vintage: 2022-03-15
        fails: [volume_against_earlier_file]
        changes:
          - {{copies: 4}}
"""

KINDS = ("Visit in person", "Call by telephone")


def fixture(boroughs: Sequence[str]) -> str:
    """Three whole years of six boroughs; 200 rows, so that the table of bad inputs takes it as it is."""
    rows = []
    for number in range(200):
        years, month = divmod(number * 36 // 200, 12)
        area, kind = boroughs[number % 6], KINDS[number % 7 % 2]
        rows.append(f"{2019 + years}-{month + 1:02d},{area},{kind},{10 + number * 7 % 90}")
    return "\n".join(["Month,Borough,Kind,Count", *rows, ""])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new-feed")(new_feed)


def new_feed(
    slug: Annotated[str, typer.Argument(help="Name of the feed in snake_case, for example nhs_istv.")],
    domain: Annotated[str, typer.Option(help="Domain of the marts that will read it.")] = "shared",
) -> None:
    """Write contract, suite, staging model, sources, fixture and faults of a new feed; fill in what they ask for."""
    from vru.contracts import load_contract
    from vru.quality.scaffold import suite_yaml
    from vru.settings import settings
    from vru.transform.scaffold import sources_yaml, staging_sql

    if not re.fullmatch(SLUG, slug):
        raise ValueError(f"'{slug}' is no slug; write it in snake_case, for example nhs_istv")
    if not re.fullmatch(SLUG, domain):
        raise ValueError(f"'{domain}' is no domain; write it in snake_case, for example health")
    words = {
        "slug": slug,
        "title": slug.replace("_", " ").capitalize(),
        "resource": slug.split("_")[-1],
        "pattern": slug.replace("_", "-"),
    }
    now = settings()
    contract_file = now.feeds_dir / f"{slug}.yml"
    suite_file = now.expectations_dir / "raw" / f"{slug}.yml"
    staging = now.dbt_dir / "models" / "staging" / domain
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
    _write(suite_file, suite_yaml(contract))
    _write(model_file, staging_sql(contract, contract.resources[0]))
    _write(sources_file, sources_yaml(contract))
    boroughs = list(contract.resources[0].column("borough_name").values or ())
    _write(fixture_file, fixture(boroughs))
    _write(walk_file, WALK.format(**words, kept=boroughs[0], lost=boroughs[1]))
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
