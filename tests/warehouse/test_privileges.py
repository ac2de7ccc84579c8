"""Every role, schema, relation and verb, allowed and denied, really tried after a build, two swaps and a past build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from vru.contracts import load_contracts
from vru.warehouse import roles

from tests.warehouse import rights
from tests.warehouse.build_loader import end_of_day, execute, rows, withhold
from tests.warehouse.small_feeds import built_warehouse, street, victims_file

Relation = tuple[str, str, bool, str]
IN_WAREHOUSE = rights.DATABASES["vru"]
TRIED_ON_SCHEMA = {"usage": "select from {schema}.no_such_table", "create": "create table {schema}.probe (i integer)"}
TRIED = {
    "select": "select from {relation} limit 0",
    "insert": "insert into {relation} default values",
    "update": "update {relation} set {column} = null where false",
    "delete": "delete from {relation} where false",
    "truncate": "truncate {relation}",
    "trigger": "create trigger probe before insert on {relation} "
    "for each row execute function suppress_redundant_updates_trigger()",
    # a foreign key could only be tried from a table of the role's own, and most may make none
    "references": "do $$ begin if not has_table_privilege('{relation}', 'references') then "
    "raise insufficient_privilege; end if; end $$",
}
ALLOWED = (errors.IntegrityError, errors.FeatureNotSupported, errors.UndefinedTable)
"""What comes after the right was found: a row without values, a table that others refer to, one that is not there."""
OUTSIDE_A_TRANSACTION = ("create database", "alter system")


@pytest.fixture(scope="module")
def warehouse() -> Iterator[None]:
    """Two builds and so two swaps, marts as known at a past day, and both published."""
    from vru import transform
    from vru.disclosure.publish import publish
    from vru.landing import Landing
    from vru.settings import settings

    with built_warehouse():
        withhold(street("2022-09", 1), "crime_type")
        with Landing(settings().landing_dir).receive() as receiver:
            receiver.write(victims_file())
            receiver.commit()
        assert transform.build() is not None
        assert transform.build(known_at=end_of_day("2022-12-31")) is not None
        for schema in ("marts", "asof_20221231"):
            publish(landing=Landing(settings().landing_dir), contracts=load_contracts(), schema=schema)
        yield


@contextmanager
def session(role: str, database: str = "vru") -> Iterator[Connection]:
    """A session of the role, by its own password; nothing that it does lasts."""
    from vru.warehouse.engine import raw_connection

    connection = raw_connection(role, database)
    try:
        connection.set_session(readonly=False)  # the default of readers is a courtesy, not a right
        yield connection
    finally:
        connection.rollback()
        connection.close()


def may(cursor: Cursor, statement: str | sql.Composable) -> bool:
    """Try a statement; whether it was not denied. Raises psycopg2.Error where something else is wrong with it."""
    cursor.execute("savepoint tried")
    try:
        cursor.execute(statement)
    except (
        errors.InsufficientPrivilege,
        errors.ObjectNotInPrerequisiteState,
    ):  # the latter: a view that nobody can write
        return False
    except ALLOWED:
        return True
    else:
        return True
    finally:
        cursor.execute("rollback to savepoint tried")


def relations() -> list[Relation]:
    """Schema, name, whether it is a table, and a column of every relation that is ours."""
    return rows(
        """
        select n.nspname::text, c.relname::text, c.relkind = 'r',
            (select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
                and not a.attisdropped and a.attidentity = '' order by a.attnum desc limit 1)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname !~ '^(pg_|information_schema$)' order by 1, 2
        """,
        role="migrator",
    )


def schemas() -> list[str]:
    """Every schema but those that PostgreSQL keeps for itself."""
    found = rows(
        "select nspname::text from pg_namespace where nspname !~ '^pg_(toast|temp)' order by 1", role="migrator"
    )
    return [name for (name,) in found]


def verbs(is_table: bool, rights_: frozenset[str]) -> list[str]:
    """What can be tried on a relation. Into some views nobody can write, so that an owner's right to is not seen."""
    if is_table:
        return list(TRIED)
    return ["select", "references"] if "delete" in rights_ else ["select", "references", "update", "delete"]


def test_every_role_and_schema_has_a_line(warehouse: None) -> None:
    found = rows("select rolname::text from pg_roles where rolname !~ '^pg_' and rolname <> 'postgres'")
    assert {name for (name,) in found} == set(rights.ROLES) == set(roles.NAMES)
    for schema in schemas():
        rights.line_of(rights.SCHEMAS, schema)
    for pattern in rights.SCHEMAS:
        assert any(rights.line_of(rights.SCHEMAS, s) is rights.SCHEMAS[pattern] for s in schemas()), pattern
    for pattern in rights.RELATIONS:
        if "restricted" not in pattern:  # no feed is restricted yet
            assert any(
                rights.line_of(rights.RELATIONS, f"{r[0]}.{r[1]}") is rights.RELATIONS[pattern] for r in relations()
            ), pattern


