"""The DAG of one feed: fetch, parse, audit, admit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, get_current_context, task

from vru.contracts import Contract
from vru.orchestration import assets
from vru.orchestration.steps import default_args, log, task_errors
from vru.periods import LONDON_NAME

LONDON = pendulum.timezone(LONDON_NAME)
START = datetime(2014, 1, 1, tzinfo=LONDON)

DOC = """\
### {title}

{description}

| | |
|---|---|
| Publisher | {publisher} |
| Owner | {owner} |
| Licence | {licence} |
| Home page | {homepage} |

**When red.** {when_red}

Where nothing is new, only `fetch` runs and the rest is skipped.

`fetch` red: the partner could not be reached, or sent something that is not its data. `parse` red: a file was
rejected. `audit` red: a file was held; what was admitted before still counts. The last line of the log says which
file, which check and which command mends it.
"""


def ingest_dag(contract: Contract) -> DAG:
    """The DAG `ingest__<feed>`, on the feed's own schedule."""
    feed = contract.feed
    dag = DAG(
        dag_id=f"ingest__{feed}",
        dag_display_name=f"Ingest: {contract.title}",
        description=contract.title,
        doc_md=DOC.format(**contract.model_dump()),
        schedule=contract.schedule,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=default_args(contract.owner),
        tags=["ingest", contract.publisher],
        params={"since": None, "period": None},
    )

    @task.short_circuit(dag=dag)
    def fetch() -> bool:
        """Ask the partner and keep the bytes; where that leaves nothing to do, what follows is skipped."""
        with task_errors():
            from airflow.sdk.exceptions import AirflowSkipException

            from vru import pipeline
            from vru.profile import source

            fetched = pipeline.fetch(feed, source(), **_asked(get_current_context()))
            for line in fetched.lacking:
                log.warning(line)
            if not fetched.outcomes and fetched.lacking:
                raise AirflowSkipException("; ".join(fetched.lacking))
            log.info(
                "%s: %s; %d new of %d deliveries",
                feed, ", ".join(f"{n} {o}" for o, n in sorted(fetched.outcomes.items())) or "nothing to ask",
                len(fetched.new), len(fetched.deliveries),
            )  # fmt: skip
            get_current_context()["ti"].xcom_push(key="deliveries", value=fetched.deliveries)
            fetched.check()
            return pipeline.has_work(feed, fetched.deliveries) or _has_news(feed)

    @task(dag=dag, trigger_rule="all_done")
    def parse() -> None:
        """Make typed rows of what was delivered."""
        with task_errors():
            from vru import pipeline

            outcome = pipeline.parse(feed, _met())
            log.info("%s: %d contents parsed", feed, len(outcome.batches))
            outcome.check()

    @task(dag=dag, trigger_rule="all_done")
    def audit() -> None:
        """Check the new rows."""
        with task_errors():
            from vru import pipeline

            outcome = pipeline.audit(feed, _met())
            log.info("%s: %d batches audited", feed, len(outcome.batches))
            outcome.check()

    @task(dag=dag, trigger_rule="all_done", outlets=[assets.raw(feed)])
    def admit() -> None:
        """Let every batch count that passed; skipped, and no build is asked for, where nothing is new."""
        with task_errors():
            from airflow.sdk.exceptions import AirflowSkipException

            from vru import pipeline

            outcome = pipeline.admit(feed)
            if not outcome.batches and not _has_news(feed):
                raise AirflowSkipException(f"{feed}: nothing new")
            log.info("%s: %d batches admitted", feed, len(outcome.batches))

    @task(dag=dag, trigger_rule="none_failed")
    def finish() -> None:
        """Red when any step before it is red, so that the run is."""

    fetched, parsed, audited, admitted = fetch(), parse(), audit(), admit()
    fetched >> parsed >> audited >> admitted
    [fetched, parsed, audited, admitted] >> finish()
    return dag


def _met() -> list[int]:
    """The deliveries that this run's fetch met; none where it failed before it met any."""
    found: Any = get_current_context()["ti"].xcom_pull(task_ids="fetch", key="deliveries")
    return list(found or [])


def _has_news(feed: str) -> bool:
    """Whether something was stated anew in this run: a content that counts already may have become current again.

    Of the past, which is what a backfill asks for, nothing becomes current so.
    """
    from vru import pipeline

    run = get_current_context()["dag_run"]
    return run.run_type != "backfill" and pipeline.has_news(feed, run.start_date or run.run_after)


def _asked(context: Any) -> dict[str, Any]:
    """The range that whoever started the run asked for; a run of a backfill is for the months of its data interval."""
    from vru.clock import month
    from vru.periods import LONDON

    params, run = context["params"], context["dag_run"]
    asked = {name: month(params[name]) for name in ("since", "period") if params.get(name)}
    if asked or run.run_type != "backfill":
        return asked
    # the interval of a cron schedule is one instant; of any other, the end is no part of it
    first = run.data_interval_start.astimezone(LONDON).date()
    last = (run.data_interval_end - timedelta(microseconds=1)).astimezone(LONDON).date()
    return {"since": first.replace(day=1), "until": max(first, last).replace(day=1)}
