"""`vru feeds`, `batches`, `quarantine`, `checks`, `release`, `withdraw`, `replay`: what came, and what was decided."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer
from sqlalchemy import text

from vru.commands import output

Json = Annotated[bool, typer.Option("--json", help="One JSON array with everything.")]
FeedName = Annotated[str | None, typer.Argument(help="Only this feed.")]
Reason = Annotated[str, typer.Option(help="Why; kept with your name.")]

FEEDS = """
    select
        f.feed, f.title, f.publisher, last.batch_id as last_batch_id, last.status, last.reason,
        admitted.last_admitted_at, coalesce(admitted.rows_admitted, 0) as rows_admitted,
        coalesce(admitted.rows_quarantined, 0) as rows_quarantined, coalesce(admitted.batches, 0) as batches_admitted,
        s.score, s.standing, s.data_up_to, s.due_on as due, s.days_late, s.owed_count, s.late_partitions, s.asked_on,
        s.outcome as last_outcome, s.reason as standing_reason, s.timeliness, s.completeness, s.validity, s.stability,
        s.volume, s.lowest_part
    from ops.feed_status(null, null, :today) s
    join ops.feed f on f.feed = s.feed
    left join lateral (
        select batch_id, status, reason from ops.batch b where b.feed = f.feed order by batch_id desc limit 1
    ) last on true
    left join lateral (
        select max(admitted_at) as last_admitted_at, sum(rows_admitted)::bigint as rows_admitted,
               sum(rows_quarantined)::bigint as rows_quarantined, count(*) as batches
        from ops.batch b where b.feed = f.feed and b.status = 'admitted'
    ) admitted on true
    order by s.severity, f.feed
"""
BATCHES = """
    select
        b.batch_id, b.feed, b.resource, b.partition, b.period_start, b.period_end, b.status,
        case when b.status = 'admitted' then coalesce((
            select 'a later statement is held: ' || h.reason from ops.held_deliveries() h
            join ops.delivery d on d.delivery_id = h.delivery_id
            where d.content_id = b.content_id order by h.delivery_id desc limit 1
        ), b.reason) else b.reason end as reason,
        b.file_name, b.sha256, b.contract_version,
        (select max(d.vintage_at) from ops.delivery d
         where d.content_id = b.content_id
           and not exists (select 1 from ops.held_deliveries() h where h.delivery_id = d.delivery_id)
        ) as vintage_at,
        b.parsed_at, b.admitted_at, b.withdrawn_at, b.rows_parsed, b.rows_admitted, b.rows_quarantined,
        array(select w.column_name from ops.withheld_column w
              where w.batch_id = b.batch_id and w.lifted_at is null order by 1) as withheld_columns,
        array(select distinct c.column_name from ops.disputed_column c
              where c.batch_id = b.batch_id and c.until is null order by 1) as disputed_columns,
        b.warnings
    from ops.batch b
    where cast(:feed as text) is null or b.feed = :feed
    order by b.batch_id
"""
QUARANTINE = """
    select b.feed, b.resource, b.partition, b.file_name as file, q.batch_id, q.kind, q.line, q.part, q.column, q.check,
           q.stage, q.reason, case when not f.personal_data then q.received end as received
    from (
        select batch_id, 'row' as kind, line_number as line, part, column_name as column, check_id as check, stage,
               reason, null as received
        from quarantine.row
        union all
        select batch_id, 'cell', line_number, part, column_name, check_id, 'parse', reason, received_value
        from quarantine.cell
    ) q
    join ops.batch b using (batch_id)
    join ops.feed f on f.feed = b.feed
    where cast(:feed as text) is null or b.feed = :feed
    order by q.batch_id, q.line, q.part, q.column, q.check
"""
CHECKS = """
    select b.feed, b.resource, b.partition, b.file_name as file, b.batch_id, b.status, c.check_id as check,
           c.check_type as type, c.column_name as column, c.severity, c.is_success, c.detail as measured,
           c.example_lines as lines, c.reason, c.checked_at
    from ops.batch b
    cross join lateral (
        select distinct on (r.check_id) r.* from ops.check_result r
        where r.batch_id = b.batch_id order by r.check_id, r.check_result_id desc
    ) c
    where case
        when cast(:batch as bigint) is not null then b.batch_id = :batch
        -- the newest one that was audited, of each feed, resource and partition
        else not c.is_success and b.batch_id in (
            select distinct on (n.feed, n.resource, n.partition) n.batch_id from ops.batch n
            where n.audited_at is not null
            order by n.feed, n.resource, n.partition, n.batch_id desc
        )
    end
    order by b.feed, b.batch_id, c.is_success,
             array_position(array['critical', 'withhold', 'warning'], c.severity), c.check_id
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (feeds, batches, quarantine, checks, release, withdraw, replay):
        app.command(command.__name__)(command)


