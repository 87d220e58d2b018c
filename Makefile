# The same commands by hand and in CI. Needs Python >= 3.11 and make; everything else goes into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test test-engines test-lowest examples docs lint format clean
help:
	@echo "make demo      fit, sample and judge a real table; writes out/"
	@echo "make test      linter, types and tests"
	@echo "make test-engines  Spark in local mode and MLflow (installs both; Java), and what Ray takes longer for"
	@echo "make test-lowest   wheel and sdist, tested outside the checkout with the lowest versions; TESTS= picks some"
	@echo "make examples  the examples and the README's example"
	@echo "make docs      the site, of the examples as they were run; open docs/_build/html/index.html"
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

# Spark is 450 MB and needs Java, MLflow is 33 packages: no part of the ordinary environment. What `make test` runs of Dask
# and Ray is not run again.
test-engines: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[spark,mlflow]'
	@command -v java >/dev/null || test -n "$$JAVA_HOME" || \
	    { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
	      DEBIAN_FRONTEND=noninteractive apt-get install -qq -y default-jre-headless >/dev/null; } || \
	    { echo "Spark needs Java: apt-get install default-jre-headless (as root), or name it by JAVA_HOME" >&2; exit 1; }
	OMP_NUM_THREADS=1 TSGAN_ENGINES=all $(BIN)/python -m pytest tests/scale/test_spark.py tests/callbacks \
	    tests/scale/test_ray.py::test_a_model_for_each_group_is_that_of_one_machine

# The package as it is released: a wheel of the sdist, in an environment of its own, with the lowest versions that
# pyproject.toml allows (of torch the tested one: older ones come with gigabytes of CUDA). Old libraries warn of newer ones.
TESTS ?= tests
LOWEST := $(abspath build)/lowest
test-lowest: $(STAMP)
	rm -rf dist build && $(BIN)/python -m pip install --quiet -c constraints.txt build uv
	$(BIN)/python -m build --outdir dist . >/dev/null
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet -c constraints.txt torch
	grep '^torch==' constraints.txt >build/torch.txt
	$(BIN)/uv pip compile --quiet --python $(LOWEST)/bin/python --no-deps --resolution lowest --constraint build/torch.txt \
	    --extra report --extra parquet --extra frames --extra tune --extra tensorboard pyproject.toml -o build/lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet -r build/lowest.txt polars pytest pytest-xdist hypothesis
	$(LOWEST)/bin/python -m pip install --quiet --no-deps dist/*.whl
	tar xf dist/*.tar.gz -C build && rm -r build/tsgan-*/tsgan
	cd build/tsgan-* && OMP_NUM_THREADS=1 $(LOWEST)/bin/pytest -n auto --dist worksteal -W default $(TESTS)

examples: $(STAMP)
	PATH="$(abspath $(BIN)):$$PATH" bash examples/run.sh

# The gallery shows what the examples printed and drew. Warnings are errors; links within the site are looked through.
docs: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -q -b linkcheck docs docs/_build/links

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) out build dist docs/_build docs/gallery docs/howto/help docs/reference/api docs/_static/gallery *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find tsgan tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
