# The same commands by hand and in CI. Needs Python >= 3.11 and make; everything else goes into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test examples lint format clean
help:
	@echo "make demo      fit, sample and judge a real table; writes out/"
	@echo "make test      linter, types and tests"
	@echo "make examples  the examples and the README's example"
	@echo "make lint      linter and types only"
	@echo "make format    put the code into the house's format"
	@echo "make clean     remove .venv, out/ and caches"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "tsgan needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)
	$(BIN)/tsgan demo

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict tsgan

# One process for each core, one thread in each.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

examples: $(STAMP)
	PATH="$(abspath $(BIN)):$$PATH" bash examples/run.sh

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find tsgan tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
