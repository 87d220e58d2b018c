"""Where numbers end that were observed: on no side to which they move, but at natural limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsgan.constraints.numbers import observed_ends


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=30, unique=True))
def test_what_moves_nowhere_ends_where_it_was_seen_to(values):
    x = np.array(values, dtype=np.float64)
    assert observed_ends(x) == (x.min(), x.max())


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30, unique=True), st.sampled_from([np.int64, np.float64]))
def test_what_moves_is_open_there_and_never_crosses_zero(values, kind):
    x = np.array(values, dtype=kind)
    assert observed_ends(x, 1) == (x.min(), None)
    assert observed_ends(x, -1) == (0, x.max())
    assert observed_ends(-x, -1) == (None, -x.min())
    assert observed_ends(-x, 1) == (-x.max(), 0)


@pytest.mark.parametrize("way", [1, -1])
def test_a_limit_at_which_values_pile_up_holds(way):
    x = way * np.concatenate([np.arange(-50.0, 99.0), np.full(5, 100.0)])
    assert observed_ends(x, way) == (x.min(), x.max())
    assert None in observed_ends(x[:-4], way)
