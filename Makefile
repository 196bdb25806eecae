# depthnb: `make report` makes every figure and table, `make test` checks everything. See README.md.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
PRESET ?= quick
SEEDS ?= 0 1 2 3 4
# processes at a time: two where they are small, one where each wants the whole machine or the GPU
JOBS ?= $(if $(filter quick,$(PRESET)),2,1)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PARAMS := notebooks/params
NOTEBOOKS := $(basename $(notdir $(sort $(wildcard notebooks/[0-9]*.ipynb))))
DONE := build/$(PRESET)
SOURCES := $(wildcard depthnb/*.py depthnb/*/*.py depthnb/*/*/*.py depthnb/*/*.csv data/*/index.csv)
# glibc gives large blocks back to the system and asks for them again: without that a training step is about a tenth faster
export MALLOC_TRIM_THRESHOLD_ := 8000000000
export MALLOC_MMAP_THRESHOLD_ := 4000000000
export MALLOC_TOP_PAD_ := 268435456
# THREADS=4: of each process, whatever would be chosen else
ifdef THREADS
export OMP_NUM_THREADS := $(THREADS)
endif
# bit-identical matrix products on a GPU need this before the first CUDA call
export CUBLAS_WORKSPACE_CONFIG := :4096:8
export PYDEVD_DISABLE_FILE_VALIDATION := 1
# threads that wait let others work: beside one other busy process a training of two threads took over five times as long
# without, and alone it takes a few percent more
export OMP_WAIT_POLICY ?= PASSIVE
# the kernel of this environment, not one of the same name in the user's home
export JUPYTER_PREFER_ENV_PATH := 1

# what a kernel of this environment starts with, whoever starts it: make, papermill or JupyterLab
SETTINGS := OMP_WAIT_POLICY MALLOC_TRIM_THRESHOLD_ MALLOC_MMAP_THRESHOLD_ MALLOC_TOP_PAD_ CUBLAS_WORKSPACE_CONFIG
KERNEL := $(foreach name,$(SETTINGS),--env $(name) $($(name)))

ifeq ($(filter $(PRESET),quick rooms-full paper),)
$(error PRESET is quick, rooms-full or paper, not '$(PRESET)'; for what the verdicts rest on: make evidence)
endif

.PHONY: help setup report check test test-browser lab notebooks evidence rooms-more contest renderer site bench clean again

help:
	@echo "make report      every notebook with quick defaults, then reports/report.html (PRESET=rooms-full or paper)"
	@echo "make check       lint, the fast unit tests and one notebook at smoke size, in two to three minutes: between two commits"
	@echo "make test        lint, unit tests, doctests, every notebook under nbval (JOBS=2 processes)"
	@echo "make lab         JupyterLab on the notebooks"
	@echo "make notebooks   run the notebooks in place: refreshes the outputs kept in git"
	@echo "make evidence    every training that a verdict rests on, with five seeds (SEEDS='0 1 2 3 4')"
	@echo "make rooms-more  render further rooms to train on, for dataset rooms+more (SCENES=500, about nine seconds each)"
	@echo "make contest     render rooms that nobody has seen and hide their depth, for a course (SEED=a secret of 12 digits, SCENES=30)"
	@echo "make site        notebooks, pages and API reference as one static site under build/site"
	@echo "make test-browser  JupyterLab, report and site in a headless Chromium (SLOW=1: 01, 03 and 11 run too)"
	@echo "make bench       every script under benchmarks/"
	@echo "make clean       remove what make made, except $(VENV), finished runs and trained weights"
	@echo "JOBS=2 processes at a time, THREADS=1 in each: what report, check and test take unless told otherwise"

setup: $(READY)

# A virtual environment cannot be moved or copied, so $(READY) says for which folder it was made.
STATE := $(shell if [ ! -s $(READY) ]; then echo missing; \
	elif [ -x $(BIN)/python ] && [ "$$(cat $(READY))" = "$$(pwd -P)" ]; then echo good; else echo elsewhere; fi)

