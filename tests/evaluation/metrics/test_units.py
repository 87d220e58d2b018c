"""Units that chance deals as wholes: sequences, or blocks of time, and the law of chance they give."""

from __future__ import annotations

import numpy as np
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import units
from tsgan.evaluation.metrics.units import DEALS, Pair, Sample
from tsgan.evaluation.splits import CannotMeasureError


def clustered(rng: np.random.Generator, count: int = 200, steps: int = 10) -> np.ndarray:
    """Marks `(count, steps)` that hold for much of a sequence."""
    return (rng.normal(size=(count, 1)) + 0.5 * rng.normal(size=(count, steps)) > 0.5).astype(float)


def pair_of(real: np.ndarray, other: np.ndarray) -> Pair:
    return Pair.of(prepare(real[..., None], other[..., None]), "test")


def marks(sample: Sample) -> np.ndarray:
    return (sample.values[:, 0] > 0.5).astype(np.int64)


def test_many_sequences_are_units() -> None:
    rng = np.random.default_rng(0)
    pair = pair_of(rng.normal(size=(30, 5)), rng.normal(size=(40, 5)))
    assert (pair.real.count, pair.other.count) == (30, 40)
    np.testing.assert_array_equal(pair.real.units, np.repeat(np.arange(30), 5))
    np.testing.assert_array_equal(pair.real.begins, ~pair.real.follows)
    firsts = pair.real.firsts()
    np.testing.assert_array_equal(firsts.values, pair.real.values[::5])
    assert not firsts.follows.any()


def test_a_long_series_is_cut_into_blocks_of_time() -> None:
    rng = np.random.default_rng(0)
    case = prepare(rng.normal(size=(2400, 1)), rng.normal(size=(300, 1)), window=24)
    pair = Pair.of(case, "test")
    assert (pair.real.count, pair.other.count) == (24, 10)  # 300 rows: ten short blocks
    assert set(np.bincount(pair.real.units)) == {100}
    assert pair.real.begins.sum() == 1
    assert (~pair.real.follows).sum() == 24


def test_steps_need_both_rows() -> None:
    follows = np.array([False, True, True, True])
    sample = Sample(np.zeros((4, 1), np.float32), np.zeros(4, int), follows, ~follows, np.arange(4), 1)
    assert sample.steps(np.array([True, True, False, True])).tolist() == [False, True, False, False]


def test_halves_by_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    pair = pair_of(clustered(rng), clustered(rng, 100))
    found = pair.shares(marks(pair.real), marks(pair.other), 2)
    deal, real = pair.deals[0][0], marks(pair.real)
    moved = 0.0
    for unit in range(pair.real.count):
        of_unit = real[pair.real.units == unit]
        moved += deal[unit] * (of_unit.sum() - found.real[1] * len(of_unit))
    expected = found.real[1] + moved / len(real) * np.sqrt(1 + 200 / 100)
    np.testing.assert_allclose(found.chance[0, 0, 1], expected, rtol=1e-4)


def test_chance_spreads_as_fresh_samples_do() -> None:
    rng = np.random.default_rng(1)
    pair = pair_of(clustered(rng), clustered(rng))
    found = pair.shares(marks(pair.real), marks(pair.other), 2)
    fresh = np.std([clustered(rng).mean() - clustered(rng).mean() for _ in range(400)])
    assert found.chance.shape == (2, DEALS, 2)
    for law in found.chance:
        assert law[:, 1].std() == pytest.approx(fresh, rel=0.3)
    naive = np.sqrt(2 * 0.3 * 0.7 / 2000)
    assert found.chance[0, :, 1].std() > 1.8 * naive


def test_rows_that_do_not_count() -> None:
    rng = np.random.default_rng(0)
    pair = pair_of(clustered(rng), clustered(rng))
    none = np.zeros(2000, dtype=bool)
    found = pair.shares(marks(pair.real), marks(pair.other), 2, (~none, none))
    assert found.counted == (2000, 0)
    assert found.other.tolist() == [0, 0]
    assert np.isfinite(found.chance).all()


def test_sparse_and_dense_counts_agree() -> None:
    rng = np.random.default_rng(0)
    pair = pair_of(clustered(rng), clustered(rng))
    codes = rng.integers(50, size=2000)
    few = pair.shares(codes, codes, 50)
    many = pair.shares(codes, codes, 20_000)
    np.testing.assert_allclose(many.real[:50], few.real)
    np.testing.assert_allclose(many.chance[..., :50], few.chance, atol=1e-7)


def test_above_a_size_units_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "MAX_ROWS", 205)
    rng = np.random.default_rng(0)
    real = np.repeat(np.arange(60.0)[:, None], 10, axis=1) + rng.random((60, 10))
    pair = pair_of(real, real)
    assert pair.real.count == 20
    np.testing.assert_array_equal(np.bincount(pair.real.units), np.full(20, 10))
    np.testing.assert_allclose(
        pair.real.values[:, 0], (real.ravel()[pair.real.rows] - real.min()) / np.ptp(real), atol=1e-6
    )
    assert len(np.unique(pair.real.rows // 10)) == 20


def test_too_few_units_is_said_in_words() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(
        CannotMeasureError, match=r"gives 3 separate sequences or blocks of time.* at least 8; pass more"
    ):
        pair_of(rng.normal(size=(3, 9)), rng.normal(size=(3, 9)))
