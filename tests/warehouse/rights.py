"""Who may do what in the warehouse's database: one line for each schema and relation that has a rule of its own.

Written from the design: an analyst reads marts, past marts, what was published and the views of the ledger; row-level
facts of restricted feeds are for `analyst_restricted`; nobody but those who write and mend reads raw and quarantine;
what is being built is seen by who builds and who checks it. What no line grants is denied.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

READ = frozenset({"select"})
ADD = READ | {"insert"}
KEEP = ADD | {"update", "delete"}
ALL = KEEP | {"truncate", "references", "trigger"}
USE = frozenset({"usage"})
OWN = USE | {"create"}
NOTHING: frozenset[str] = frozenset()

Rights = dict[str, frozenset[str]]


def _each(roles: str, rights: frozenset[str]) -> Rights:
    return dict.fromkeys(roles.split(), rights)


BUILDERS = _each("migrator transformer", OWN)  # migrator is a member of transformer
ROLES = (
    "migrator", "loader", "checker", "transformer", "publisher", "analyst", "analyst_restricted", "report_reader",
    "airflow",
)  # fmt: skip

SCHEMAS: dict[str, Rights] = {
    "raw": _each("migrator", OWN) | _each("loader checker transformer", USE),
    "quarantine": _each("migrator", OWN) | _each("loader checker", USE),
    "ops": _each("migrator", OWN) | _each("loader checker transformer publisher analyst analyst_restricted", USE),
    "publish": _each("migrator publisher", OWN) | _each("analyst analyst_restricted report_reader", USE),
    "staging": BUILDERS,
    "intermediate": BUILDERS,
    "stg_asof_????????": BUILDERS,
    "marts": BUILDERS | _each("checker publisher analyst analyst_restricted", USE),
    "asof_????????": BUILDERS | _each("checker publisher analyst analyst_restricted", USE),
    "marts_build": BUILDERS | _each("checker", USE),
    "marts_restricted": BUILDERS | _each("checker analyst_restricted", USE),
    "asof_????????_restricted": BUILDERS | _each("checker analyst_restricted", USE),
    "marts_restricted_build": BUILDERS | _each("checker", USE),
    "public": _each("migrator", OWN),  # whoever owns the database owns it
    "pg_catalog": _each(" ".join(ROLES), USE),
    "information_schema": _each(" ".join(ROLES), USE),
}

_BUILT = _each("migrator transformer", ALL)
_LEDGER = _each("migrator", ALL) | _each("loader", KEEP) | _each("checker transformer publisher", READ)
_MARTS = _BUILT | _each("checker publisher analyst analyst_restricted", READ)

RELATIONS: dict[str, Rights] = {
    "raw.*": _each("migrator", ALL) | _each("loader", ADD | {"delete"}) | _each("checker transformer", READ),
    "quarantine.*": _each("migrator", ALL) | _each("loader", ADD | {"delete"}) | _each("checker", READ),
    "ops.*": _LEDGER,
    "ops.check_result": _LEDGER | _each("checker transformer", ADD),
    "ops.build": _LEDGER | _each("transformer", ADD | {"update"}),
    "ops.model_run": _LEDGER | _each("transformer", ADD | {"update"}),
    "ops.lease": _LEDGER | _each("transformer", KEEP),
    "ops.report": _LEDGER | _each("publisher", ADD),
    "ops.score_weight": _LEDGER | _each("loader", READ),
    "ops.batch_vintage": _LEDGER | _each("loader", READ),
    "ops.refused_row": _each("migrator", ALL) | _each("transformer", READ),
    # what was said stays said
    "ops.said_later": _LEDGER | _each("loader", ADD),
    "ops.said": _LEDGER | _each("loader", READ),
    "ops.content_name": _LEDGER | _each("loader", READ),
    "ops.delivery_verdict": _LEDGER | _each("loader", ADD),
    "ops.disputed_column": _LEDGER | _each("loader", ADD | {"update"}),
    "ops.release_cell": _each("migrator", ALL) | _each("publisher", ADD),
    "ops.release_approval": _LEDGER | _each("loader", READ) | _each("publisher", READ),
    "ops.release_refusal": _LEDGER | _each("loader publisher", ADD),
    "ops.recount": _LEDGER | _each("loader publisher", ADD),
    "ops.recount_cell": _LEDGER | _each("loader publisher", ADD),
    "ops.confirmation": _LEDGER | _each("loader", ADD),
    # addresses: for who sends
    "ops.mail": _each("migrator", ALL) | _each("publisher", ADD | {"update"}),
    "ops.v_*": _each("migrator", ALL) | _each("publisher analyst analyst_restricted", READ),
    "publish.release": _each("migrator", ALL)
    | _each("publisher", ADD)
    | _each("analyst analyst_restricted report_reader", READ),
    "publish.*": _each("publisher", ALL) | _each("analyst analyst_restricted report_reader", READ),
    "staging.*": _BUILT,
    "intermediate.*": _BUILT,
    "stg_asof_????????.*": _BUILT,
    "marts.*": _MARTS,
    "asof_????????.*": _MARTS,
    "marts_build.*": _BUILT | _each("checker", READ),
    "marts_restricted.*": _BUILT | _each("checker analyst_restricted", READ),
    "asof_????????_restricted.*": _BUILT | _each("checker analyst_restricted", READ),
    "marts_restricted_build.*": _BUILT | _each("checker", READ),
}

_SCORES = "migrator loader checker transformer publisher"
_INTERVALS = "migrator checker transformer publisher analyst analyst_restricted"

FUNCTIONS = {
    "ops.trimmed('a')": _SCORES,
    "ops.compared('a')": _SCORES,
    "ops.compared(array['a'])": _SCORES,
    "ops.compared_slowly('a')": _SCORES,
    "ops.stamp()": "migrator loader",
    "ops.key_part('a'::text)": "migrator loader checker",
    "ops.key_part(1::bigint)": "migrator loader checker",
    "ops.key_part(1.0)": "migrator loader checker",
    "ops.key_part(true)": "migrator loader checker",
    "ops.key_part(date '2021-01-01')": "migrator loader checker",
    "ops.key_part(now())": "migrator loader checker",
    "ops.settled_now()": "migrator loader transformer",
    "ops.note_batch_status()": "migrator",
    "ops.shown_reason('a: b', true)": "migrator publisher analyst analyst_restricted",
    "ops.next_unit(date '2021-01-01', 'month')": _SCORES,
    "ops.current_input()": _SCORES,
    "ops.is_sound((select b from ops.batch b limit 1))": "migrator loader checker",
    "ops.is_displaced((select b from ops.batch b limit 1))": "migrator loader checker",
    "ops.earlier_sound_batch(1)": "migrator loader checker",
    "ops.earlier_sound_units(1)": "migrator loader checker",
    "ops.held_deliveries()": _SCORES,
    "ops.earlier_periods(1)": "migrator loader checker",
    "ops.t_99(9)": _SCORES,
    "ops.units(current_date, current_date, 'month')": _SCORES,
    "ops.weighted(now(), 1, 1, 1)": _SCORES,
    "ops.stated_at(now(), now())": _SCORES,
    "ops.quality_score(now(), now())": _SCORES,
    "ops.unanswered(now(), now(), current_date)": _SCORES,
    "ops.owed(now(), now(), current_date)": _SCORES,
    "ops.feed_status(now(), now(), current_date)": f"{_SCORES} analyst analyst_restricted",
    "ops.today()": f"{_SCORES} analyst analyst_restricted",
    "ops.incomplete_gamma(2, 2, false)": _INTERVALS,
    "ops.gamma_quantile(2, 0.025, false)": _INTERVALS,
    "ops.poisson_interval(2)": _INTERVALS,
}
"""A call of each function of ours, and who may make it."""

WRITERS = "migrator loader checker transformer"
ACTS = {
    "create temporary table probe (i integer)": WRITERS,
    "create schema probe": "migrator transformer",
    "select pg_advisory_xact_lock_shared(1)": f"{WRITERS} publisher report_reader",
    "set role transformer": "migrator transformer",
    **dict.fromkeys(
        (
            "select lo_create(0)", "select lo_from_bytea(0, '')", "select lo_import('/etc/hostname')",
            "select pg_read_file('postgresql.conf')", "select pg_read_binary_file('PG_VERSION')",
            "select pg_ls_dir('.')", "select pg_stat_file('PG_VERSION')", "select pg_ls_logdir()",
            "copy (select 1) to program 'true'", "copy (select 1) to '/dev/null'",
            "select rolpassword from pg_authid", "select passwd from pg_shadow", "select * from pg_hba_file_rules",
            "select * from pg_statistic", "select * from pg_largeobject", "select * from pg_user_mapping",
            "create role probe", "create database probe", "alter role postgres connection limit 1",
            "alter system set work_mem = '1MB'", "select pg_reload_conf()", "select pg_rotate_logfile()",
            "select pg_terminate_backend({server_owner})", "set session authorization postgres",
            "set role postgres", "set role pg_read_all_data", "set role pg_write_all_data",
            "set log_statement = 'all'", "create function public.probe() returns integer language c as 'libc', 'rand'",
            "create publication probe for all tables", "create event trigger probe on ddl_command_end "
            "execute function ops.note_batch_status()",
        ),
        "",
    ),
}  # fmt: skip
"""What touches the server as a whole, and who may do it."""

DATABASES = {
    "vru": [role for role in ROLES if role != "airflow"],
    "airflow": ["airflow"],
    "postgres": [],
    "template1": [],
}


def line_of(lines: dict[str, Rights], name: str) -> Rights:
    """The most exact line that a name falls under. Raises KeyError where there is none."""
    found = [pattern for pattern in lines if fnmatchcase(name, pattern)]
    if not found:
        raise KeyError(f"{name} has no line in the table of rights: write who may do what with it")
    return lines[max(found, key=lambda pattern: (pattern == name, len(pattern)))]
