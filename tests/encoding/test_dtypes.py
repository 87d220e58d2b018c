"""Dtypes survive JSON."""

import json

import numpy as np
import pandas as pd
import pytest

from tsgan.encoding.dtypes import dump, label, load


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype("float32"),
        np.dtype("int8"),
        np.dtype("O"),
        np.dtype("bool"),
        np.dtype("M8[us]"),
        np.dtype("m8[s]"),
        pd.Int16Dtype(),
        pd.BooleanDtype(),
        pd.DatetimeTZDtype("ms", "Europe/Paris"),
        pd.StringDtype("python"),
        pd.Series(["a"]).dtype,
        pd.CategoricalDtype(["b", "a"], ordered=True),
        pd.CategoricalDtype([3, 1]),
        pd.CategoricalDtype([0.5, 1.5]),
        pd.CategoricalDtype([False, True]),
    ],
)
def test_round_trip(dtype):
    again = load(json.loads(json.dumps(dump(dtype))))
    assert again == dtype
    assert getattr(again, "ordered", None) == getattr(dtype, "ordered", None)


def test_labels():
    assert label(dump(np.dtype("float32"))) == "float32"
    assert label(dump(pd.CategoricalDtype(["b"], ordered=True))) == "category (ordered)"
    assert label(dump(pd.StringDtype("python"))) == "string"
