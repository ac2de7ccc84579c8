"""What Airflow is told of, and what it costs where there is no Airflow to tell."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

EMIT = """
import sys
from vru.orchestration.events import emit_raw
print(emit_raw("ons_population"), "airflow" in sys.modules)
"""


def python(text: str) -> str:
    """What a program prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def migrated(vru_home: Path, cluster: object) -> Path:
    """A state folder whose warehouse stands."""
    from vru.warehouse.migrate import migrate

    migrate()
    return vru_home


def test_where_airflow_was_never_set_up_nothing_is_emitted_and_it_is_not_imported(migrated: Path) -> None:
    assert python(EMIT) == "False False"


def test_only_what_counts_and_is_stated_anew_is_news(migrated: Path) -> None:
    from vru import pipeline
    from vru.profile import Source
    from vru.sandbox import SandboxServer
    from vru.warehouse import admission
    from vru.warehouse.engine import raw_connection

    feed, started = "ons_population", datetime.now(UTC)
    with SandboxServer(migrated / "sandbox") as partners:
        source = Source("sandbox", base_url=partners.url)
        pipeline.fetch(feed, source)
        (batch,) = pipeline.parse(feed).batches
        assert not pipeline.has_news(feed, started), "it does not count yet"
        connection = raw_connection("loader")
        with connection, connection.cursor() as cursor:
            admission.admit(cursor, batch)
        connection.close()
        assert pipeline.has_news(feed, started)

        started = datetime.now(UTC)
        pipeline.fetch(feed, source)
        assert not pipeline.has_news(feed, started), "an undated repeat states nothing"
        dated = {"Last-Modified": "Tue, 01 Nov 2022 09:30:00 GMT"}
        partners.fault("/www.nomisweb.co.uk/*", "alter", change=bytes, headers=dated)
        assert pipeline.fetch(feed, source).outcomes == {"unchanged": 1}, "the same bytes, of another day"
        assert pipeline.has_news(feed, started)