# $(VENV)/unfinished stands while packages are being installed: an interrupted set-up is thrown away and made anew.
$(READY): pyproject.toml $(if $(filter good,$(STATE)),,again)
	@if [ -e $(VENV)/unfinished ] || [ $(STATE) = elsewhere ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		command -v $(PYTHON) >/dev/null \
			|| { echo "depthnb needs Python 3.11.4 or newer, and there is no '$(PYTHON)' here. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }; \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' \
			|| { echo "depthnb needs Python 3.11.4 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }; \
		$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
			|| { echo "'$(PYTHON)' has no venv module; on Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }; \
		echo "set-up: new environment in $(VENV)"; \
		rm -rf $(VENV); mkdir $(VENV); touch $(VENV)/unfinished; \
		$(PYTHON) -m venv $(VENV); \
	fi
	@touch $(VENV)/unfinished
	@echo "set-up: installing packages (about 5 GB with the CUDA build of torch; a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,hub,mesh,onnx,video,parquet]'
	@$(BIN)/python -m ipykernel install --sys-prefix $(KERNEL) >/dev/null
	@rm $(VENV)/unfinished
	@pwd -P > $@

again: ;

# One papermill call; $(1): notebook, $(2): name of its output under build/, $(3): parameters. Only the exit status counts:
# after a killed kernel the saved notebook still says "completed". ipykernel warns of its own start in every one,
# and now and then of its own end.
define papermill
@mkdir -p $(dir build/$(2))
@echo "== $(2)"
@SECONDS=0; $(BIN)/python -m papermill notebooks/$(1).ipynb build/$(2).ipynb --kernel python3 --cwd notebooks \
	--no-progress-bar --log-level ERROR $(3) 2> >(grep -v -e 'TCP without encryption' -e 'KeyboardInterrupt caught in kernel' >&2) && echo "   $(2): $$SECONDS s"
endef

# several processes of one thread each are faster than one of several threads
ifneq ($(JOBS),1)
report: export OMP_NUM_THREADS := $(or $(THREADS),1)
endif
report: | $(READY)
	@echo "notebooks at a time: $(JOBS), threads of each: $${OMP_NUM_THREADS:-one a core} (JOBS=, THREADS=)"
	@$(MAKE) -s --no-print-directory -j $(JOBS) $(NOTEBOOKS:%=$(DONE)/%.done)
	@echo "report: reports/report.html"

$(DONE)/%.done: notebooks/%.ipynb $(SOURCES) $(wildcard $(PARAMS)/*-$(PRESET).yaml) | $(READY)
	$(call papermill,$*,$(PRESET)/$*,$(addprefix -f ,$(wildcard $(PARAMS)/$*-$(PRESET).yaml)))
	@touch $@

# the style transfer asks the encoder that the transfer learning has trained
$(DONE)/08_style_transfer.done: $(filter %/05_densenet.done,$(NOTEBOOKS:%=$(DONE)/%.done))

# the comparison reads what the others wrote
$(DONE)/10_comparison.done: $(patsubst %,$(DONE)/%.done,$(filter-out 10_comparison,$(NOTEBOOKS)))

# What the verdicts rest on: the rooms-full runs of some notebooks with several seeds, and the ablations of evidence.txt. A line
# of it is: notebook, name, parameter=value ... It differs from the rooms-full run in what the line says and in nothing else.
# Every training comes once more with twice the epochs, for one seed. A run that is there is not made again, whatever has
# changed since: delete its folder for that.
EVIDENCE := $(PARAMS)/evidence.txt
REPORTS := $(or $(DEPTHNB_REPORTS),reports)
# a line that learns from further rooms waits until they are rendered
MORE := $(or $(DEPTHNB_DATA),data)/rooms-more
WAITING := $(if $(wildcard $(MORE)/index.csv),,dataset=rooms[+]more)
LINES := $(shell awk '$$1 ~ /^[0-9]/ $(if $(WAITING),&& !/$(WAITING)/) {print $$1 "/" $$2}' $(EVIDENCE) 2>/dev/null)
# The same methods on the embedded streets, with at most three seeds: a table of 10, no verdict.
STREETS := $(patsubst $(PARAMS)/%-streets-full.yaml,%,$(wildcard $(PARAMS)/*-streets-full.yaml))
STREETS_RUNS := $(patsubst streets-full-seed0,streets-full,$(addprefix streets-full-seed,$(wordlist 1,3,$(SEEDS))))
# $(1): notebook/line, $(2): seed. The line "full" is the preset itself: its runs are called rooms-full, rooms-full-seed1 ...
evidence_run = $(REPORTS)/$(dir $(1))$(if $(filter full,$(notdir $(1))),rooms-full$(if $(filter-out 0,$(2)),-seed$(2)),ablation-$(notdir $(1))-$(2))/run.json
evidence: $(foreach seed,$(SEEDS),$(foreach line,$(LINES),$(call evidence_run,$(line),$(seed)))) \
		$(foreach line,$(LINES),$(call evidence_run,$(line)-doubled,$(firstword $(SEEDS)))) \
		$(foreach notebook,$(STREETS),$(foreach run,$(STREETS_RUNS),$(REPORTS)/$(notebook)/$(run)/run.json))
	$(if $(WAITING),@grep '^[0-9].*$(WAITING)' $(EVIDENCE) | sed 's/$$/: left out until make rooms-more has made them/' || true)

# of a run's folder, notebook/run, back to the notebook, the line and the seed
notebook_of = $(patsubst %/,%,$(dir $*))
full_of = $(filter rooms-full% streets-full%,$(notdir $*))
preset_of = $(if $(filter streets-full%,$(notdir $*)),streets-full,rooms-full)
seed_of = $(if $(full_of),$(or $(patsubst $(preset_of)-seed%,%,$(filter $(preset_of)-seed%,$(full_of))),0),$(lastword $(subst -, ,$(notdir $*))))
name_of = $(if $(full_of),full,$(patsubst ablation-%-$(seed_of),%,$(notdir $*)))
line_of = $(patsubst %-doubled,%,$(name_of))
changes_of = $(shell awk '$$1 == "$(notebook_of)" && $$2 == "$(line_of)" \
	{for (i = 3; i <= NF; i++) {n = index($$i, "="); printf "-p %s %c%s%c ", substr($$i, 1, n - 1), 39, substr($$i, n + 1), 39}}' $(EVIDENCE))
epochs_of = $(or $(patsubst epochs=%,%,$(filter epochs=%,$(shell awk '$$1 == "$(notebook_of)" && $$2 == "$(line_of)"' $(EVIDENCE)))), \
	$(shell awk '$$1 == "epochs:" {print $$2}' $(PARAMS)/$(notebook_of)-rooms-full.yaml))
doubled_of = $(if $(filter %-doubled,$(name_of)),-p epochs $(shell expr 2 '*' $(epochs_of)))

$(REPORTS)/%/run.json: | $(READY)
	$(call papermill,$(notebook_of),evidence/$*,-f $(PARAMS)/$(notebook_of)-$(preset_of).yaml \
		$(changes_of) $(doubled_of) -p seed $(seed_of) -p run $(notdir $*))

# What is looked at between two commits: files whose tests take seconds, less what is marked slow in them, and one notebook
# that trains on 15 small frames. A new file in these folders is looked at too; `make test` runs everything.
FAST := data evaluation evidence files metrics report test_damage.py test_losses.py test_makefile.py test_notebooks.py test_params.py \
	test_pointcloud.py models/test_models.py runs/test_identity.py runs/test_runs.py
SMOKE := tests/test_notebooks_folder.py::test_runs_on_a_folder_of_several_sizes[03_eigen]
# the same on every machine: no notebook looks for weights on the network while it is tested
check test: export DEPTHNB_OFFLINE := 1
# processes of one thread each: two of them are faster than one with two threads
check test: export OMP_NUM_THREADS := $(or $(THREADS),1)
# whole files at a time, in their order: the longest are first, so that no process is left alone with one at the end
SPREAD = -n $(JOBS) --dist loadfile --no-loadscope-reorder
check: | $(READY)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m pytest -q $(SPREAD) -m "not slow" "$(SMOKE)" $(FAST:%=tests/%)
	@echo "left out: all notebooks but one, doctests, and the tests of trainings, most networks, studies, weights, pictures, the embedded data and the command depthnb; make test has them"

# Checked with short trainings, since nothing that a cell asserts depends on their length; `make report` has them whole.
SHORTENED := 02_bn_cnn 03_eigen 04_unet 05_densenet 06_hma 07_midas 09_gan 11_today 13_self_supervised
# the longest first, as far as they take more than a minute; tests/conftest.py says so of the other tests
LONGEST := 02_bn_cnn 05_densenet 06_hma 07_midas 13_self_supervised 08_style_transfer 11_today 09_gan 04_unet 03_eigen 10_comparison
CHECKED := $(foreach name,$(filter $(NOTEBOOKS),$(LONGEST)) $(filter-out $(LONGEST),$(NOTEBOOKS)), \
	$(if $(filter $(name),$(SHORTENED)),build/nbval,notebooks)/$(name).ipynb)
# The notebooks find the full runs that git keeps, as in a clone, so that what they show of them is checked too.
FULL = $(wildcard reports/*/rooms-full)
# The examples in docstrings come last and fill what is left of the time.
test: | $(READY)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m pytest -q $(SPREAD) --ignore tests/browser tests
	@$(BIN)/python tests/helpers/shortened.py build/nbval $(filter $(NOTEBOOKS),$(SHORTENED))
	reports=$$(mktemp -d) && trap 'rm -rf "$$reports"' EXIT && \
		$(if $(FULL),tar -cf - --exclude=weights $(FULL) | tar -xf - -C "$$reports" --strip-components 1 &&) \
		DEPTHNB_REPORTS=$$reports \
		$(BIN)/python -m pytest -q $(SPREAD) --nbval-lax --nbval-current-env --nbval-cell-timeout 1200 --doctest-modules \
		$(CHECKED) depthnb

lab: | $(READY)
	$(BIN)/python -m jupyterlab --notebook-dir notebooks --LabApp.news_url=None $(if $(filter 0,$(shell id -u)),--allow-root)

notebooks: | $(READY)
	$(BIN)/python -m nbconvert --to notebook --inplace --execute --ExecutePreprocessor.record_timing=False \
		$(NOTEBOOKS:%=notebooks/%.ipynb)

# Blender's Python package exists for one Python only, so the renderer has an environment of its own. Finished scenes are kept
# in $(SCRATCH) and not rendered again.
SCENES ?= 500
VIEWS ?= 2
RENDER_PYTHON ?= python3.11
RENDERER := .venv-render
BPY := $(shell sed -n 's/^render = \["\(bpy==[0-9.]*\).*/\1/p' pyproject.toml)
SCRATCH := data/render/scratch/rooms-more

rooms-more: | $(RENDERER)/$(BPY)
	if ! [ "$(SCENES)" -ge 1 ] 2>/dev/null; then echo "SCENES is a number of scenes from 1, not '$(SCENES)'"; exit 1; fi
	workers=(); trap 'kill $${workers[@]} 2>/dev/null || true' EXIT; for k in $$(seq 0 $$(( $(JOBS) - 1 ))); do \
		$(RENDERER)/bin/python data/render/render.py rooms-more --scenes 0-$$(( $(SCENES) - 1 )) --views $(VIEWS) \
			--worker $$k/$(JOBS) --out $(SCRATCH) | grep ' views, ' & workers+=($$!); done; \
	for worker in $${workers[@]}; do wait $$worker; done
	$(RENDERER)/bin/python data/render/pack.py rooms-more --work $(SCRATCH) --out "$(MORE)"

# The seed is looked at before anything is installed. SCENES means the 500 of rooms-more only there.
CONTEST := contest
contest: | $(READY)
	@$(BIN)/python -m depthnb.course contest rooms --check --seed "$(SEED)" --out "$(CONTEST)"
	@$(MAKE) --no-print-directory renderer
	@$(BIN)/python -m depthnb.course contest rooms --seed "$(SEED)" --out "$(CONTEST)" --views $(VIEWS) --jobs $(JOBS) \
		--scenes $(if $(filter file,$(origin SCENES)),30,$(SCENES)) --renderer $(RENDERER)/bin/python

# the line that does nothing keeps make from saying that there was nothing to do
renderer: | $(RENDERER)/$(BPY)
	@:

$(RENDERER)/$(BPY):
	@command -v $(RENDER_PYTHON) >/dev/null \
		|| { echo "the renderer $(BPY) needs Python 3.11, and there is no '$(RENDER_PYTHON)' here; try RENDER_PYTHON=/path/to/python3.11"; exit 1; }
	rm -rf $(RENDERER) && $(RENDER_PYTHON) -m venv $(RENDERER)
	$(RENDERER)/bin/python -m pip install --quiet --disable-pip-version-check $(BPY) numpy pillow
	touch $@

, := ,
# What only some want is installed when it is first asked for; $(1): a name to import, $(2): the extra
extra = @$(BIN)/python -c 'import $(1)' 2>/dev/null || { echo "set-up: installing the extra $(2)"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(2)]'; }

# Made beside the old one, which stays until the new one is whole. Every warning is an error: a link that leads nowhere is one.
site: | $(READY)
	$(call extra,sphinx$(,) myst_nb$(,) furo$(,) mathjax,site)
	@mkdir -p build && work=$$(mktemp -d build/site-new.XXXXXX) && trap 'rm -rf "$$work"' EXIT && \
		$(BIN)/python docs/gather.py "$$work/source" && \
		OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -W --keep-going -j $(JOBS) -c docs -d "$$work/trees" "$$work/source" "$$work/site" && \
		rm -rf build/site && mv "$$work/site" build/site
	@echo "site: build/site/index.html; to read it with its search: $(BIN)/python -m http.server -d build/site"

test-browser: | $(READY)
	$(call extra,playwright,browser)
	DEPTHNB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(if $(SLOW),,-m "not slow") tests/browser

bench: | $(READY)
	for script in benchmarks/bench_*.py; do echo "== $$script"; OMP_NUM_THREADS=1 $(BIN)/python $$script; done

clean:
	rm -rf build .pytest_cache .ruff_cache *.egg-info
	find . -path ./$(VENV) -prune -o -name __pycache__ -prune -exec rm -rf {} +
