"""Context-FID."""

from __future__ import annotations

import numpy as np
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import METRICS

METRIC = METRICS["context_fid"]


@pytest.mark.usefixtures("quick_judges")
def test_sees_another_law_and_not_another_sample(make_panel) -> None:
    good = METRIC.measure(prepare(make_panel(0), make_panel(1)), 2)
    assert good.grade == "faithful"
    assert 0 < good.value < 2 * good.real_against_real
    assert METRIC.measure(prepare(make_panel(0), 1.5 * make_panel(1)), 2).grade in ("visible", "far")
    assert METRIC.measure(prepare(make_panel(0), make_panel(0)), 2).value == pytest.approx(0, abs=1e-6)


def test_belongs_to_the_default_set_no_more_than_it_should() -> None:
    assert not METRIC.default


def test_too_few_windows_are_said_in_words() -> None:
    panel = np.random.default_rng(0).normal(size=(30, 6, 1))
    verdict = METRIC.measure(prepare(panel, panel), 2).verdict
    assert verdict == ("not available: it needs at least 20 synthetic and 40 real windows; there are 30 and 30")


@pytest.mark.usefixtures("quick_judges")
def test_missing_values_and_constant_columns(make_panel) -> None:
    real, other = (np.concatenate([make_panel(seed, 100), np.ones((100, 8, 1))], axis=2) for seed in range(2))
    real[:, 2, 0] = np.nan
    assert np.isfinite(METRIC.measure(prepare(real, other), 2).value)
