"""A report is a folder: one that is added appears on the command line and in the DAG, and is written and noted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner
from vru.contracts import load_contracts
from vru.disclosure.publish import publish
from vru.landing import Landing
from vru.reporting import kinds, registry, reports, write_report
from vru.warehouse.engine import raw_connection
from vru.warehouse.server.embedded import Server

from tests.unit.reporting import made
from tests.unit.reporting.test_quality_report import MONTH, TODAY

CODE = """
from pathlib import Path

from vru.disclosure.readers import rows
from vru.reporting import layout
from vru.reporting.model import Statement, Summary


class Scratch:
    title = "Scratch report"

    def read(self, connection, asked):
        return rows(connection, "select count(*) as months from publish.homicide_london_month")[0]["months"]

    def summarise(self, content, asked):
        return Summary(self.title, asked.is_synthetic, [Statement("How many?", f"{content} months.", "")])

    def render(self, content, asked):
        return layout.page(Path(__file__).with_name("scratch.html.j2"), self.title, asked, months=content)


REPORT = Scratch()
"""
PAGE = '{% extends "page.html.j2" %}\n{% block content %}\n<p>{{ months }} months, as at {{ asked.today | day }}</p>\n{% endblock %}\n'


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of a new kind of report; nothing else is changed."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "__init__.py").write_text(CODE)
    (folder / "scratch.html.j2").write_text(PAGE)
    monkeypatch.setattr(reports, "__path__", [*reports.__path__, str(tmp_path)])
    yield folder
    sys.modules.pop("vru.reporting.reports.scratch", None)


def test_the_quality_report_is_in_it() -> None:
    assert kinds() == ["quality"]
    assert registry.load("quality").title == "Data quality report"


def test_no_kind_is_named_outside_its_folder() -> None:
    """Neither the command nor the DAG, nor what all reports share, knows a kind by name."""
    package = Path(reports.__file__).parents[2]
    shared = [
        *(package / "reporting").glob("*.py"),
        package / "orchestration/reports.py",
        package / "commands/marts.py",
    ]
    assert [path.name for path in shared if '"quality"' in path.read_text(encoding="utf-8")] == []


@pytest.mark.usefixtures("scratch")
def test_a_folder_more_is_a_command_and_a_task_more() -> None:
    from vru.cli import app
    from vru.orchestration.reports import reports_dag

    answer = CliRunner().invoke(app, ["report", "weather"])
    assert str(answer.exception) == "no report 'weather'; there is: quality, scratch"
    dag = reports_dag()
    assert {"publish", "quality", "scratch", "mail"} <= set(dag.task_ids)
    assert dag.get_task("mail").upstream_task_ids == {"quality", "scratch"}
    assert dag.get_task("scratch").upstream_task_ids == {"publish"}, "disclosure control comes before"


@pytest.mark.usefixtures("scratch")
def test_a_folder_more_is_written_in_the_shared_frame_and_noted(
    cluster: Server, vru_home: Path, tmp_path: Path
) -> None:
    landing = Landing(vru_home / "landing")
    made.clear_published()
    made.make(landing)
    publish(landing=landing, contracts=load_contracts())
    path = write_report("scratch", profile="sandbox", today=TODAY, month=MONTH, out_dir=tmp_path / "out")
    page = path.read_text(encoding="utf-8")
    assert path.name == "scratch-2022-05.html"
    assert "84 months, as at 20 May 2022" in page
    assert "<h1>Scratch report, May 2022 (synthetic data)</h1>" in page
    with raw_connection("publisher") as connection, connection.cursor() as cursor:
        cursor.execute("select kind, month, today, summary ->> 'title' from ops.report order by report_id desc limit 1")
        assert cursor.fetchall() == [("scratch", MONTH, TODAY, "Scratch report")]
    made.clear_published()