def feeds(as_json: Json = False) -> None:
    """What feeds there are, and how each stands today; who is silent or late comes first."""
    from vru import clock, profile
    from vru.warehouse import feed_status

    today = clock.today(profile.current())
    rows = _rows(FEEDS, today=today)
    columns = [
        "feed",
        "standing",
        "days_late",
        "due",
        "data_up_to",
        "status",
        "rows_admitted",
        "rows_quarantined",
        "score",
    ]
    if not as_json:
        for line in [s.headline for s in feed_status.read_now(today) if not s.is_on_time]:
            typer.echo(line)
    output.show(rows, columns, as_json=as_json)


def batches(feed: FeedName = None, as_json: Json = False) -> None:
    """Every batch: what was parsed, admitted, held, rejected or withdrawn, and why."""
    columns = ["batch_id", "feed", "resource", "partition", "period_start", "status", "rows_admitted"]
    columns += ["rows_quarantined", "withheld_columns", "disputed_columns", "reason"]
    output.show(_rows(BATCHES, feed=_known(feed)), columns, as_json=as_json, empty="no batch yet; start with: vru run")


def quarantine(feed: FeedName = None, as_json: Json = False) -> None:
    """Rows that were kept out, and cells that were left empty: feed, file, line, check and reason.

    Never their content, but for the word in a cell of an open feed that the contract does not know.
    """
    columns = ["feed", "batch_id", "file", "kind", "line", "column", "check", "received", "reason"]
    empty = "no row and no cell is in quarantine"
    output.show(_rows(QUARANTINE, feed=_known(feed)), columns, as_json=as_json, empty=empty)


def checks(
    batch: Annotated[int | None, typer.Argument(help="Batch; `vru batches` lists them.")] = None, as_json: Json = False
) -> None:
    """Every check of a batch: outcome, what it measured beside its limit, the first lines at fault, and why it matters.

    Without a batch those that failed in the newest batch of each feed, resource and partition.
    """
    found = _rows(CHECKS, batch=batch)
    if batch is not None and not found and not _rows("select 1 from ops.batch where batch_id = :batch", batch=batch):
        raise ValueError(f"no batch {batch}; `vru batches` lists them")
    for row in found:
        row["outcome"] = "holds" if row["is_success"] else "fails"
    columns = ["check", "column", "severity", "outcome", "measured", "lines", "reason"]
    of = ["feed", "batch_id"] if batch is None else []
    empty = "no check failed in the newest batches" if batch is None else "not audited: it could not be read"
    output.show(found, [*of, *columns], as_json=as_json, empty=empty)


def release(
    batch: Annotated[int, typer.Argument(help="Batch; `vru batches` lists them.")],
    reason: Reason,
    column: Annotated[str | None, typer.Option(help="This column is right: it counts, disputed no more.")] = None,
) -> None:
    """Admit a held batch or a held later statement of it, or decide for a column that is withheld or disputed."""
    from vru import pipeline
    from vru.orchestration.events import emit_raw

    emit_raw(pipeline.release(batch, reason, getpass.getuser(), column))
    typer.echo(f"batch {batch}: {'column ' + column + ' counts' if column else 'admitted'}; next: vru build")


def withdraw(batch: Annotated[int, typer.Argument(help="Batch to take back.")], reason: Reason) -> None:
    """Take an admitted batch back; the next one in line becomes current."""
    from vru import pipeline
    from vru.orchestration.events import emit_raw

    emit_raw(pipeline.withdraw(batch, reason, getpass.getuser()))
    typer.echo(f"batch {batch}: withdrawn; next: vru build")


def replay(
    feed: Annotated[str, typer.Argument(help="Feed slug.")],
    batch: Annotated[int | None, typer.Option(help="Only this batch's content.")] = None,
) -> None:
    """Parse landed bytes again under the present contract."""
    from vru import pipeline
    from vru.orchestration.events import emit_raw
    from vru.warehouse.migrate import migrate

    migrate()
    done = pipeline.replay(feed, batch)
    if done.admitted.batches:
        emit_raw(feed)
    typer.echo(
        f"{feed}: {len(done.parsed.batches)} contents parsed again, {len(done.admitted.batches)} admitted"
        + ("" if done.parsed.batches else "; all are parsed under the present contract version")
    )
    done.check()


def _known(feed: str | None) -> str | None:
    from vru.contracts import load_contract

    return load_contract(feed).feed if feed else None


def _rows(query: str, **values: object) -> list[output.Row]:
    from vru.warehouse.engine import engine
    from vru.warehouse.migrate import migrate

    migrate()
    with engine("loader").connect() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]
