# Every target makes what it needs itself (lab/install.sh), so any of them works in a fresh clone.

PYTHON_HERE := .venv/bin/python
# Tests with real daemons mostly wait for heartbeats: more workers than processors pay.
WORKERS ?= 12
# GENERATION=3.0 runs real daemons of that generation only: 2.2, 2.6 or 3.0.
PYTEST := $(PYTHON_HERE) -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder $(GENERATION:%=--generation %)
# Real clients lose what a busy machine makes them lose: few of these tests run side by side, after all others.
CLIENTS := $(PYTHON_HERE) -m pytest -n 3 -m e2e $(GENERATION:%=--generation %) tests/e2e

# Each worker, and each program that a test starts, would compile all modules for itself.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
ifndef BESIDE
.NOTPARALLEL:
endif
.PHONY: help demo test clients fast lint format types compiled bench docs clean install install-python install-demo install-simulated-demo

help: ## this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

demo: ## the main job, shown on two Kea servers started for it (DEMO=simulator: on simulated ones)
ifeq ($(DEMO),simulator)
demo: install-simulated-demo
else
demo: install-demo
endif
	@$(PYTHON_HERE) -m lab.demo

test: install ## everything: format, lint, types, and all tests, those with real Kea daemons too (GENERATION=3.0: of one)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target BESIDE=yes lint types compiled
	$(PYTEST) -m "not e2e"
	$(CLIENTS)

clients: install ## what real clients lose while a pair is changed, all of it, for the table in the README; half an hour, as root
	$(PYTHON_HERE) -m tests.e2e

fast: install-python ## the tests that need no Kea
	$(PYTEST) -m "not kea"

lint: install-python ## style and format, and the workflows for GitHub and GitLab
	$(PYTHON_HERE) -m ruff check .
	$(PYTHON_HERE) -m ruff format --check .
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml contrib/github/*.yml
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci contrib/gitlab/*.yml
	.venv/bin/zizmor --quiet --no-progress --offline --persona pedantic .github/workflows contrib/github/dhcp.yml

format: install-python ## put the code into the common format
	$(PYTHON_HERE) -m ruff check --fix-only .
	$(PYTHON_HERE) -m ruff format .

types: install-python ## static types
	$(PYTHON_HERE) -m mypy

compiled: install-python # once for all workers, who would each do it for themselves
	@said=$$($(PYTHON_HERE) -m pytest --collect-only --quiet 2>&1) || { printf '%s\n' "$$said"; exit 1; }

bench: install ## the benchmarks, as ratios to what Kea and plain tools need
	$(PYTHON_HERE) -m benchmarks

docs: install-python ## write the generated parts of docs/ again
	$(PYTHON_HERE) -m docs.generate
	$(PYTHON_HERE) -m docs.coverage

clean: ## remove the virtual environment and everything that was generated
	rm -rf .venv .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install:
	@lab/install.sh

install-python:
	@lab/install.sh --without-kea

install-demo:
	@lab/install.sh --for-demo

install-simulated-demo:
	@lab/install.sh --for-simulated-demo
