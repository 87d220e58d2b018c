"""Decoded rows of several blocks become one."""

import numpy as np
import pandas as pd

from tsgan.encoding.assembling import Decoded


def _rows(start, lengths, stamps=True):
    lengths = np.array(lengths)
    count = int(lengths.sum())
    values = {
        "x": np.arange(start, start + count, dtype="float32"),
        "n": pd.array([None, *range(1, count)], dtype="Int16"),
        "kind": pd.Categorical(["b"] * count, categories=["a", "b"], ordered=True),
        "sex": pd.array(["f"] * len(lengths), dtype="str"),  # one per sequence
    }
    index = pd.date_range("2024-01-01", periods=count, freq="h", tz="Europe/Paris") + pd.Timedelta(hours=start)
    return Decoded(values, lengths, index if stamps else None)


def test_rows_follow_one_another():
    joined = Decoded.join([_rows(0, [2, 1]), _rows(3, [4]), _rows(7, [1, 1])])
    assert joined.lengths.tolist() == [2, 1, 4, 1, 1]
    assert joined.values["x"].tolist() == list(range(9))
    assert len(joined.values["sex"]) == 5
    assert list(joined.stamps) == list(_rows(0, [9]).stamps)


def test_dtypes_stay():
    one = _rows(0, [2, 1])
    joined = Decoded.join([one, _rows(3, [4])])
    for name, array in one.values.items():
        assert pd.Series(joined.values[name]).dtype == pd.Series(array).dtype, name
    assert joined.stamps.dtype == one.stamps.dtype
    assert pd.isna(joined.values["n"]).tolist() == [True, False, False, True, False, False, False]


def test_one_block_is_itself():
    one = _rows(0, [2, 1])
    assert Decoded.join([one]) is one


def test_no_stamps():
    assert Decoded.join([_rows(0, [2], stamps=False), _rows(2, [1], stamps=False)]).stamps is None
