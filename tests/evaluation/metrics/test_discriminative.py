"""The classic judge's own weakness is said, not passed on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.papers import Discriminative


def series(seed: int) -> np.ndarray:
    """One persistent series: its windows can be learned by heart."""
    noise = np.random.default_rng(seed).normal(size=(1300, 3))
    return lfilter([1.0], [1.0, -0.98], noise, axis=0)[300:]


@pytest.mark.usefixtures("quick_judges")
def test_what_is_told_apart_like_two_real_halves_is_unclear_and_not_faithful() -> None:
    result = Discriminative().measure(prepare(series(0), series(1), window=24), 3)
    assert result.value > 0.1
    assert result.real_against_real > 0.1
    assert result.grade == "unclear"
    assert "cannot tell" not in result.verdict


@pytest.mark.usefixtures("quick_judges")
def test_control_halves_share_no_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    from tsgan.evaluation.metrics import papers as discriminative

    seen = []
    kept = discriminative.discriminative_score

    def spy(*tables, **options):
        seen.extend(options["control"])
        return kept(*tables, **options)

    monkeypatch.setattr(discriminative, "discriminative_score", spy)
    case = prepare(*np.random.default_rng(0).normal(size=(2, 40, 30, 2)), window=10)
    Discriminative().measure(case, 2)
    assert len(seen) == 2
    for one, two in seen:
        assert not set(case.real.sequences[one]) & set(case.real.sequences[two])
