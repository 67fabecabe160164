# Everything runs from here; the environment is made when it is needed and left alone when it stands.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
PEERS := build/peers

.PHONY: demo test slow check style doctests peers conformance mutate bench dist format clean help

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)  ## train and audit an equivariant encoder and its twins on real molecules
	@$(BIN)/intertwine demo

test: $(STAMP)  ## the tests, but those that take long
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow"

slow: $(STAMP)  ## the tests that compile, train in several processes, or take long
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m slow

check: style doctests  ## style, types and the examples in the docstrings

style: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

doctests: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --doctest-modules src

peers:  ## the tests beside escnn, in an environment of its own: its dependency lie_learn is compiled for numpy 1
	@command -v gfortran > /dev/null || { echo "error: escnn needs a Fortran compiler; install one, such as apt install gfortran"; exit 2; }
	$(PYTHON) -m venv $(PEERS)
	grep -v '^numpy==' constraints.txt > $(PEERS)/constraints.txt
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c $(PEERS)/constraints.txt -e '.[peers]'
	OMP_NUM_THREADS=1 $(PEERS)/bin/python -m pytest -q $(shell grep -rl 'importorskip."escnn' tests)

conformance: $(STAMP)  ## layers and networks compiled by the default backend of torch, which writes C++; half an hour
	OMP_NUM_THREADS=1 TORCHINDUCTOR_COMPILE_THREADS=1 $(BIN)/python -m pytest -q --backend inductor -k "test_compile or test_compiled" tests/nn tests/models

mutate: $(STAMP)  ## the share of small changes of the sources that the tests notice
	$(BIN)/python tools/mutate.py $(ONLY)

bench: $(STAMP)  ## ours beside its peers, in one run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	$(BIN)/python benchmarks/run.py $(ONLY) $(if $(FORCE),--force)

dist: $(STAMP)  ## a wheel, installed and tried in an empty environment
	rm -rf dist build/empty
	$(BIN)/python -m build --quiet --wheel --outdir dist
	$(PYTHON) -m venv build/empty
	build/empty/bin/pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	cd build && empty/bin/python -c "import intertwine as iw; print(iw.__version__, iw.SO3())"
	cd build && empty/bin/intertwine --help

format: $(STAMP)  ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## all that can be made again
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
