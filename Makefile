# `make help` lists the targets. Everything is installed into .venv; nothing else on the machine is touched.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
TESTS ?= tests
# four processes on two cores: much of a proof is waiting; they start hundreds, so what is compiled once is kept
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n 4 --no-loadscope-reorder

.PHONY: help run up test test-faults test-gate bench lint format lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/.run ## Install, ingest every feed, build the marts, write the report (synthetic London)
	@$(BIN)/vru run

up: $(VENV)/.run ## Airflow's web page, scheduler and the rest; prints address and log-in
	@$(BIN)/vru up

test: $(VENV)/.dev ## Install the development lock and run the tests; of the longest proofs a seeded share
	@$(PYTEST) --dist loadfile -m "not deep" $(TESTS)

test-faults: $(VENV)/.dev ## Every bad input, kill, history and swap, and the longest proofs of Airflow
	@$(PYTEST) --dist loadscope -m "fault or deep" tests

test-gate: $(VENV)/.dev ## What the gate finds of damaged files and lets in of sound ones: tables (also in build/gate/tables.md)
	@rm -rf build/gate; rc=0; $(PYTEST) -n 2 --dist worksteal tests/gate || rc=$$?; $(BIN)/python -m tests.gate.tables || rc=1; exit $$rc

bench: $(VENV)/.dev ## Compare speed and memory with what people would use instead (about 20 minutes; a quiet machine)
	@$(BIN)/python -m benchmarks

lint: $(VENV)/.dev ## ruff, mypy, sqlfluff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@cd dbt_project && ../$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar models macros tests

format: $(VENV)/.dev ## Let ruff put the code in order
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lock: ## Resolve the locks anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-package vru pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-package vru --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## Stop the embedded server and remove the state folder and the installation
	@if [ -x $(BIN)/vru ]; then $(BIN)/vru db destroy --yes || true; fi
	rm -rf $(VENV) .vru dbt_project/target dbt_project/logs .pytest_cache .mypy_cache .ruff_cache

$(VENV)/.run: requirements.lock pyproject.toml
	@.ci/install $(PYTHON) $(VENV) requirements.lock && touch $@

$(VENV)/.dev: requirements-dev.lock requirements.lock pyproject.toml
	@.ci/install $(PYTHON) $(VENV) requirements-dev.lock && touch $@ $(VENV)/.run
