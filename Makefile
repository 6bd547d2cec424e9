# A bare machine needs Python 3.11 to 3.13 with venv, and make. `make setup` installs the rest.
PYTHON ?= python3
VENV := .venv
LOCKS := requirements
# Every program is started through its Python: scripts name the folder that they were installed in.
RUN := $(VENV)/bin/python
MANAGE := $(RUN) manage.py
COMPILE := $(RUN) -m uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header
# A worker that dies, or is ended because a test hangs, fails the run: its tests would be waited for.
PYTEST := $(RUN) -m pytest --numprocesses auto --max-worker-restart 0
COVERED := tests/billing
CODE := manage.py platform_site accounts billing generations sandbox requirements tests

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run check unit coverage others setup test bench profile soak lock format clean runtime dev \
	lint types imports house templates migrations deployment locks postgres

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: runtime ## Run the site with the sandbox and demo data; Ctrl-C stops all of it
	@$(MANAGE) migrate --no-input --verbosity 0
	@$(MANAGE) createcachetable --verbosity 0
	@$(MANAGE) demo
	@exec $(MANAGE) up --sandbox

check: lint types imports house templates migrations deployment locks ## Check all but behaviour: no root, no services, under a minute

unit: dev ## Run tests on SQLite; ARGS= goes to pytest (a file, -k, -m 'not browser')
	DATABASE_URL= $(PYTEST) $(ARGS)

coverage: dev ## Test all of billing but its admin by its own tests: no line or branch may be missed
	DATABASE_URL= $(PYTEST) $(COVERED) --cov --cov-config=tests/billing/coverage.toml --cov-report=term

others: dev
	DATABASE_URL= $(PYTEST) --ignore $(COVERED)

setup: ## Install the Debian packages that tests need (root or sudo)
	@.ci/setup

# What is quick and fails often comes first.
test: ## Set up and check everything, as CI does
	@MAKE='$(MAKE)' .ci/timed setup dev \
		lint types imports house templates migrations deployment locks others coverage postgres

bench: dev ## Measure against floors and, with BASE=, a commit (ROUNDS=, ONLY=1,2); var/bench.json too
	@$(RUN) -m tests.bench

profile: dev ## Show the CPU and the SQL statements of each stage, on both databases
	@$(RUN) -m tests.bench.profile

soak: setup dev ## Break everything under load, then compare all books (JOBS=, KILLS=, SEED=)
	@$(RUN) -m tests.soak

lock: dev ## Write the hash-pinned requirements again
	$(COMPILE) requirements/runtime.in --output-file requirements/runtime.txt
	$(COMPILE) requirements/dev.in --constraint requirements/runtime.txt \
		--output-file requirements/dev.txt

format: dev ## Put code and templates in the house format
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .
	$(RUN) -m djlint templates --reformat --quiet

clean: ## Remove what is built; your data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What `check` and `test` consist of

lint: dev
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .

types: dev
	$(RUN) -m mypy $(CODE)

imports: dev
	$(RUN) $(VENV)/bin/lint-imports

house: dev
	$(RUN) -m tests.house

templates: dev
	$(RUN) -m djlint templates --check --lint

migrations: dev
	$(MANAGE) makemigrations --check --dry-run

# As an installation on the open network would be; its secrets are generated into DATA_DIR.
deployment: dev
	DEBUG=false DATA_DIR=var/deployment-check PUBLIC_URL=https://dailies.example \
		EMAIL_URL=smtp://mail.dailies.example:25 TRUSTED_PROXIES=10.0.0.5 \
		$(MANAGE) check --deploy --fail-level WARNING

locks: dev
	$(RUN) -I requirements/check.py complete $(LOCKS)/runtime.txt $(LOCKS)/dev.txt

postgres: dev
	$(RUN) -m tests.support.postgres -- \
		$(PYTEST) -m both_databases $(ARGS)

# The environment: `runtime` for `make run`, `dev` with all tools.

runtime dev:
	@PYTHON='$(PYTHON)' VENV='$(VENV)' requirements/install $(LOCKS)/$@.txt
