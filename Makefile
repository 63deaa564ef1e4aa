# All targets need only Python. `make setup` does nothing if it is up to date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
# Setup compiles nothing: the first process that imports a module does. It must keep what it compiled, or every process
# of the tests compiles the libraries anew, as in images that set this variable.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup test docs cases demo performance gpu fuzz large pocket screenshots pictures lint format clean

help:  ## show the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(INSTALLED)  ## create .venv with Squadron and its tools

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Squadron needs Python 3.11 or newer; name one: make setup PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

lint: setup  ## format check, lint, types
	$(BIN)/ruff format --check src tests benchmarks scripts
	$(BIN)/ruff check src tests benchmarks scripts
	$(BIN)/mypy

test: setup  ## check everything: format, lint, types, tests, docs
	@$(BIN)/python -c 'import platform, torch; print(f"tested on Python {platform.python_version()}, torch {torch.__version__}")'
	# mypy keeps one core busy. Meanwhile the other compiles what the tests import, which both test processes need.
	$(BIN)/python -m pytest --collect-only -qq > /dev/null 2>&1 & \
	  $(MAKE) --no-print-directory lint; status=$$?; wait; exit $$status
	# Waiting threads sleep: otherwise two test runs on one machine would slow each other by spinning.
	# One thread for each of the two test processes: the tensors are small, and more threads only cost time.
	# Files go out in the order of tests/conftest.py: by number of tests, the long files of one test would come last.
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

docs: setup  ## build the documentation site into site/; open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

cases: setup  ## run the inputs of ../shared/cases through their verbs, a line each (if they are there)
	$(BIN)/python scripts/cases.py

demo: setup  ## run a small study: no network, no GPU, a few minutes
	$(BIN)/squadron demo --out demo --replace

performance: setup  ## benchmark against the peers; writes docs/performance.md (an hour)
	$(BIN)/python benchmarks/performance.py

gpu:  ## check and measure everything on one GPU, nothing installed; writes gpu-results (nine minutes)
	$(PYTHON) benchmarks/gpu.py $(GPU_ARGS)

fuzz: setup  ## feed 2,000 damaged inputs to the command line (five minutes); FUZZ_ARGS='--seed 1' for others
	$(BIN)/python benchmarks/fuzz.py $(FUZZ_ARGS)

large: setup  ## compare a step of gpt2-medium and -large with peft's; writes docs/large.json (half an hour, 16 GB free)
	$(BIN)/python benchmarks/large.py $(LARGE_ARGS)

pocket: setup  ## run the study on the pocket base; writes docs/pocket.md (an hour and a half)
	$(BIN)/python scripts/pocket_study.py

screenshots: setup  ## take the pictures of docs/gallery.md with headless Chromium (a few minutes)
	$(BIN)/python scripts/screenshots.py $(if $(STUDY),--study $(STUDY))

pictures: setup  ## take pictures of where faults were seen, named as theirs: make pictures STUDY=demo
	$(BIN)/python scripts/review_pictures.py --study $(or $(STUDY),demo)

format: setup  ## format, and fix lint where possible
	$(BIN)/ruff check --fix --quiet src tests benchmarks scripts || true
	$(BIN)/ruff format src tests benchmarks scripts

clean:  ## remove what setup and the tests made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
