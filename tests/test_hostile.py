"""Hostile tables: drawn and judged in their form, or an error of tsgan's own; more of them by benchmarks/hostile.py."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

PATH = Path(__file__).parents[1] / "benchmarks" / "hostile.py"
spec = importlib.util.spec_from_file_location("hostile", PATH)
hostile = sys.modules["hostile"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hostile)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_a_hostile_table_is_drawn_and_judged_or_refused(first, monkeypatch):
    monkeypatch.setattr(hostile, "METRICS", "marginals")
    monkeypatch.setattr(hostile, "WIDE", 40)
    said = []
    counts = hostile.run(range(first, first + 20), 0, said.append)
    assert said == []
    assert counts["drawn and judged"] >= 4
    assert counts["typed at fit"] >= 4


def test_what_comes_of_a_table_is_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(hostile, "METRICS", "marginals")

    def found(data, **roles):
        return hostile.by_call(hostile.Hostile(0, data, roles, ""), tmp_path)

    assert found(None) == "typed at fit"
    real = pd.DataFrame({"x": np.arange(30.0) % 7})
    assert found(real) == "drawn and judged"
    monkeypatch.setattr(hostile.RecurrentGAN, "sample", lambda self, *args, **more: real.astype(int))
    assert hostile.kind_of(found(real)) == "another form"
    monkeypatch.setattr(hostile.RecurrentGAN, "save", lambda self, path: {}["key"])
    assert hostile.kind_of(found(real)) == "raw at save"
    assert "KeyError in ?: 'key'" in found(real)
