"""New entity keys have the form of the real ones and are none of them."""

import datetime
import json
import re
import uuid

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from through_json import through_json

from tsgan.bundle import pack
from tsgan.errors import ParameterError
from tsgan.tables.keys import Keys


@pytest.mark.parametrize(
    ("real", "new"),
    [
        ([3, 9, 4], [10, 11]),
        ([3.0, 9.0], [10.0, 11.0]),
        (pd.Index([3, 9], dtype="int16"), [10, 11]),
        (["p001", "p007"], ["p010", "p011"]),
        (["p1", "p12"], ["p20", "p21"]),
        (["0008", "0009"], ["0010", "0011"]),
        (["unit 98", "unit 99"], ["unit 100", "unit 101"]),
        (["7-b", "12-b"], ["20-b", "21-b"]),
        (pd.Index([3, 9], dtype="Int16"), [10, 11]),
        (pd.Index([3, 9], dtype="int32[pyarrow]"), [10, 11]),
        (pd.Index([5, 2**63 - 1]), [10, 11]),
        (pd.Index([-5, 2**63 - 1]), [0, 1]),
        (pd.Index([1, 2**64 - 1], dtype="uint64"), [10, 11]),
        (pd.Index([2**63 + 5], dtype="uint64"), [10**19, 10**19 + 1]),
        (["ann", "bob"], ["synthetic_000001", "synthetic_000002"]),
        (["a1", "b2"], ["synthetic_000001", "synthetic_000002"]),
        (["synthetic_x", "bob"], ["synthetic__000001", "synthetic__000002"]),
        (pd.CategoricalIndex(["p1", "p2"]), ["p10", "p11"]),
        (pd.CategoricalIndex([1, 2]), [10, 11]),
        (pd.Index(["p1", "p2"], dtype="string"), ["p10", "p11"]),
        (pd.Index(["p1", "p2"], dtype=object), ["p10", "p11"]),
        (pd.CategoricalIndex(["p1", "p2"], ordered=True), ["p10", "p11"]),
        (pd.to_datetime(["2020-01-01", "2020-01-08"]), [pd.Timestamp("2027-07-07"), pd.Timestamp("2027-07-14")]),
        (pd.to_datetime(["2020-01-01"], utc=True), list(pd.to_datetime(["2024-10-04", "2024-10-05"], utc=True))),
        (pd.period_range("2020-01", periods=3, freq="M"), [pd.Period("2028-05"), pd.Period("2028-06")]),
        (pd.to_timedelta([1, 3], unit="h"), [pd.Timedelta("21h"), pd.Timedelta("23h")]),
        (
            [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)],
            [datetime.date(2024, 10, 4), datetime.date(2024, 10, 5)],
        ),
        (pd.Index([True, False]), ["synthetic_000001", "synthetic_000002"]),
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
        assert made.ordered == real.ordered
        assert made.categories.dtype == real.categories.dtype
    elif real.dtype != bool:
        assert made.dtype == real.dtype
    again = through_json(keys)
    pd.testing.assert_index_equal(again.make(2), made)


def test_numbers_that_outgrow_their_dtype_get_a_wider_one():
    made = Keys.fit(pd.Index([120, 126], dtype="int8")).make(10)
    assert made.dtype == "int64"
    assert made.tolist() == list(range(200, 210))


@pytest.mark.parametrize(
    "keys",
    [
        lambda top: [3, 41, top],
        lambda top: [f"p{number:03d}" for number in (3, 41, top)],
        lambda top: pd.Timestamp("2020-01-01") + pd.to_timedelta([top, 3, 4], unit="D"),
        lambda top: pd.period_range("2020-01", periods=top, freq="M"),
    ],
    ids=["number", "text", "date", "period"],
)
def test_new_keys_do_not_tell_the_last_real_one(keys):
    first, second = (Keys.fit(pd.Index(keys(top))).make(3) for top in (62, 67))
    assert first.tolist() == second.tolist()


def test_no_real_key_is_kept():
    state = json.dumps(pack(Keys.fit(pd.Index(["alice", "bob"])))[0])
    assert "alice" not in state


UUIDS = [str(uuid.UUID(int=int.from_bytes(np.random.default_rng(i).bytes(16)), version=4)) for i in range(400)]


@pytest.mark.parametrize(
    ("real", "form"),
    [
        (UUIDS, r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ([key.upper() for key in UUIDS], r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}"),
        (["AB-1234-xxqa", "ZQ-0031-pobb", "TT-1200-loer"], r"[A-Z]{2}-\d{4}-[a-z]{4}"),
    ],
)
def test_keys_of_one_pattern(real, form):
    keys = Keys.fit(pd.Index(real))
    made = keys.make(30_000)
    assert made.is_unique
    assert not set(made) & set(real)
    assert all(re.fullmatch(form, key) for key in made)
    assert keys.describe() == f"new keys {made[0]} .."
    again = through_json(keys)
    pd.testing.assert_index_equal(again.make(5), made[:5])
    assert not any(key[:13] in json.dumps(pack(keys)[0]) for key in real)


@given(st.sets(st.text("ab1-", min_size=5, max_size=5), min_size=2, max_size=30))
def test_new_keys_are_never_real(real):
    keys = Keys.fit(pd.Index(sorted(real)))
    made = keys.make(50)
    assert made.is_unique
    assert not set(made) & real


def test_a_pattern_with_little_room_takes_longer_keys():
    keys = Keys("object", "object", "pattern", 0, 9, places=("7", "ab", "x", "0123456789"))
    made = keys.make(45)
    assert len(set(made)) == 45
    assert {len(key) for key in made[:20]} == {4}
    assert made[20].endswith("_2")
    assert made[44].endswith("_3")
    assert keys.make(5, skip=18).tolist() == made[18:23].tolist()


def test_numbers_that_leave_no_room():
    real = pd.Index([1e15, 2.0**53 - 3])
    with pytest.raises(ParameterError, match=r"10 new keys were asked for, but .*\(float64\) leave room for 2; dr"):
        Keys.fit(real).make(10)


@pytest.mark.parametrize("real", [["p001", "p007"], UUIDS, [3, 4]], ids=["number", "pattern", "int"])
def test_half_a_million_keys_take_no_loop(real):
    made = Keys.fit(pd.Index(real)).make(500_000)
    assert made.is_unique
    assert not set(real) & set(made)


UUIDS = [uuid.UUID(int=number) for number in np.random.default_rng(0).integers(0, 2**62, 40).tolist()]
SHAPES = {
    "object": lambda one: one,
    "text": str,
    "upper": lambda one: str(one).upper(),
    "hex": lambda one: one.hex,
    "braces": lambda one: f"{{{one}}}",
    "urn": lambda one: one.urn,
}


@settings(max_examples=60, deadline=None)
@given(
    ids=st.lists(st.integers(0, 2**128 - 1), min_size=1, max_size=40, unique=True),
    low=st.booleans(),
    version=st.integers(1, 8),
    shape=st.sampled_from(list(SHAPES)),
)
def test_new_uuids_are_valid_of_the_same_version_variant_and_form(ids, low, version, shape):
    mask = (0xF << 76) | (0x3 << 62)
    fixed = (version << 76) | (0x2 << 62)
    real = {uuid.UUID(int=((one % 2**9 if low else one) & ~mask) | fixed) for one in ids}
    keys = Keys.fit(pd.Index([SHAPES[shape](one) for one in sorted(real)], dtype=object))
    made = keys.make(300, 5)
    if shape == "object":
        found = Keys.fit(pd.CategoricalIndex(sorted(real))).make(300, 5)
        assert isinstance(found, pd.CategoricalIndex)
        assert found.tolist() == made.tolist()
    assert all(isinstance(one, uuid.UUID if shape == "object" else str) for one in made)
    read = [uuid.UUID(str(one)) for one in made]
    assert {(one.version, one.variant) for one in read} == {(version, uuid.RFC_4122)}
    if any(set(one.hex) & set("abcdef") for one in real):  # else nothing says in which case letters are
        assert [SHAPES[shape](one) for one in read] == list(made)
    assert len(set(read) - real) == 300
