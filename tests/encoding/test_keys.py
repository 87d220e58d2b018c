"""New entity keys have the form of the real ones and are none of them."""

import json

import pandas as pd
import pytest

from tsgan.encoding.keys import Keys


@pytest.mark.parametrize(
    ("real", "new"),
    [
        ([3, 9, 4], [10, 11]),
        ([3.0, 9.0], [10.0, 11.0]),
        (pd.Index([3, 9], dtype="int16"), [10, 11]),
        (["p001", "p007"], ["p008", "p009"]),
        (["p1", "p12"], ["p13", "p14"]),
        (["0008", "0009"], ["0010", "0011"]),
        (["unit 98", "unit 99"], ["unit 100", "unit 101"]),
        (["ann", "bob"], ["synthetic_000001", "synthetic_000002"]),
        (["a1", "b2"], ["synthetic_000001", "synthetic_000002"]),
        (["synthetic_x", "bob"], ["synthetic__000001", "synthetic__000002"]),
        (pd.CategoricalIndex(["p1", "p2"]), ["p3", "p4"]),
        (pd.CategoricalIndex([1, 2]), [3, 4]),
        (pd.Index(["p1", "p2"], dtype="string"), ["p3", "p4"]),
        (pd.Index(["p1", "p2"], dtype=object), ["p3", "p4"]),
        (pd.DatetimeIndex(["2020-01-01", "2020-01-02"]), ["synthetic_000001", "synthetic_000002"]),
    ],
)
def test_new_keys(real, new):
    real = pd.Index(real)
    keys = Keys.fit(real)
    made = keys.make(2)
    assert made.tolist() == new
    assert not set(made) & set(real)
    if isinstance(real, pd.CategoricalIndex):
        assert isinstance(made, pd.CategoricalIndex)
    elif not isinstance(real, pd.DatetimeIndex):
        assert made.dtype == real.dtype
    again = Keys.from_dict(json.loads(json.dumps(keys.to_dict())))
    pd.testing.assert_index_equal(again.make(2), made)


def test_numbers_that_outgrow_their_dtype_get_a_wider_one():
    made = Keys.fit(pd.Index([120, 126], dtype="int8")).make(10)
    assert made.dtype == "int64"
    assert made.tolist() == list(range(127, 137))


def test_no_real_key_is_kept():
    state = json.dumps(Keys.fit(pd.Index(["alice", "bob"])).to_dict())
    assert "alice" not in state
