"""Damaged models: an error of tsgan's own, or the same rows; more of them by benchmarks/fuzz.py."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"
spec = importlib.util.spec_from_file_location("fuzz", PATH)
fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz)


@pytest.mark.slow
def test_a_damaged_model_is_refused_or_draws_the_same_rows():
    found = fuzz.fuzz(30, seed=1, check=True)
    assert set(found) <= {"typed", "same"}
    assert found["typed"] > 20


def test_what_comes_of_a_model_is_told_apart(tmp_path, monkeypatch):
    (home,) = fuzz.models(tmp_path)[:1]
    wanted = fuzz.drawn(home, True)
    assert fuzz.outcome(home, True, wanted) == "same"
    assert fuzz.outcome(home, True, "other") == "different"
    (home / "model.json").write_text("{")
    assert fuzz.outcome(home, True, wanted) == "typed"
    monkeypatch.setattr(fuzz, "drawn", lambda home, check: {}["key"])
    assert fuzz.outcome(home, True, wanted) == "raw at sample: KeyError: 'key'"
