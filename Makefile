# A bare machine needs Python 3.11 to 3.13 with venv, and make. `make test` brings the rest along.
PYTHON ?= python3
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header
# A worker that dies, or is ended because a test hangs, fails the run: its tests would be waited for.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --max-worker-restart 0
CODE := manage.py platform_site accounts billing generations sandbox tests

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run test bench soak lock format clean dev services \
	lint types imports migrations deployment templates unit-tests postgres-tests

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: .venv/runtime.stamp ## Run the site with the sandbox and demo data; Ctrl-C ends all of it
	@$(MANAGE) migrate --no-input --verbosity 0
	@$(MANAGE) createcachetable --verbosity 0
	@$(MANAGE) demo
	@exec $(MANAGE) up --sandbox

# What is quick and fails often comes first; pytest's own summary closes.
test: services dev lint types imports templates migrations deployment unit-tests postgres-tests ## Check everything, as CI does

bench: dev ## Measure against the floors; results in var/bench.json too
	$(BIN)/python -m tests.bench

soak: services dev ## Break everything under load, then compare all books (JOBS=, KILLS=, SEED=)
	@$(BIN)/python -m tests.soak

lock: dev ## Write the hash-pinned requirements anew
	$(COMPILE) requirements/runtime.in --output-file requirements/runtime.txt
	$(COMPILE) requirements/dev.in --constraint requirements/runtime.txt \
		--output-file requirements/dev.txt

format: dev ## Put code and templates in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint templates --reformat --quiet

clean: ## Remove what is built; your data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What `test` consists of

services:
	.ci/services

lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types:
	$(BIN)/mypy $(CODE)

imports:
	$(BIN)/lint-imports

templates:
	$(BIN)/djlint templates --check --lint

migrations:
	$(MANAGE) makemigrations --check --dry-run

# As an installation on the open network would be; its secrets are generated into DATA_DIR.
deployment:
	DEBUG=false DATA_DIR=var/deployment-check PUBLIC_URL=https://dailies.example \
		EMAIL_URL=smtp://mail.dailies.example:25 \
		$(MANAGE) check --deploy --fail-level WARNING

unit-tests:
	$(PYTEST) $(PYTEST_ARGS)

postgres-tests:
	$(BIN)/python -m tests.support.postgres -- \
		$(PYTEST) -m both_databases $(PYTEST_ARGS)

# Environments: pip runs again only when a lock has changed.

dev: .venv/dev.stamp

.venv/runtime.stamp: requirements/runtime.txt | $(BIN)/python
	$(PIP_INSTALL) --requirement $<
	@touch $@

.venv/dev.stamp: requirements/dev.txt | $(BIN)/python
	$(PIP_INSTALL) --requirement $<
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or \
		sys.exit("Dailies needs Python 3.11 to 3.13: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
