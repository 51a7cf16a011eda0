# RAIA. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export UV_PYTHON_DOWNLOADS ?= never
export UV_PROJECT_ENVIRONMENT := .venv
# Machines behind a proxy trust it in the system's certificates, which uv does not read by itself.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),true,false)
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
PYTHON := .venv/bin/python
LOCKED := pyproject.toml uv.lock $(wildcard gen/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml)

.PHONY: servers help setup run journey stop test check format lint types layers contracts docs-current fix gen docs bench soak clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

.tools/bin/uv:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "RAIA needs Python 3.11 or later with venv (Debian and Ubuntu: apt-get install python3 python3-venv)"; exit 1; }
	@python3 -m venv .tools && .tools/bin/pip install --quiet --disable-pip-version-check 'uv==0.13.8'

.venv/.run: $(LOCKED) | $(filter .tools/bin/uv,$(UV))
	@echo "Setting up the virtual environment from the lock file …"
	@$(UV) sync --frozen --quiet --no-dev --inexact --compile-bytecode --python python3
	@touch $@

.venv/.dev: $(LOCKED) | $(filter .tools/bin/uv,$(UV))
	@echo "Setting up the virtual environment from the lock file, with development tools …"
	@$(UV) sync --frozen --quiet --compile-bytecode --python python3
	@touch $@ .venv/.run

setup: .venv/.dev ## Set up the virtual environment with development tools

run: .venv/.run ## Start the platform; with a new RAIA_HOME it runs the journey first
	@exec $(PYTHON) -m raia_launcher up --with-parent

journey: .venv/.run ## Run the journey against the running platform
	@$(PYTHON) -m raia_launcher journey

stop: .venv/.run ## Stop the running platform
	@$(PYTHON) -m raia_launcher down

test: servers check ## Run every check and every test; CI=true skips nothing
	@$(PYTHON) tools/run_tests.py

servers: .venv/.dev
	@$(PYTHON) tools/install_servers.py

check: .venv/.dev format lint types layers contracts docs-current ## Format, lint, types, layers, contracts, stale files

format: .venv/.dev
	@.venv/bin/ruff format --check --quiet . || { echo "run: make fix"; exit 1; }

lint: .venv/.dev
	@.venv/bin/ruff check --quiet .

types: .venv/.dev
	@$(PYTHON) tools/check_types.py

layers: .venv/.dev
	@.venv/bin/lint-imports --no-logo > .lint-imports.log || { cat .lint-imports.log; exit 1; }; rm -f .lint-imports.log

contracts: .venv/.dev
	@$(PYTHON) tools/generate_protos.py --check
	@$(PYTHON) tools/check_contracts.py

docs-current: .venv/.dev
	@$(PYTHON) tools/generate_docs.py --check

fix: .venv/.dev ## Format and mend what can be mended by itself
	@.venv/bin/ruff check --quiet --fix . || true
	@.venv/bin/ruff format --quiet .

gen: .venv/.dev ## Generate the stubs from the contracts
	@$(PYTHON) tools/generate_protos.py

docs: .venv/.dev ## Generate the reference pages
	@$(PYTHON) tools/generate_docs.py

bench: .venv/.dev ## Run the benchmarks and print their tables
	@for file in benchmarks/*.py; do $(PYTHON) "$$file"; done

soak: .venv/.dev ## Run kills and fuzzing long
	@RAIA_TEST_KILLS=100 $(PYTHON) tools/run_tests.py -m slow --soak --timeout 7200

clean: ## Remove what make made; RAIA_HOME stays
	@rm -rf .venv .tools build .mypy_cache .ruff_cache .pytest_cache .hypothesis
