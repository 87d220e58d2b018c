"""Where a step stands in its sequence."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tsgan.encoding.positions import POSITIONS, positions


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_against_a_slow_twin(lengths):
    slow = [[np.log1p(at), np.log1p(n - 1 - at), at == n - 1] for n in lengths for at in range(n)]
    made = positions(np.array(lengths))
    assert made.shape == (sum(lengths), POSITIONS)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, np.array(slow, dtype=float), rtol=1e-6)


def test_one_step_is_first_and_last():
    assert positions(np.array([1, 1])).tolist() == [[0, 0, 1], [0, 0, 1]]


def test_nothing():
    assert positions(np.zeros(0, np.int64)).shape == (0, POSITIONS)
