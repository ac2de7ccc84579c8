"""What a build is made with, as one number: all that can change a figure, and nothing that only says or schedules it.

Counted are models, macros, seeds, the shape of models (columns, types, constraints, configuration), measure
specifications, what a contract makes of a file (`Contract.fingerprint`), the tables that a build starts from, and the
SQL functions and views of the warehouse that models call. Not counted are comments and white space, descriptions,
tests, and a contract's words, schedule and addresses. Seeds count whole, because their words stand in marts.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from psycopg2.extensions import cursor as Cursor

from vru.contracts import load_contracts
from vru.settings import Settings, settings
from vru.transform import properties, schemas
from vru.transform.measures import load_measures, variables

PROSE = (
    "description", "docs", "owner", "label", "data_tests", "tests", "unit_tests", "exposures", "clean-targets",
    "test-paths", "flags",
)  # fmt: skip
"""Keys of the project's YAML files that change no figure."""

# A string stays as it is, a dollar-quoted one too; comments (of SQL and of Jinja) and white space become one blank.
_TOKENS = re.compile(
    r"""
    (?P<kept> (?<!\w)[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
        | \$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$ )
    | (?: \s | --[^\n]* | /\*.*?\*/ | \{\#.*?\#\} )+
    """,
    re.VERBOSE | re.DOTALL,
)
_BODY = re.compile(r"\$(function|procedure)\$")
_CALLED = re.compile(r"\bops\.(\w+)|\bsource\(\s*'ops'\s*,\s*'(\w+)'\s*\)")


def fingerprint(cursor: Cursor, of: Settings | None = None) -> str:
    """sha256 over all that the figures follow from but the data; ``of`` names another checkout than the one in use.

    Where a checkout lies makes no difference, nor in which of its files something is said.
    """
    of = of or settings()
    made = _files(of)
    made["functions"] = _functions(cursor, " ".join([*made["models"].values(), *made["macros"].values()]))
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()


def without_comments(text: str) -> str:
    """SQL, with Jinja in it or not, without comments and with one blank for any white space outside of strings."""
    return _TOKENS.sub(lambda found: found["kept"] or " ", text).strip()


def _files(of: Settings) -> dict[str, Any]:
    project = of.dbt_dir
    models = project / "models"
    return {
        "models": {
            f"{path.relative_to(models).parts[0]}.{path.stem}": without_comments(path.read_text(encoding="utf-8"))
            for path in models.rglob("*.sql")
        },
        "macros": {
            path.stem: without_comments(path.read_text(encoding="utf-8"))
            for path in (project / "macros").rglob("*.sql")
        },
        "seeds": {path.stem: path.read_text(encoding="utf-8") for path in (project / "seeds").rglob("*.csv")},
        "shapes": sorted(
            json.dumps(_without_prose(properties.content(path)), sort_keys=True, default=str)
            for path in (*properties.files(project), project / "dbt_project.yml")
        ),
        "measures": variables(load_measures(of)),
        "contracts": {feed: contract.fingerprint for feed, contract in load_contracts(of.feeds_dir).items()},
        "build tables": re.sub(r"comment on [^;]*;", "", without_comments(schemas.BUILD_TABLES)),
    }


def _without_prose(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_prose(value) for key, value in node.items() if key not in PROSE}
    if isinstance(node, list):
        return [_without_prose(value) for value in node]
    return node


def _functions(cursor: Cursor, text: str) -> dict[str, list[str]]:
    """Functions and views of schema `ops` that the text calls, and those that these call in turn."""
    cursor.execute(
        "select proname, pg_get_functiondef(oid) from pg_proc "
        "where pronamespace = to_regnamespace('ops') and prokind in ('f', 'p') "
        "union all select relname, pg_get_viewdef(oid) from pg_class "
        "where relnamespace = to_regnamespace('ops') and relkind in ('v', 'm')"
    )
    defined: dict[str, list[str]] = {}
    for name, definition in cursor.fetchall():
        # the body of a function is SQL like any other, and no string
        defined.setdefault(name, []).append(without_comments(_BODY.sub(" ", definition)))
    found: dict[str, list[str]] = {}
    wanted = _called(text)
    while wanted:
        name = wanted.pop()
        if name in defined and name not in found:
            found[name] = sorted(defined[name])
            wanted |= _called(" ".join(found[name]))
    return found


def _called(text: str) -> set[str]:
    return {one or other for one, other in _CALLED.findall(text)}
