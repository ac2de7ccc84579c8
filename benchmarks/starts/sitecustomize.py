"""Counts, in every process that has this folder on its path, how often Airflow, dbt and Great Expectations start.

A start is: Airflow's settings initialised, a dbt project parsed, a Great Expectations context made. Each process
adds one line of JSON to the file that VRU_BENCH_STARTS names: what it started how often, and the seconds of imports.
"""

import atexit
import importlib.abc
import importlib.util
import json
import os
import sys
import time

STARTS = {
    "airflow.settings": ("airflow", None, "initialize"),
    "dbt.parser.manifest": ("dbt", "ManifestLoader", "get_full_manifest"),
    "great_expectations": ("great_expectations", None, "get_context"),
}
PACKAGES = ("airflow", "dbt", "great_expectations")
counts = dict.fromkeys(PACKAGES, 0)
imports = {}


class Watcher(importlib.abc.MetaPathFinder):
    """Times the first import of each package, and wraps what starts it."""

    def find_spec(self, name, path=None, target=None):  # noqa: ARG002 # as importlib calls it
        """The ordinary spec, with a loader that looks over the shoulder of the ordinary one."""
        if name not in STARTS and name not in PACKAGES:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            spec.loader = Loader(spec.loader, name)
        return spec


class Loader(importlib.abc.Loader):
    """The ordinary loader, timed."""

    def __init__(self, loader, name):
        self.loader, self.name = loader, name

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        """As the ordinary loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module):
        """As the ordinary loader, then wrap what starts the package."""
        started = time.perf_counter()
        self.loader.exec_module(module)
        if self.name in PACKAGES:
            imports[self.name] = round(time.perf_counter() - started, 2)
        if self.name in STARTS:
            package, owner, function = STARTS[self.name]
            counted(package, module if owner is None else getattr(module, owner), function)


def counted(package, owner, name):
    """Count the calls of a function."""
    plain = getattr(owner, name)

    def call(*arguments, **named):
        counts[package] += 1
        return plain(*arguments, **named)

    setattr(owner, name, call)


def report():
    """One line for this process."""
    if any(counts.values()):
        with open(os.environ["VRU_BENCH_STARTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps({"process": sys.argv[:4], "starts": counts, "import_s": imports}) + "\n")


if "VRU_BENCH_STARTS" in os.environ:
    sys.meta_path.insert(0, Watcher())
    atexit.register(report)
