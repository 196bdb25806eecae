# depthnb: `make report` makes every figure and table, `make test` checks everything. See README.md.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
PRESET ?= quick
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
READY := $(VENV)/ready
NOTEBOOKS := $(basename $(notdir $(sort $(wildcard notebooks/[0-9]*.ipynb))))
DONE := build/$(PRESET)
SOURCES := $(wildcard depthnb/*.py depthnb/*/*.py depthnb/*.csv) data/rooms/index.csv
# bit-identical matrix products on a GPU need this before the first CUDA call
export CUBLAS_WORKSPACE_CONFIG := :4096:8
export PYDEVD_DISABLE_FILE_VALIDATION := 1

.PHONY: help setup report test lab notebooks bench clean

help:
	@echo "make report      every notebook with quick defaults, then reports/report.html (PRESET=rooms-full|sweep|paper)"
	@echo "make test        lint, unit tests, doctests, every notebook under nbval"
	@echo "make lab         JupyterLab on the notebooks"
	@echo "make notebooks   run the notebooks in place: refreshes the outputs kept in git"
	@echo "make bench       every script under benchmarks/"
	@echo "make clean       remove what make made, except $(VENV), finished runs and trained weights"

setup: $(READY)

# $(VENV)/unfinished stands while packages are being installed: an interrupted set-up is thrown away and made anew.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "depthnb needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo missing). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "'$(PYTHON)' has no venv module; on Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@if [ -e $(VENV)/unfinished ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		echo "set-up: new environment in $(VENV)"; rm -rf $(VENV); $(PYTHON) -m venv $(VENV); fi
	@touch $(VENV)/unfinished
	@echo "set-up: installing packages (about 5 GB with the CUDA build of torch; a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,hub]'
	@rm $(VENV)/unfinished
	@touch $@

report: $(NOTEBOOKS:%=$(DONE)/%.done)
	@echo "report: reports/report.html"

# Only papermill's exit status counts: after a killed kernel its saved notebook still says "completed".
$(DONE)/%.done: notebooks/%.ipynb $(SOURCES) $(wildcard notebooks/params/*-$(PRESET).yaml) | $(READY)
	@mkdir -p $(DONE)
	@echo "== $* ($(PRESET))"
	@$(BIN)/papermill notebooks/$*.ipynb $(DONE)/$*.ipynb --kernel python3 --cwd notebooks --no-progress-bar --log-level ERROR \
		$(if $(wildcard notebooks/params/$*-$(PRESET).yaml),-f notebooks/params/$*-$(PRESET).yaml)
	@touch $@

# the comparison reads what the others wrote
$(DONE)/10_comparison.done: $(patsubst %,$(DONE)/%.done,$(filter-out 10_comparison,$(NOTEBOOKS)))

test: | $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -q tests
	$(BIN)/python -m pytest -q --doctest-modules depthnb
	reports=$$(mktemp -d) && trap 'rm -rf "$$reports"' EXIT && DEPTHNB_REPORTS=$$reports \
		$(BIN)/python -m pytest -q --nbval-lax --nbval-current-env --nbval-cell-timeout 1200 notebooks

lab: | $(READY)
	cd notebooks && $(BIN)/jupyter lab

notebooks: | $(READY)
	$(BIN)/jupyter nbconvert --to notebook --inplace --execute --ExecutePreprocessor.record_timing=False \
		$(NOTEBOOKS:%=notebooks/%.ipynb)

bench: | $(READY)
	for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script; done

clean:
	rm -rf build .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
