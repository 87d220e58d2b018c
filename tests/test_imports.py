"""Importing tsgan and asking for help stay light; every public name is there; nothing can be unpickled."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tsgan

PACKAGE = Path(tsgan.__file__).parent


def _loaded(code, *libraries):
    check = f"\nimport sys\nprint([name for name in {libraries!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_importing_the_package_loads_no_library():
    watching = ("mlflow", "optuna", "tensorboard")
    assert _loaded("import tsgan", "torch", "pandas", "sklearn", "matplotlib", "pyarrow", *watching) == "[]"


@pytest.mark.parametrize(
    "words",
    [["--help"], ["fit", "--help"], ["tune", "--help"], ["sample", "--help"], ["demo", "--help"], ["--version"]],
)
def test_help_does_not_load_torch(words):
    code = (
        "from tsgan.cli.commands import main\ntry:\n"
        f"    main({words!r})\nexcept SystemExit as stop:\n    assert not stop.code"
    )
    assert _loaded(code, "torch", "matplotlib", "tqdm", "mlflow", "optuna", "tensorboard") == "[]"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["demo", "--help"]])
def test_the_first_help_loads_no_library(words):
    code = (
        "from tsgan.cli.commands import main\ntry:\n"
        f"    main({words!r})\nexcept SystemExit as stop:\n    assert not stop.code"
    )
    assert _loaded(code, "numpy", "pandas", "sklearn", "scipy") == "[]"


def test_all_that_is_public_is_there_without_extras():
    extras = ("matplotlib", "jinja2", "markupsafe", "pyarrow", "polars", "mlflow", "optuna", "tensorboard")
    code = (
        f"import sys\nsys.modules.update(dict.fromkeys({extras!r}))\nfrom tsgan import *\nimport tsgan.cli.commands\n"
    )
    assert _loaded(code + "import tsgan.model.model, tsgan.tables.files\nprint()") == "[]"


def test_importing_models_of_groups_does_not_load_torch():
    assert _loaded("from tsgan import Models, fit_each", "torch") == "[]"


def test_importing_the_estimator_does_not_load_torch():
    assert _loaded("from tsgan import RecurrentGAN, datasets, errors", "torch") == "[]"


@pytest.mark.parametrize("name", tsgan.__all__)
def test_each_public_name_is_there_and_documented(name):
    value = getattr(tsgan, name)
    assert name == "__version__" or value.__doc__
    assert name in dir(tsgan)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'tsgan' has no attribute 'TimeGAN'"):
        _ = tsgan.TimeGAN


def test_no_source_file_mentions_a_way_to_unpickle():
    banned = re.compile(
        r"\b(import|from) (pickle|cloudpickle|dill|joblib|shelve|marshal)\b|torch\.(load|save)\b|allow_pickle"
    )
    found = [f"{path.name}: {hit[0]}" for path in PACKAGE.rglob("*.py") for hit in banned.finditer(path.read_text())]
    assert found == ["local.py: from joblib"]  # whose processes send each other tables; it reads no file


def test_every_file_of_the_package_is_installed():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    declared = project["tool"]["setuptools"]["package-data"]["tsgan"]
    installed = {path for pattern in declared for path in PACKAGE.glob(pattern)}
    others = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert others
    assert others == installed
    assert {path.parent for path in PACKAGE.rglob("*.py")} <= {path.parent for path in PACKAGE.rglob("__init__.py")}


@pytest.mark.parametrize(
    "code",
    [
        "from tsgan.model.callbacks import History\nHistory((), False)",
        "from tsgan import datasets, evaluate\nweather = datasets.load('seattle_weather')\n"
        "evaluate(weather[::2], weather[1::2], time='date', metrics=['marginals'], verbose=None)",
    ],
)
def test_no_bar_of_a_notebook_is_made_where_none_is_shown(code):
    assert _loaded(code, "tqdm.notebook") == "[]"
