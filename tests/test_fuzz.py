"""Damaged models: an error of tsgan's own, or the same rows; more of them by benchmarks/fuzz.py."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from tsgan import bundle
from tsgan.errors import CorruptModelError

PATH = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"
spec = importlib.util.spec_from_file_location("fuzz", PATH)
fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz)


def _too_large(home, check):
    try:
        np.ones(fuzz.MEMORY)
    except MemoryError as error:
        raise CorruptModelError("no rows") from error


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return fuzz.models(tmp_path_factory.mktemp("models"))


@pytest.mark.slow
@pytest.mark.parametrize(("way", "mutants"), [("checked", 100), ("unchecked", 100), ("resigned", 150)])
def test_a_damaged_model_is_refused_or_draws_rows(way, mutants, models, monkeypatch):
    monkeypatch.setattr(bundle, "WAITS", ())
    found = fuzz.fuzz(models, mutants, 1, way)
    assert set(found) <= {"typed", "same"} | ({"different"} if way != "checked" else set())
    assert found["typed"] > mutants / 2


def test_what_comes_of_a_model_is_told_apart(models, tmp_path, monkeypatch):
    home = Path(shutil.copytree(models[0], tmp_path / "model"))
    wanted = fuzz.drawn(home, True)
    assert fuzz.outcome(home, True, wanted) == "same"
    assert fuzz.outcome(home, True, "other") == "different"
    (home / "model.json").write_text("{")
    assert fuzz.outcome(home, True, wanted) == "typed"
    monkeypatch.setattr(fuzz, "drawn", _too_large)
    assert fuzz.outcome(home, True, wanted) == "too large"
    monkeypatch.setattr(fuzz, "drawn", lambda home, check: {}["key"])
    assert fuzz.outcome(home, True, wanted) == "raw at sample: KeyError: 'key'"
