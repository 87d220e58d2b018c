"""What the predictive score foretells, and that one repeat does not make chance a fault."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.papers import Predictive


def series(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(size=400).cumsum(), "b": rng.normal(size=400), "site": "x", "c": 1.0})


@pytest.mark.usefixtures("quick_judges")
def test_the_last_number_that_varies_is_foretold_and_another_sample_passes() -> None:
    result = Predictive().measure(prepare(series(0), series(1)), 1)
    assert result.detail["target"] == "b"
    assert result.grade in ("faithful", "unclear")


@pytest.mark.usefixtures("quick_judges")
def test_short_series_have_single_columns_judged() -> None:
    from tsgan import evaluate

    real = series(0)[["b"]].iloc[:200]
    report = evaluate(real, series(1)[["b"]].iloc[:200] + 3, metrics=["marginals", "unseen"], repeats=1)
    assert report["marginals"].grade == "far"
    assert report["unseen"].grade in ("visible", "far")
