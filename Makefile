# Every target prepares what it needs; a second run finds it done. Needs Python 3.11 and JDK 17, nothing else.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
VERSION := $(shell sed -n 's/^ *version="\(.*\)",/\1/p' setup.py)
PIP_INSTALL = bin/python -m pip install --disable-pip-version-check --progress-bar off -q

# An environment is ready when its stamp exists, and the stamp's name changes with what the environment is made from.
sum = $(shell cat $(1) | cksum | cut -d ' ' -f 1)
READY := $(VENV)/.ready-$(call sum,setup.py constraints.txt)
AIRFLOW_READY := .venv-airflow/.ready-$(call sum,constraints-airflow.txt)
BENCH_READY := .venv-bench/.ready-$(call sum,constraints-bench.txt)

# setuptools works in build/, where tables and runs lie too: only its own folders may be removed.
PACKAGING := build/lib build/bdist.*

.PHONY: help setup doctor demo test test-fast lint types settings run bench bench-setup airflow-setup dist clean java

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: java $(READY)  ## environment, pinned packages and jars (nothing to do the second time)
	@$(BIN)/python -m cartograph.runtime.jars

doctor: $(READY)  ## versions found, conflicting pairs, and the version to install
	@$(BIN)/python -m cartograph.runtime.preflight
	@$(BIN)/python -m pip check

demo: setup  ## generate a shop and take it from raw orders to related products
	$(BIN)/python jobs/pipeline.py --env demo $(ARGS)

test: setup airflow-setup  ## the whole suite, in two processes
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

test-fast: setup  ## the tests that need no Spark
	$(BIN)/python -m pytest -m "not slow and not cluster and not spark" $(ARGS)

lint: $(READY)  ## style
	$(BIN)/ruff check .

types: $(READY)  ## static types
	$(BIN)/mypy

settings: $(READY)  ## conf/base.yml again, from the definitions of the settings
	@mkdir -p build
	@$(BIN)/python -m cartograph.runtime.explained > build/base.yml
	@cp build/base.yml conf/base.yml

run: setup  ## one job: make run STEP=rules ARGS="--env local --as-of 2011-11-01"
	@test -n "$(STEP)" || { echo "name the step: make run STEP=rules ARGS='--env local --as-of 2011-11-01'" >&2; exit 2; }
	$(BIN)/python jobs/$(STEP).py $(ARGS)

bench: setup  ## one benchmark: make bench CASE=itemsets ARGS="--baskets F --min-support 0.01 --peers"
	@test -n "$(CASE)" || { echo "name the case: make bench CASE=itemsets ARGS='--baskets F --min-support 0.01'" >&2; exit 2; }
	$(BIN)/python -m benchmarks.$(CASE) $(ARGS)

bench-setup: $(BENCH_READY)  ## the public peers, in an environment of their own

airflow-setup: $(AIRFLOW_READY)  ## Airflow, in an environment of its own

dist: $(READY)  ## the wheel, and the .zip for spark-submit --py-files
	rm -rf dist $(PACKAGING)
	$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w dist .
	cp dist/cartograph-$(VERSION)-py3-none-any.whl dist/cartograph-$(VERSION).zip
	rm -rf $(PACKAGING)
	@ls -l dist

clean:  ## remove what was built from the code; tables, runs, environments and jars stay
	rm -rf dist $(PACKAGING) build/tests .pytest_cache .mypy_cache .ruff_cache .hypothesis spark-warehouse metastore_db derby.log libs/*.egg-info
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

java:
	@java="$${JAVA_HOME:+$$JAVA_HOME/bin/}java"; "$$java" -version 2>&1 | grep -q 'version "17' || { \
	  echo "JDK 17 is needed: install it (for example 'apt install openjdk-17-jdk-headless') or set JAVA_HOME to one." >&2; exit 1; }

# $(call environment,FOLDER) makes or repairs FOLDER. A package without its RECORD is one whose installation was
# interrupted: without its metadata, pip installs it again.
define environment
	@command -v $(PYTHON) > /dev/null || { \
	  echo "Python 3.11 is needed: install it, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -f $(1)/lib/python3.11/site-packages/pip-*.dist-info/RECORD || { rm -rf $(1); $(PYTHON) -m venv $(1); }
	@for package in $(1)/lib/python3.11/site-packages/*.dist-info; do test -f "$$package/RECORD" || rm -rf "$$package"; done
	@rm -f $(1)/.ready-*
endef

$(READY):
	@echo "Making $(VENV): about 6 GB of pinned packages, a few minutes, once."
	$(call environment,$(VENV))
	@$(VENV)/$(PIP_INSTALL) "$$(grep '^setuptools==' constraints.txt)"
	@$(VENV)/$(PIP_INSTALL) -c constraints.txt --no-build-isolation -e '.[spark,approximate,graph,text,dev]'
	@$(BIN)/python -m pip check
	@touch $@

$(AIRFLOW_READY):
	@echo "Making .venv-airflow: about 650 MB, once."
	$(call environment,.venv-airflow)
	@.venv-airflow/$(PIP_INSTALL) -c constraints-airflow.txt apache-airflow apache-airflow-providers-apache-spark
	@.venv-airflow/bin/python -m pip check
	@touch $@

$(BENCH_READY):
	@echo "Making .venv-bench: about 6 GB, once."
	$(call environment,.venv-bench)
	@.venv-bench/$(PIP_INSTALL) -r constraints-bench.txt || for package in $$(sed -n '/^[a-zA-Z]/p' constraints-bench.txt); do \
	  .venv-bench/$(PIP_INSTALL) -c constraints-bench.txt "$$package" || echo "$$package does not install here"; done
	@.venv-bench/bin/python -m pip check
	@.venv-bench/bin/python -m benchmarks.peers.installed
	@touch $@
