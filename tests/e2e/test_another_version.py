"""A state that another version made is refused in one sentence, whose command makes it new."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest

from tests.e2e.conftest import Home


@pytest.mark.parametrize(
    "edit",
    [
        "update ops.migration set sha256 = repeat('0', 64) where file_name = (select min(file_name) from ops.migration) returning 1",
        "insert into ops.migration (file_name, sha256) values ('0099_of_another_version.sql', repeat('0', 64)) returning 1",
    ],
)
def test_a_state_of_another_version_is_refused_and_made_new(new_home: Callable[..., Home], edit: str) -> None:
    vru = new_home(empty=True)
    vru("feeds")
    vru.sql(edit, role="migrator")
    refused = vru("feeds", expect=2)
    (sentence,) = refused.stderr.splitlines()
    assert "made by another version" in sentence
    assert refused.stdout == ""
    command = shlex.split(sentence.rpartition("make it new with: ")[2])
    assert command[0] == "vru"
    made_by_airflow = vru.path / "airflow" / "migrated"
    made_by_airflow.parent.mkdir(exist_ok=True)
    made_by_airflow.touch()
    vru(*command[1:])
    assert not made_by_airflow.exists(), "its tables went with the database, and are made again"
    vru("feeds")
