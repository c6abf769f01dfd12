# Everything a developer or a newcomer runs. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Where pip looks for torch first, for example the index of a CUDA build:
#   make install TORCH_INDEX=<address of the index for your CUDA version, from pytorch.org>
TORCH_INDEX ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

INSTALLED := $(VENV)/.installed

.PHONY: help install demo serve test chaos soak compose-test audit lint types imports check fix screenshots bench bench-references lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Create .venv and install the locked versions
$(INSTALLED): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(BIN)/pip install -q -c requirements.lock --index-url $(TORCH_INDEX) torch)
	$(BIN)/pip install -q -c requirements.lock -e '.[worker,embedded,parquet,studies,tensorboard,mlflow,traces,s3,dev]'
	@$(BIN)/python -m workers.training.native
	@touch $@

demo: install ## Train four jobs through the real service and show what was measured
	@$(BIN)/subgrad demo

serve: install ## Bring the whole service up in the foreground (Ctrl-C ends it)
	@exec $(BIN)/subgrad up

# What starts no worker shares the cores; the rest has them to itself.
SHARING = tests/unit tests/architecture tests/migrations tests/integration/api tests/integration/artifacts tests/integration/db

test: check ## Run all checks and all tests
	$(BIN)/python -m pytest -n logical --dist loadfile $(SHARING)
	$(BIN)/python -m pytest $(SHARING:%=--ignore=%)

check: install lint types imports ## Run the checks that need no server; edits nothing

chaos: install ## The long chaos test; docs/reliability.md holds the figures
	$(BIN)/python -m tests.chaos

soak: install ## Half an hour of constant load; docs/reliability.md holds the figures
	$(BIN)/python -m tests.soak

compose-test: install ## The service in real containers, where there is a Docker engine
	$(BIN)/python -m tests.deploy.containers

audit: ## Look the locked packages up in the database of advisories
	@test -x .venv-audit/bin/pip-audit || $(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/pip install -q pip-audit==2.10.1 || true
	@AUDIT_OPTIONAL=$(AUDIT_OPTIONAL) sh deploy/audit.sh .venv-audit/bin/pip-audit

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

fix: install ## Format, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: install ## Take pictures of the dashboard's pages into screenshots/
	$(BIN)/python -m tests.browser.screenshots screenshots

bench: install ## Run the benchmarks; docs/benchmarks.md holds the figures
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.first_epoch
	$(BIN)/python -m benchmarks.sweeps
	$(BIN)/python -m benchmarks.estimates
	$(BIN)/python -m benchmarks.series
	$(BIN)/python -m benchmarks.recording
	$(BIN)/python -m benchmarks.cancel
	$(BIN)/python -m benchmarks.dispatcher
	$(BIN)/python -m benchmarks.load
	$(BIN)/python -m benchmarks.streams
	$(BIN)/python -m benchmarks.pages

bench-references: ## Compare with others (JAX, joblib, Optuna, Lightning, Ray Tune; MLflow)
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install -q -c requirements.lock -r benchmarks/requirements.txt -e '.[worker]'
	.venv-bench/bin/python -m benchmarks.cohort
	@# MLflow's server takes an older pandas than ours, so it has an environment to itself.
	@test -x .venv-bench-mlflow/bin/python || $(PYTHON) -m venv .venv-bench-mlflow
	.venv-bench-mlflow/bin/pip install -q -r benchmarks/requirements-mlflow.txt -e .
	.venv-bench-mlflow/bin/python -m benchmarks.mlflow_server

lock: ## Write requirements.lock anew from the newest versions
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install -q torch==2.13.0 '.[worker,embedded,parquet,studies,tensorboard,mlflow,traces,s3,dev]'
	.venv-lock/bin/pip freeze --exclude subgrad | sed 's/+cpu$$//' > requirements.lock
	rm -rf .venv-lock build *.egg-info

clean: ## Remove .venv and all caches; keeps the data in .subgrad
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
