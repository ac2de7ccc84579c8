"""What a state folder holds, apart from numbers, instants and logs; and what nothing may be left of."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.faults.kills.state import State

Picture = dict[str, Any]

LEDGER = {
    "deliveries": "select feed, resource, partition, period_start, period_end, sha256, vintage_source, "
    "case when vintage_source <> 'received' then vintage_at end, file_name from ops.stated",
    "contents": "select feed, resource, partition, period_start, period_end, sha256, container_sha256, member_name, refusal "
    "from ops.content",
    "batches": "select feed, resource, sha256, contract_version, status, reason, rows_parsed, "
    "rows_admitted, rows_quarantined, mandatory_cells, blank_cells, headers, warnings, audited_at is not null "
    "from ops.batch",
    "histories": "select b.sha256, s.status, s.reason from ops.batch_status s join ops.batch b using (batch_id)",
    "checks": "select b.sha256, c.suite, c.check_id, c.is_success, c.element_count, c.unexpected_count, "
    "regexp_replace(c.detail, 'batch [0-9]+', 'batch') "
    "from ops.check_result c join ops.batch b using (batch_id)",
    "withheld": "select b.sha256, w.column_name, w.check_id from ops.withheld_column w join ops.batch b using (batch_id)",
    # a table that was built twice has an index of another name
    "relations": "select n.nspname, case when i.indexrelid is null then c.relname else regexp_replace("
    "pg_get_indexdef(c.oid), ' INDEX [^ ]+ ', ' INDEX ') end, c.relkind::text from pg_class c "
    "join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid "
    "where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')",
    "functions": "select n.nspname, p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
    "where n.nspname not in ('pg_catalog', 'information_schema')",
    "rights": "select nspname, nspowner::regrole::text, nspacl::text from pg_namespace where nspname !~ '^pg_'",
}
RAW = "select b.sha256, count(*), min(r.line_number), max(r.line_number) from raw.{} r join ops.batch b using (batch_id) group by 1"
LOGS = ("logs", "airflow/logs", "data_docs")
"""Names there hold instants and numbers of batches."""

LEFT = {
    "advisory locks": "select pid, objid from pg_locks where locktype = 'advisory'",
    "leases": "select name, owner from ops.lease",
    "builds at work": "select build_id, status from ops.build where status = 'running'",
    "batches on their way": "select batch_id, status from ops.batch where status = 'parsed'",
}


def taken(state: State) -> Picture:
    """The picture of a state folder: what was received and loaded, each once; the marts; relations; and files."""
    picture: Picture = {"marts": state.mart_hash(), "files": files(state)}
    for name, query in LEDGER.items():
        picture[name] = sorted(map(str, state.rows(query)))
    for (table,) in state.rows("select tablename from pg_tables where schemaname = 'raw' order by 1"):
        picture[f"raw.{table}"] = sorted(map(str, state.rows(RAW.format(table))))
    return picture


def files(state: State) -> list[str]:
    """Every file of the state folder but logs, with its size where it is a landed content."""
    found = []
    for path in state.home.rglob("*"):
        name = path.relative_to(state.home).as_posix()
        if path.is_file() and not name.startswith((*(f"{log}/" for log in LOGS), "postgres/")):
            found.append(f"{name} {path.stat().st_size}" if name.startswith("landing/") else name)
    return sorted(found)


def left(state: State) -> dict[str, Any]:
    """What a run that was killed may not leave for ever; empty where all is well."""
    found: dict[str, Any] = {name: state.rows(query) for name, query in LEFT.items()}
    found["files being received"] = state.partial_files()
    found["sessions"] = state.sessions()
    found["runs of Airflow"] = state.rows(
        "select dag_id, state from dag_run where state = 'running'", database="airflow"
    )
    found["tasks of Airflow"] = state.rows(
        "select dag_id, task_id, state from task_instance where state in ('running', 'queued', 'scheduled')",
        database="airflow",
    )
    return {name: value for name, value in found.items() if value}


def difference(one: Picture, other: Picture) -> dict[str, Any]:
    """What only one of two pictures shows, by part; empty where they are the same."""
    found: dict[str, Any] = {}
    for part in sorted(one.keys() | other.keys()):
        a, b = one.get(part), other.get(part)
        if a != b and isinstance(a, list) and isinstance(b, list):
            found[part] = {
                "only one": list((Counter(a) - Counter(b)).elements()),
                "only the other": list((Counter(b) - Counter(a)).elements()),
            }
        elif a != b:
            found[part] = (a, b)
    return found
