"""`vru new-feed`: the files of a feed that is delimited text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from vru.contracts.base import SLUG

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
    cells: [month]
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
      - id: value_is_a_count
        type: expect_column_values_to_be_between
        column: value_count
        kwargs: {{min_value: 0}}
        severity: critical
        reason: A count is never negative. Please send the correction as the corrected total.
"""

FIXTURE = "Month,Count\n2024-01,12\n2024-02,9\n"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new-feed")(new_feed)


def new_feed(
    slug: Annotated[str, typer.Argument(help="Name of the feed in snake_case, for example nhs_istv.")],
    domain: Annotated[str, typer.Option(help="Domain of the marts that will read it.")] = "shared",
) -> None:
    """Write contract, suite, staging model with its source, and fixture of a new feed; fill in what they ask for."""
    from vru.contracts import load_contract
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
    fixture_file = now.checkout / "tests" / "fixtures" / slug / "sample.csv"
    files = (contract_file, suite_file, model_file, sources_file, fixture_file)
    standing = [path for path in files if path.exists()]
    if standing:
        raise ValueError(f"{standing[0].relative_to(now.checkout)} is there already; nothing was written")
    _write(contract_file, CONTRACT.format(**words))
    contract = load_contract(slug)
    _write(suite_file, SUITE.format(**words))
    _write(model_file, staging_sql(contract, contract.resources[0]))
    _write(sources_file, sources_yaml(contract))
    _write(fixture_file, FIXTURE)
    for path in files:
        typer.echo(path.relative_to(now.checkout))
    typer.echo("next: fill in the contract and the suite, note its version in tests/contract, then: make test")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
