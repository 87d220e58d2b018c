"""Numbers of every shape under every scaler: real rows come back, wherever in their cell they are put."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from told import everything

from tsgan.encoding.columns.base import Request
from tsgan.encoding.columns.choose import SCALERS
from tsgan.encoding.columns.numeric import FloatColumn

SHAPES = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "heavy": lambda rng, rows: rng.standard_t(1.2, rows),
    "lognormal": lambda rng, rows: rng.lognormal(2, 2, rows),
    "few": lambda rng, rows: rng.choice(rng.normal(size=9), rows),
    "lattice": lambda rng, rows: rng.normal() + rng.integers(0, 99, rows) * rng.uniform(0.01, 5),
    "zeros": lambda rng, rows: np.where(rng.random(rows) < 0.5, 0, rng.gamma(1, 9, rows)),
    "whole": lambda rng, rows: rng.integers(-900, 900, rows).astype(float),
    "huge": lambda rng, rows: rng.integers(-(2**50), 2**50, rows).astype(float),
}


@pytest.mark.parametrize("shape", SHAPES)
@given(st.integers(0, 2**30), st.integers(2, 2500), st.integers(0, 6), st.sampled_from(["auto", *SCALERS]))
@settings(max_examples=20, deadline=None)
def test_real_rows_come_back(shape, seed, rows, decimals, scaler):
    rng = np.random.default_rng(seed)
    x = np.round(SHAPES[shape](rng, rows), decimals)
    series = pd.Series(np.where(rng.random(rows) < 0.2, np.nan, x))
    assume(series.nunique() > 1)
    column = FloatColumn.fit(series, Request("x", "value", scaler, "observed", np.arange(rows) > 0, everything(rows)))
    seen = series.notna().to_numpy()
    z, x = column.encode(series)[seen], x[seen]
    np.testing.assert_allclose(column.decode(z), x, rtol=1e-9, atol=1e-9)
    moved = column.spread(z, rng.uniform(0.001, 0.999, len(z)))
    np.testing.assert_allclose(column.decode(moved), x, rtol=1e-7, atol=1e-9 * np.abs(x).max())
    drawn = column.decode(5 * rng.normal(size=50))
    assert x.min() - np.spacing(np.abs(x.min())) <= drawn.min()  # decimals beyond what a float can hold
    assert drawn.max() <= x.max() + np.spacing(np.abs(x.max()))