def deviations(role: str) -> list[str]:
    """Where a role may do more or less than its lines say."""
    found = []
    with session(role) as connection, connection.cursor() as cursor:
        for schema in schemas():
            should = rights.line_of(rights.SCHEMAS, schema).get(role, rights.NOTHING)
            for verb, statement in TRIED_ON_SCHEMA.items():
                is_allowed = may(cursor, sql.SQL(statement).format(schema=sql.Identifier(schema)))
                if is_allowed != (verb in should):
                    found.append(f"{role} {'may' if is_allowed else 'may not'} {verb} {schema}")
        for schema, relation, is_table, column in relations():
            should = rights.line_of(rights.RELATIONS, f"{schema}.{relation}").get(role, rights.NOTHING)
            for verb in verbs(is_table, should):
                names = {"relation": sql.Identifier(schema, relation), "column": sql.Identifier(column)}
                is_allowed = may(cursor, sql.SQL(TRIED[verb]).format(**names))
                if is_allowed != (verb in should):
                    found.append(f"{role} {'may' if is_allowed else 'may not'} {verb} {schema}.{relation}")
    return found


@pytest.mark.parametrize("role", IN_WAREHOUSE)
def test_a_role_may_do_what_its_lines_say_and_nothing_else(warehouse: None, role: str) -> None:
    assert deviations(role) == []


@pytest.mark.parametrize("role", IN_WAREHOUSE)
def test_a_role_may_call_the_functions_that_it_needs(warehouse: None, role: str) -> None:
    ours = rows("select distinct 'ops.' || proname from pg_proc where pronamespace = 'ops'::regnamespace")
    assert {name for (name,) in ours} == {call.partition("(")[0] for call in rights.FUNCTIONS}
    elsewhere = rows(
        "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
        "where n.nspname not in ('ops', 'pg_catalog', 'information_schema')"
    )
    assert elsewhere == []
    with session(role) as connection, connection.cursor() as cursor:
        found = {call: may(cursor, f"select {call}") for call in rights.FUNCTIONS}
    assert found == {call: role in who.split() for call, who in rights.FUNCTIONS.items()}


@pytest.mark.parametrize("role", IN_WAREHOUSE)
def test_a_role_may_not_touch_the_server(warehouse: None, role: str) -> None:
    from vru.warehouse.engine import server

    owner = psycopg2.connect(**server().ensure().owner_args("vru"))
    found = {}
    with session(role) as connection:
        connection.autocommit = True  # some of it cannot be done in a transaction
        with connection.cursor() as cursor:
            cursor.execute("set default_transaction_read_only = off")
            for act in rights.ACTS:
                cursor.execute("select 1" if act.startswith(OUTSIDE_A_TRANSACTION) else "begin")
                try:
                    cursor.execute(act.format(server_owner=owner.info.backend_pid))
                    found[act] = True
                except errors.InsufficientPrivilege:
                    found[act] = False
                cursor.execute("rollback")
    assert found == {act: role in who.split() for act, who in rights.ACTS.items()}
    with owner.cursor() as cursor:
        cursor.execute("select 1")  # nobody ended it
    owner.close()


@pytest.mark.parametrize("role", rights.ROLES)
def test_a_role_may_become_no_other(warehouse: None, role: str) -> None:
    others = [other for other in rights.ROLES if other != role]
    database = "airflow" if role == "airflow" else "vru"
    with session(role, database) as connection, connection.cursor() as cursor:
        found = [other for other in others if may(cursor, sql.SQL("set role {}").format(sql.Identifier(other)))]
    assert found == (["transformer"] if role == "migrator" else [])


def enters(role: str, database: str) -> bool:
    """Whether the role may enter the database at all."""
    try:
        with session(role, database) as connection, connection.cursor() as cursor:
            cursor.execute("select current_user = %s and current_database() = %s", (role, database))
            return cursor.fetchone() == (True,)
    except psycopg2.OperationalError as error:
        if "permission denied for database" not in str(error):
            raise
        return False


def test_a_role_enters_its_own_database_alone(warehouse: None) -> None:
    found = {database: [role for role in rights.ROLES if enters(role, database)] for database in rights.DATABASES}
    assert found == rights.DATABASES


def test_airflow_keeps_its_own_tables(warehouse: None) -> None:
    with session("airflow", "airflow") as connection, connection.cursor() as cursor:
        assert may(cursor, "create table public.probe (i integer)")


@pytest.mark.parametrize("role", ["analyst", "analyst_restricted"])
def test_the_limits_of_an_analyst(warehouse: None, role: str) -> None:
    shown = {
        "statement_timeout": "1min",
        "idle_in_transaction_session_timeout": "1min",
        "default_transaction_read_only": "on",
    }
    assert {name: rows(f"show {name}", role=role)[0][0] for name in shown} == shown
    assert rows("select rolconnlimit from pg_roles where rolname = %s", (role,)) == [(20,)]


def test_a_right_too_many_or_too_few_and_a_schema_without_a_line_are_seen(warehouse: None) -> None:
    """The proof above can fail."""
    execute("migrator", "grant usage on schema quarantine to analyst")
    execute("migrator", "grant select on quarantine.row to analyst")
    execute("transformer", "revoke select on marts.dim_month from analyst")
    found = deviations("analyst")
    execute("transformer", "grant select on marts.dim_month to analyst")
    execute("migrator", "revoke all on schema quarantine from analyst")
    execute("migrator", "revoke all on quarantine.row from analyst")
    assert found == [
        "analyst may usage quarantine", "analyst may not select marts.dim_month", "analyst may select quarantine.row",
    ]  # fmt: skip
    execute("migrator", "create schema appendix")
    with pytest.raises(KeyError, match="appendix"):
        deviations("analyst")
    execute("migrator", "drop schema appendix")
