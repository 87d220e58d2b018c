"""Train on synthetic, test on real, for a named column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from tsgan.evaluation.case import prepare
from tsgan.evaluation.columns import Column
from tsgan.evaluation.metrics.usefulness import Usefulness, _score

METRIC = Usefulness()


def table(seed: int, count: int = 240) -> pd.DataFrame:
    """Sequences of 12 steps: an AR(1), what follows it, its class, a static class and a number with gaps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 12))
    for t in range(1, 12):
        x[:, t] = 0.8 * x[:, t - 1] + 0.6 * x[:, t]
    side = rng.choice(["left", "right"], count)
    frame = pd.DataFrame({"id": np.repeat(np.arange(count), 12), "a": (x + 0.8 * (side == "left")[:, None]).ravel()})
    frame["b"] = frame["a"] + 0.5 * rng.normal(size=len(frame))
    frame["class"] = np.select([frame["a"] > 1, frame["a"] > 0], ["high", "mid"], "low")
    frame["up"] = frame["a"] > 0.5
    frame["side"] = np.repeat(side, 12)
    frame["lab"] = frame["a"].where(rng.random(len(frame)) > 0.3)
    return frame


def look(target: str, other: pd.DataFrame, real: pd.DataFrame | None = None, repeats: int = 2):
    real = table(0) if real is None else real
    return METRIC.measure(prepare(real, other, entity="id", static=["side"], target=target), repeats)


@pytest.mark.parametrize("target", ["b", "class", "up", "side", "lab"])
def test_another_sample_teaches_as_well_and_noise_nothing(target: str) -> None:
    good = look(target, table(1))
    assert good.grade == "faithful"
    assert good.value > good.worst + 0.2
    assert good.interval[0] < good.value < good.interval[1]
    assert good.worst == (0 if target in ("b", "lab") else 0.5)
    torn = table(1)
    torn[target] = torn[target].sample(frac=1, random_state=0).to_numpy()
    if target == "side":
        torn[target] = np.repeat(np.random.default_rng(0).choice(["left", "right"], 240), 12)
    assert look(target, torn).grade in ("visible", "far")


def test_a_target_that_moves_may_look_at_its_own_past_and_a_static_one_not() -> None:
    assert look("b", table(1)).detail["own_past"]
    assert not look("side", table(1)).detail["own_past"]
    undeclared = prepare(table(0), table(1), entity="id", target="side")
    assert not METRIC.measure(undeclared, 2).detail["own_past"]


def test_the_last_value_is_hidden() -> None:
    real, other = (np.random.default_rng(seed).normal(size=(200, 6, 2)) for seed in range(2))
    result = METRIC.measure(prepare(real, other, target="x1"), 2)
    assert result.value == pytest.approx(0, abs=0.1)
    assert result.grade == "faithful"
    assert result.verdict.endswith("Even real data teach hardly anything about it.")


def test_scores_equal_scikit_learns_for_any_weights() -> None:
    rng = np.random.default_rng(0)
    guess, weights = rng.normal(size=(60, 3)), rng.integers(0, 4, (3, 60)).astype(float)
    truth = np.eye(3)[np.argmax(guess + rng.normal(size=(60, 3)), axis=1)]
    by_class = Column("c", "category", 0, levels=("x", "y", "z"))
    number = Column("n", "numeric", 0)
    got = _score(guess, truth, weights, by_class), _score(guess[:, :1], truth[:, :1], weights, number)
    for draw, each in enumerate(weights):
        want = [roc_auc_score(truth[:, k], guess[:, k], sample_weight=each) for k in range(3)]
        assert got[0][draw] == pytest.approx(np.mean(want))
        assert got[1][draw] == pytest.approx(max(r2_score(truth[:, 0], guess[:, 0], sample_weight=each), -1))


def test_a_class_that_the_synthetic_table_lacks_costs() -> None:
    other = table(1, 800)
    other["class"] = other["class"].replace("mid", "low")
    result = look("class", other, table(0, 800))
    assert result.grade in ("close", "visible", "far")


def test_without_a_target_it_says_so() -> None:
    verdict = METRIC.measure(prepare(table(0), table(1), entity="id"), 2).verdict
    assert verdict == "not available: it needs a column to be named: target=..."


def test_one_value_is_said_in_words() -> None:
    verdict = look("b", table(1), table(0).assign(b=1.0)).verdict
    assert verdict == "not available: the target 'b' has a single value in the real table"


def test_nothing_to_foretell_from_is_said_in_words() -> None:
    tables = (table(seed)[["id", "side"]] for seed in range(2))
    verdict = METRIC.measure(prepare(*tables, entity="id", static=["side"], target="side"), 2).verdict
    assert "there is no column beside the target 'side', and it does not change within sequences" in verdict


def test_a_target_that_is_nearly_always_missing_is_said_in_words() -> None:
    real = table(0)
    real.loc[real.index >= 120, "lab"] = np.nan
    assert "the target 'lab' is known in too few windows" in look("lab", table(1), real).verdict


def test_a_class_that_is_hardly_ever_found_is_said_in_words() -> None:
    real = table(0).assign(up=False)
    real.loc[11, "up"] = True
    assert (
        "no class of the target 'up', against the others, is found in 5 windows" in look("up", table(1), real).verdict
    )
