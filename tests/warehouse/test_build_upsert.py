"""A feed of two upsert resources from its inbox to incremental marts: records, what belongs to them, and markers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
from vru import pipeline, transform
from vru.contracts import load_contract
from vru.profile import Source
from vru.settings import CHECKOUT, Settings
from vru.transform import scaffold

from tests.warehouse.build_loader import own_warehouse, rows

pytestmark = pytest.mark.timeout(600)

MADE = Path(__file__).with_name("upsert_feed")
FEED = "made_reviews"
REVIEWS = "Board,Number,State,Title\n"
RECOMMENDED = "Board,Review,Recommendation,Due start,Due end\n"

FIRST = {
    "reviews": "North,1,open,One\nNorth,2,published,Two\nSouth,1,open,Other\n",
    "recommendations": "North,1,a,2021-01-01,2021-02-01\nNorth,1,b,2021-01-01,2021-02-01\n"
    "North,2,c,2021-01-01,2021-02-01\nSouth,1,d,2021-01-01,2021-02-01\n",
}
SECOND = {
    # one in another spelling of its board and without recommendations now, one withdrawn, one new
    "reviews": " north,1,published,One again\nNorth,2,retracted,Two\nNorth,3,open,Three\n",
    "recommendations": "North,3,e,2022-01-01,2022-02-01\nNorth,3,f,2022-01-01,1922-02-01\n",
}
THIRD = {"recommendations": "South,1,g,2023-01-01,2023-02-01\nNorth,2,h,2023-01-01,2023-02-01\n"}
DELIVERIES = {"2021-03-01": FIRST, "2022-03-01": SECOND, "2023-03-01": THIRD}

REVIEWS_AT_END = [("North", 3, "Three"), ("South", 1, "Other"), ("north", 1, "One again")]
RECOMMENDED_AT_END = [
    ("North", 3, "e", "end"), ("North", 3, "e", "start"), ("North", 3, "f", "start"),
    ("South", 1, "g", "end"), ("South", 1, "g", "start"),
]  # fmt: skip


@pytest.fixture(scope="module")
def made_checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout of this feed and its models alone."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("dbt_project/macros", "plugins/vru/warehouse/migrations"):
        shutil.copytree(CHECKOUT / part, folder / part)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(CHECKOUT / "dbt_project" / name, folder / "dbt_project" / name)
    shutil.copytree(MADE, folder, dirs_exist_ok=True)
    (folder / "expectations" / "marts").mkdir()
    staging = folder / "dbt_project/models/staging"
    (staging / "shared").mkdir(parents=True)
    (staging / "reviews").mkdir()
    build = (CHECKOUT / "dbt_project/models/staging/shared/_build.yml").read_text(encoding="utf-8")
    (staging / "shared/_build.yml").write_text(build.partition("\nmodels:")[0] + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Settings, "checkout", folder)
        contract = load_contract(FEED)
        for resource in contract.resources:
            name = scaffold.staging_name(contract, resource)
            (staging / f"reviews/{name}.sql").write_text(scaffold.staging_sql(contract, resource), encoding="utf-8")
        (staging / f"reviews/{FEED}.yml").write_text(scaffold.sources_yaml(contract), encoding="utf-8")
        yield folder


@pytest.fixture
def inbox(made_checkout: Path, tmp_path: Path) -> Iterator[Path]:
    """An empty warehouse, and the folder in which the partner leaves its files."""
    with own_warehouse("made_reviews"):
        yield tmp_path


def deliver(inbox: Path, vintage: str) -> pipeline.Ingested:
    """Leave the files of a delivery with their lines of the manifest, and take them in."""
    folder = inbox / FEED
    folder.mkdir(exist_ok=True)
    manifest = folder / "manifest.csv"
    if not manifest.exists():
        manifest.write_text("file,vintage_at,rows,sha256\n", encoding="utf-8")
    for kind, lines in DELIVERIES[vintage].items():
        name = f"{kind}_{vintage}.csv"
        (folder / name).write_text({"reviews": REVIEWS, "recommendations": RECOMMENDED}[kind] + lines, encoding="utf-8")
        with manifest.open("a", encoding="utf-8") as file:
            file.write(f"{name},{vintage},{lines.count(chr(10))},\n")
    return pipeline.ingest(FEED, Source("files", inbox=inbox))


def release() -> None:
    """A person lets in what the one bad year holds."""
    for (batch_id,) in rows("select batch_id from ops.batch where status = 'held'"):
        pipeline.release(batch_id, "one step has no date, the rest is right", "a test")


def shown(schema: str = "marts") -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Reviews and recommendations of the marts."""
    return (
        sorted(rows(f"select btrim(board), review_number, title from {schema}.fct_review")),
        sorted(rows(f"select board, of_review, words, step from {schema}.fct_recommendation")),
    )


