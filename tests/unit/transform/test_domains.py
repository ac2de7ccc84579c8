"""Domains as they follow from a project's folders; no dbt."""

from __future__ import annotations

from pathlib import Path

import pytest
from vru.transform import BuildError, domains
from vru.transform.domains import selection


def project(folder: Path, **models: str) -> Path:
    """A project with these models, `layer/domain/name` with __ for /."""
    for name, text in models.items():
        path = folder / "models" / f"{name.replace('__', '/')}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "seeds").mkdir(exist_ok=True)
    (folder / "seeds" / "list.csv").write_text("a\n")
    return folder


def test_a_domain_comes_after_those_that_it_reads(tmp_path: Path) -> None:
    found = project(
        tmp_path, marts__a__one="select * from {{ ref('two') }}", marts__b__two="{{ ref('list') }}",
        staging__shared__three="select 1", staging__c__four="select 1", intermediate__b__five="{{ ref(\"four\") }}",
    )  # fmt: skip
    assert domains(found) == ("shared", "c", "b", "a")
    assert selection("a") == ["path:models/*/a"]
    assert selection("shared") == ["path:models/*/shared", "path:seeds"]


def test_what_is_counted_comes_before_the_counting(tmp_path: Path) -> None:
    found = project(tmp_path, intermediate__a__counts="{{ counts(var('measures')) }}", marts__z__fact="select 1")
    assert domains(found) == ("shared", "a", "z")
    (found / "models/marts/z/x.measures.yml").write_text("areas:\n  - {kind: region, fact: fact}\n")
    assert domains(found) == ("shared", "z", "a")


def test_a_model_that_no_domain_builds_is_refused(tmp_path: Path) -> None:
    for name in ("marts__loose", "other__a__model", "marts__a__b__deep"):
        folder = tmp_path / name
        with pytest.raises(BuildError, match="belongs to no domain, so no build would make it; move it to models/"):
            domains(project(folder, **{name: "select 1"}))


def test_domains_that_read_each_other_are_told(tmp_path: Path) -> None:
    found = project(tmp_path, marts__a__one="{{ ref('two') }}", marts__b__two="{{ ref('one') }}")
    with pytest.raises(BuildError, match="the domains read each other"):
        domains(found)
