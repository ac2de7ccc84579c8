"""What is said of the cost of one more feed."""

from __future__ import annotations

import subprocess
import sys

from vru.settings import CHECKOUT

from tests.cost import Cost, of_one_more_feed


def test_the_mean_over_the_feeds_that_tests_are_named_after() -> None:
    costs = {
        "a.py::t[x-police]": Cost(3.0, 2.0), "a.py::t[y-police]": Cost(1.0, 1.0), "a.py::t[x-nurses]": Cost(2.0, 1.0),
        "a.py::police": Cost(9.0, 9.0),
    }  # fmt: skip
    assert of_one_more_feed(costs, ["police", "nurses", "firemen"]) == Cost(3.0, 2.0)
    assert of_one_more_feed(costs, ["firemen"]) is None


def test_it_is_printed_at_the_end_whichever_process_ran_them() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "tests/contract/test_suites.py", "-k", "test_what_holds_for_every_resource"],
        cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "one more feed costs about " in done.stdout
