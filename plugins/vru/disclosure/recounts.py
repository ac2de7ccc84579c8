"""The evidence for exemptions: the releases behind a build, and their landed bytes counted again, once per batch.

A recount is kept in `ops.recount` until contract, policy or the way of counting change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from vru.contracts import Contract
from vru.disclosure.exemption import Counted, Evidence, Release, is_public_address, recount
from vru.disclosure.policy import Policy, Recount
from vru.disclosure.readers import rows
from vru.landing import Landing


def evidence(
    connection: Connection,
    schema: str,
    policy: Policy,
    landing: Landing,
    contracts: Mapping[str, Contract],
    definition: str,
    feed: str,
) -> Evidence:
    """Which batch each month of a definition was read from, and those batches counted again.

    Raises what landing and parsing raise when landed bytes cannot be read.
    """
    how = policy.recounts.get(definition)
    if how is not None and how.feed != feed:
        how = None
    units = rows(
        connection,
        sql.SQL(
            "select unit_start, column_name, batch_id, vintage_at from {}.build_input "
            "where feed = %s and (%s::text is null or resource = %s) and unit_start is not null"
        ).format(sql.Identifier(schema)),
        (feed, how.resource if how else None, how.resource if how else None),
    )
    source_of: dict[tuple[date, str], set[int]] = {}
    # Of the statements of a content the newest that the build knew: it may have been stated again since.
    stated: dict[int, datetime] = {}
    for unit in units:
        source_of.setdefault((unit["unit_start"], unit["column_name"]), set()).add(unit["batch_id"])
        stated[unit["batch_id"]] = max(unit["vintage_at"], stated.get(unit["batch_id"], unit["vintage_at"]))
    releases = _releases(connection, stated, contracts)
    counted: dict[int, Counted] = {}
    for batch_id, release in releases.items():
        if how is not None and release.is_countable(policy) and release.feed in contracts:
            counted[batch_id] = _counted(connection, release, how, contracts[release.feed], landing, policy)
    return Evidence(how, policy, {k: frozenset(v) for k, v in source_of.items()}, counted, releases)


def _releases(
    connection: Connection, stated: Mapping[int, datetime], contracts: Mapping[str, Contract]
) -> dict[int, Release]:
    found = rows(
        connection,
        """
        select distinct on (b.batch_id)
            b.batch_id, b.feed, b.resource, b.sha256, b.file_name, b.public_id, d.source_url, d.vintage_at,
            f.licence, f.homepage, f.personal_data, o.container_sha256, o.member_name,
            (
                select array_agg(distinct x.source_url) from ops.delivery x
                join ops.content y on y.content_id = x.content_id
                where y.feed = b.feed and y.sha256 = b.sha256 and y.refusal = ''
            ) as addresses,
            (
                select c.url from ops.confirmation c where c.feed = b.feed and c.sha256 = b.sha256
                order by c.confirmation_id limit 1
            ) as confirmed_url
        from unnest(%s::bigint[], %s::timestamptz[]) as i (batch_id, vintage_at)
        join ops.batch b on b.batch_id = i.batch_id
        join ops.feed f on f.feed = b.feed
        join ops.content o on o.content_id = b.content_id
        join ops.delivery d on d.content_id = b.content_id
        where d.vintage_at <= i.vintage_at
        order by b.batch_id, d.vintage_at desc, d.delivery_id desc
        """,
        (list(stated), list(stated.values())),
    )
    releases = {}
    for r in found:
        contract = contracts.get(r["feed"])
        fetched = contract is not None and any(is_public_address(url, contract) for url in r["addresses"] or [])
        # Of a file loaded by hand the address is the one that a person confirmed; else the publisher's page.
        url = r["source_url"] if r["source_url"].startswith("https://") else r["confirmed_url"] or r["homepage"]
        releases[r["batch_id"]] = Release(
            batch_id=r["batch_id"], feed=r["feed"], resource=r["resource"], sha256=r["sha256"],
            file_name=r["file_name"], url=r["homepage"] if r["personal_data"] else url, vintage_at=r["vintage_at"],
            licence=r["licence"], personal_data=r["personal_data"],
            is_publishers=fetched or r["confirmed_url"] is not None, public_id=str(r["public_id"]),
            container_sha256=r["container_sha256"], member_name=r["member_name"],
        )  # fmt: skip
    return releases


def fingerprint(how: Recount, contract: Contract, policy: Policy) -> str:
    """What a recount depends on besides the bytes."""
    parts = [how.model_dump(mode="json"), contract.contract_version, contract.fingerprint, policy.policy_version]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _counted(
    connection: Connection, release: Release, how: Recount, contract: Contract, landing: Landing, policy: Policy
) -> Counted:
    """The recount that is kept; made, and kept, where there is none."""
    wanted = (release.batch_id, fingerprint(how, contract, policy))
    kept = rows(
        connection,
        "select c.month, c.area_name, c.event_count from ops.recount r left join ops.recount_cell c using (recount_id) "
        "where r.batch_id = %s and r.fingerprint = %s",
        wanted,
    )
    if kept:
        return {(r["month"], r["area_name"]): int(r["event_count"]) for r in kept if r["month"] is not None}
    counted = recount(release, how, contract, landing)
    with connection.cursor() as cursor:
        cursor.execute("insert into ops.recount (batch_id, fingerprint) values (%s, %s) returning recount_id", wanted)
        (recount_id,) = cursor.fetchone() or (None,)
        execute_values(
            cursor,
            "insert into ops.recount_cell (recount_id, month, area_name, event_count) values %s",
            [(recount_id, month, area, count) for (month, area), count in counted.items()],
        )
    return counted
