"""Equal records by hashing, against comparing all windows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.copies import twins


def slow(real: list[np.ndarray], synthetic: list[np.ndarray], size: int) -> tuple[list[bool], list[bool]]:
    """The same as `twins`, in loops over windows."""

    def windows(sequence):
        cut = [sequence[i : i + size] for i in range(len(sequence) - size + 1)]
        return {w.tobytes() for w in cut if (w != w[0]).any()}

    held = [windows(sequence) for sequence in real]

    def count(window):
        return sum(window in one for one in held)

    copies = [any(count(window) == 1 for window in windows(sequence)) for sequence in synthetic]
    return copies, [any(count(window) == 2 for window in one) for one in held]


def test_hashes_find_what_loops_find() -> None:
    rng = np.random.default_rng(0)
    for levels in (2, 3, 5):
        real, synthetic = ([rng.integers(levels, size=(rng.integers(4, 9), 1)) for _ in range(40)] for _ in range(2))
        frames = [
            pd.DataFrame({"x": np.concatenate(side)[:, 0], "who": np.repeat(range(40), [len(s) for s in side])})
            for side in (real, synthetic)
        ]
        found = twins(prepare(*frames, entity="who", window=4))
        copies, control = slow(real, synthetic, 4)
        assert found.synthetic.tolist() == copies
        assert found.real.tolist() == control
        assert not found.singular


def test_one_copied_window_in_a_long_sequence_is_found() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(2, 50, 60, 2))
    synthetic[7, 31:43] = real[20, 5:17]
    found = twins(prepare(real, synthetic, window=12))
    assert np.flatnonzero(found.synthetic).tolist() == [7]
    assert found.copied == 1
    assert found.singular
    assert not twins(prepare(real, synthetic, window=13)).synthetic.any()


def test_what_two_real_records_share_is_nobodys() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(30, 6, 1))
    real[1] = real[0]
    found = twins(prepare(real, real[:3]))
    assert found.synthetic.tolist() == [False, False, True]
    assert np.flatnonzero(found.real).tolist() == [0, 1]


def test_a_pause_is_nobodys_and_missing_values_are_compared() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(2, 40, 6, 1))
    real[3], synthetic[3] = 1.5, 1.5
    real[4, :3], synthetic[4] = np.nan, real[4]
    synthetic[4, :3] = np.nan
    assert np.flatnonzero(twins(prepare(real, synthetic)).synthetic).tolist() == [4]
