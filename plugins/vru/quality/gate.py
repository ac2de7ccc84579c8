"""Great Expectations on the warehouse: one context and one data source per schema for the life of the process.

Importing this module imports Great Expectations (seconds), so it is imported inside functions only. Checks run in
SQL. A check on rows hands in the condition under which a row fails, the one that quarantine uses; Great Expectations
bundles these and its own aggregates into one SELECT. The result format never asks for values.
"""

# Great Expectations is not typed for strict checking: its classes are Any here.
# mypy: disable-error-code="misc,untyped-decorator"
# ruff: noqa: ARG002, ARG003 # Great Expectations gives every method more than it needs

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import warnings
from collections.abc import Iterable
from typing import Any, ClassVar

os.environ["GX_ANALYTICS_ENABLED"] = "false"
logging.getLogger("great_expectations").setLevel(logging.WARNING)


def _spare_scipy_stats() -> None:
    """Three measures that no suite uses need it, a third of the whole import; it is loaded where one is used."""
    import scipy

    spec = importlib.util.find_spec("scipy.stats")
    if spec is None or spec.loader is None or "scipy.stats" in sys.modules:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    scipy.stats = sys.modules["scipy.stats"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scipy.stats)


_spare_scipy_stats()

import great_expectations as gx  # noqa: E402 # the lines above must come first
import sqlalchemy as sa  # noqa: E402
from great_expectations.core.metric_domain_types import MetricDomainTypes  # noqa: E402
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes  # noqa: E402
from great_expectations.execution_engine import SqlAlchemyExecutionEngine  # noqa: E402
from great_expectations.expectations.expectation import BatchExpectation  # noqa: E402
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value  # noqa: E402
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider  # noqa: E402
from great_expectations.expectations.registry import get_expectation_impl  # noqa: E402
from great_expectations.expectations.row_conditions import Column, RowConditionType  # noqa: E402
from great_expectations.render import LegacyRendererType, RenderedStringTemplateContent  # noqa: E402
from great_expectations.render.renderer.renderer import renderer  # noqa: E402

from vru.quality.checks.base import STATEMENT, Expectation, Outcome  # noqa: E402
from vru.quality.errors import QualityError  # noqa: E402
from vru.warehouse.engine import url  # noqa: E402

# This module of it sets a level of its own when it is imported.
logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)

SHOWN = "expect_check_to_hold"
"""The type under which Data Docs show a stored result."""