def test_records_are_replaced_with_all_that_belongs_to_them(inbox: Path) -> None:
    deliver(inbox, "2021-03-01").check()
    assert transform.build() is not None
    assert shown()[0] == [("North", 1, "One"), ("North", 2, "Two"), ("South", 1, "Other")]
    assert [(review, words) for _, review, words, _ in shown()[1]] == [
        (1, "a"), (1, "a"), (1, "b"), (1, "b"), (2, "c"), (2, "c"), (1, "d"), (1, "d"),
    ]  # fmt: skip
    deliver(inbox, "2022-03-01")
    assert rows("select rows_parsed, rows_quarantined, status from ops.batch order by batch_id") == [
        (3, 0, "admitted"), (4, 0, "admitted"), (3, 0, "admitted"), (2, 1, "held"),
    ]  # fmt: skip
    release()
    assert transform.build() is not None
    deliver(inbox, "2023-03-01").check()
    result = transform.build()
    assert result is not None
    assert not result.is_full
    assert shown() == (REVIEWS_AT_END, RECOMMENDED_AT_END)
    written = dict(
        rows("select node, row_count from ops.model_run where build_id = %s and node like %s",
             (result.build_id, "model.fct%"))
    )  # fmt: skip
    assert written["model.fct_review"] <= 3, "only what differs from the build before the last one"
    # a review that is taken back shows what stood before, with what was recommended then
    ((batch_id,),) = rows("select batch_id from marts.fct_review where review_number = 3")
    pipeline.withdraw(batch_id, "sent too early", "a test")
    assert transform.build() is not None
    reviews, recommended = shown()
    assert reviews == [("North", 1, "One"), ("North", 2, "Two"), ("South", 1, "Other")]
    assert {(review, words) for _, review, words, _ in recommended} == {
        (1, "a"), (1, "b"), (2, "h"), (3, "e"), (3, "f"), (1, "g"),
    }  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(DELIVERIES))[1:])
def test_any_order_of_arrival_ends_the_same(inbox: Path, order: tuple[str, ...]) -> None:
    for vintage in order:
        deliver(inbox, vintage)
        release()
    assert transform.build() is not None
    assert shown() == (REVIEWS_AT_END, RECOMMENDED_AT_END)


def test_keys_are_those_of_rows_that_stand(inbox: Path) -> None:
    """Written with the rows in one transaction; a key whose rows all went to quarantine is none of the batch."""
    deliver(inbox, "2021-03-01").check()
    assert rows("select distinct unit_key from ops.batch_key order by 1") == [
        (["north", 1],),
        (["north", 2],),
        (["south", 1],),
    ]
    DELIVERIES["2024-01-01"] = {"reviews": "North,1,open,12345\n" + "".join(f"West,{n},open,W\n" for n in range(200))}
    try:
        deliver(inbox, "2024-01-01").check()
    finally:
        del DELIVERIES["2024-01-01"]
    ((keys, has_bad),) = rows(
        "select count(*), bool_or(unit_key = '[\"north\", 1]') from ops.batch_key where batch_id = "
        "(select max(batch_id) from ops.batch)"
    )
    assert (keys, has_bad) == (200, False)
    assert transform.build() is not None
    assert ("North", 1, "One") in shown()[0], "what was sound before is not lost"