class _FailingRows(TableMetricProvider):
    """How many rows satisfy a condition; bundled with the counts of Great Expectations."""

    metric_name = "vru.rows_where"
    value_keys = ("where",)

    @metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _sqlalchemy(
        cls,  # noqa: N805 # Great Expectations calls it on the class
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> Any:
        return (
            sa.func.count().filter(sa.literal_column(metric_value_kwargs["where"])),
            metric_domain_kwargs,
            {},
        )


class _Statement(TableMetricProvider):
    """The one row of a statement: whether it holds, a figure, a remark, the columns that fail."""

    metric_name = "vru.statement"
    value_keys = ("statement",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,  # noqa: N805
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> list[Any]:
        done = execution_engine.execute_query(sa.text(metric_value_kwargs["statement"].replace(":", r"\:")))
        held, observed, remark, *columns = done.fetchone()
        return [bool(held), None if observed is None else float(observed), str(remark or ""), *(columns or [None])]


class ExpectNoRowsWhere(BatchExpectation):
    """No row of the batch satisfies the condition."""

    where: str
    row_condition: RowConditionType = None
    metric_dependencies: ClassVar[tuple[str, ...]] = ("vru.rows_where",)
    success_keys: ClassVar[tuple[str, ...]] = ("where",)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition", "condition_parser")

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        count = int(metrics["vru.rows_where"])
        return {"success": count == 0, "result": {"observed_value": count}}


class ExpectShareOfRowsWhereToBeAtMost(BatchExpectation):
    """At most `max_pct` per cent of the rows satisfy the condition."""

    where: str
    max_pct: float
    row_condition: RowConditionType = None
    metric_dependencies: ClassVar[tuple[str, ...]] = ("vru.rows_where", "table.row_count")
    success_keys: ClassVar[tuple[str, ...]] = ("where", "max_pct")
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition", "condition_parser")

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        count, rows = int(metrics["vru.rows_where"]), int(metrics["table.row_count"])
        return {"success": count * 100 <= self.max_pct * rows, "result": {"observed_value": count}}


class ExpectStatementToHold(BatchExpectation):
    """An SQL statement says that it holds. The statement names its rows itself."""

    statement: str
    metric_dependencies: ClassVar[tuple[str, ...]] = ("vru.statement",)
    success_keys: ClassVar[tuple[str, ...]] = ("statement",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        held, observed, remark, columns = metrics["vru.statement"]
        details = {"remark": remark, "columns": columns}
        return {"success": held, "result": {"observed_value": observed, "details": details}}


class ExpectCheckToHold(BatchExpectation):
    """A result read back from the ledger, for Data Docs only: its title says what was checked and why."""

    title: str
    success_keys: ClassVar[tuple[str, ...]] = ("title",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        raise QualityError("a stored result is not run again")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: Any = None, **_: Any
    ) -> list[Any]:
        template = {"template": "$title", "params": {"title": configuration.kwargs["title"]}}
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]


def run(schema: str, table: str, batch_id: int | None, wanted: Iterable[Expectation]) -> dict[str, Outcome]:
    """Run expectations on the rows of one batch (of the whole table if None); outcomes by check id.

    Raises QualityError if one cannot be run.
    """
    bundled: list[Any] = []
    alone: list[Any] = []
    for item in wanted:
        (alone if item.type == STATEMENT else bundled).append(build(item, batch_id))
    outcomes: dict[str, Outcome] = {}
    batch = _batch(schema, table)
    for part, result_format in ((bundled, "BOOLEAN_ONLY"), (alone, "BASIC")):
        if part:
            suite = gx.ExpectationSuite(name=f"{schema}.{table}", expectations=part)
            for result in batch.validate(suite, result_format=result_format).results:
                check_id = result.expectation_config.meta["check_id"]
                _refuse_exception(check_id, result.exception_info)
                details = result.result.get("details") or {}
                outcomes[check_id] = Outcome(
                    bool(result.success),
                    result.result.get("observed_value"),
                    details.get("remark", ""),
                    details.get("columns"),
                )
    return outcomes


def build(item: Expectation, batch_id: int | None = None) -> Any:
    """The expectation as Great Expectations has it, limited to the rows of a batch. Raises QualityError."""
    kwargs = dict(item.kwargs)
    if batch_id is not None and item.type != STATEMENT:
        kwargs["row_condition"] = Column("batch_id") == batch_id
    try:
        return get_expectation_impl(item.type)(**kwargs, severity=item.severity, meta={"check_id": item.check_id})
    except Exception as error:
        raise QualityError(f"check {item.check_id}: {item.type} does not take these kwargs; mend its suite") from error


def _refuse_exception(check_id: str, info: dict[str, Any]) -> None:
    """A check that could not be computed is no verdict. The server's words may hold values and are not repeated."""
    found = info if "raised_exception" in info else next(iter(info.values()), {})
    if found.get("raised_exception"):
        kind = str(found.get("exception_message") or "").split(":")[0].split("(")[0][:80]
        raise QualityError(
            f"check {check_id} could not be computed ({kind or 'no reason given'}); compare the columns that its "
            "suite names with those of the table"
        )


_contexts: dict[int, Any] = {}
_batches: dict[tuple[int, str, str], Any] = {}


def context() -> Any:
    """The one ephemeral context of this process; a forked child makes its own, with connections of its own."""
    if os.getpid() not in _contexts:
        made: Any = gx.get_context(mode="ephemeral")
        made.variables.progress_bars = {"globally": False, "metric_calculations": False}
        _contexts[os.getpid()] = made
    return _contexts[os.getpid()]


def _batch(schema: str, table: str) -> Any:
    """The whole table as a batch; which of its rows are meant is said by each expectation."""
    # The schema stands in the URL: Great Expectations asks for it there, and finds the table through the search path.
    # Statistics know nothing of a batch that was loaded a moment ago and take it for one row, so that comparing its
    # rows with one another would be planned as a loop in a loop: hours for what a hash does in seconds.
    address = url("checker").update_query_dict({"options": f"-csearch_path={schema} -cenable_nestloop=off"})
    text = address.render_as_string(hide_password=False)
    key = (os.getpid(), text, table)
    if key not in _batches:
        name = f"{schema} {len(_batches)}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            source = context().data_sources.add_postgres(name, connection_string=text)
            asset = source.add_table_asset(table, table_name=table)
            _batches[key] = asset.add_batch_definition_whole_table("all").get_batch()
    return _batches[key]
