"""Whole numbers come back exactly, whatever their size, their dtype and how far they lie from zero."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from through_json import through_json
from told import everything

from tsgan import RecurrentGAN
from tsgan.encoding.columns.base import Request
from tsgan.encoding.columns.numeric import IntegerColumn
from tsgan.errors import InputError, SchemaError
from tsgan.tables.dtypes import distances, from_distances

QUICK = {"steps": 0, "verbose": False, "random_state": 0}
LIMITS = {True: (0, 2**64 - 1), False: (-(2**63), 2**63 - 1)}
DTYPES = {
    False: ["int64", "Int64", "int64[pyarrow]", "object"],
    True: ["uint64", "UInt64", "uint64[pyarrow]", "object"],
}
NULLABLE = ("Int64", "UInt64", "int64[pyarrow]", "uint64[pyarrow]", "object")


def column_of(values: list[int], dtype: str, gaps: bool = False) -> pd.Series:
    series = pd.Series(values, dtype=dtype, name="n")
    return series.where(np.arange(len(series)) % 5 != 3, None if dtype == "object" else pd.NA) if gaps else series


def fitted(series: pd.Series, bounds: object = "observed") -> IntegerColumn:
    request = Request("n", "value", "auto", bounds, np.arange(len(series)) > 0, everything(len(series)))
    return through_json(IntegerColumn.fit(series, request))


def listed(made: object) -> list[int | None]:
    return [None if pd.isna(value) else int(value) for value in made]


@given(st.data(), st.booleans(), st.booleans(), st.integers(0, 49), st.integers(1, 10**6))
@settings(max_examples=60, deadline=None)
def test_any_offset_and_dtype_comes_back(data, unsigned, gaps, bits, step):
    low, high = LIMITS[unsigned]
    width = min(2**bits * step, high - low)
    first = data.draw(st.integers(low, high - width))
    steps = data.draw(st.lists(st.integers(0, width // step), min_size=8, max_size=30, unique=bits > 8))
    values = [first + step * k for k in steps]
    dtype = data.draw(st.sampled_from(DTYPES[unsigned]))
    series = column_of(values, dtype, gaps and dtype in NULLABLE)
    column = fitted(series)
    made = column.decode(column.encode(series))
    assert listed(made) == listed(series)
    assert getattr(made, "dtype", None) == series.dtype
    drawn = listed(column.decode(np.linspace(-9, 9, 50)))
    assert min(values) <= min(drawn)
    assert max(drawn) <= max(values)
    assert column.observed_values() == (min(v for v in listed(series) if v is not None), max(listed(series.dropna())))


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("dtype", [0, 1, 2, 3])
def test_a_range_that_float64_cannot_hold_keeps_its_ends_and_parity(unsigned, dtype):
    low, high = LIMITS[unsigned]
    rng = np.random.default_rng(0)
    values = [low, high, *(low + int(k) for k in rng.integers(0, 2**64 - 1, 300, dtype=np.uint64))]
    series = column_of(values, DTYPES[unsigned][dtype])
    column = fitted(series)
    made = listed(column.decode(column.encode(series), np.random.default_rng(0)))
    assert max(abs(a - b) for a, b in zip(made, values, strict=True)) < 2**15
    assert 0.4 < np.mean([value % 2 for value in made]) < 0.6
    assert len(set(made)) == len(values)
    assert low <= min(made)
    assert max(made) <= high
    assert "the last 14 bits drawn" in column.describe().reason


def test_bounds_are_in_values_and_exact():
    series = pd.Series(2**62 + np.arange(100) % 37)
    column = fitted(series, (2**62 - 5, 2**62 + 41))
    made = column.decode(np.linspace(-50, 50, 999))
    assert (made.min(), made.max()) == (2**62 - 5, 2**62 + 41)
    free = fitted(series, None).decode(np.array([-1e30, 1e30]))
    assert free[0] < series.min() < series.max() < free[1]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.integers(0, 2**64 - 1))
@settings(max_examples=50, deadline=None)
def test_distances_are_undone(numbers, first):
    values = np.array(numbers, dtype=np.uint64)
    apart = distances(values, first)
    near = np.array([-(2**63) <= n - first < 2**63 for n in numbers])
    assert from_distances(apart, first, True)[near].tolist() == values[near].tolist()


def test_what_has_no_64_bits_is_refused():
    with pytest.raises(SchemaError, match=r"column 'n' holds whole numbers of which 36893488147419103232 is beyond"):
        fitted(column_of([1, 5, 2**65], "object"))
    column = fitted(column_of([2**60, 2**60 + 5, 2**60 + 9], "int64"))
    with pytest.raises(InputError, match="column 'n'"):
        column.encode(column_of([1, 5, 2**65], "object"))


@pytest.mark.parametrize(
    ("dtype", "base"), [("int64", 2**53), ("Int64", 1_700_000_000_000_000_000), ("int64[pyarrow]", 2**63 - 10**6)]
)
def test_a_table_of_large_numbers(tmp_path, dtype, base):
    rng, n = np.random.default_rng(0), 300
    walk = np.round(np.cumsum(rng.normal(size=n)) * 50).astype("int64")
    real = pd.DataFrame({"walk": base + walk, "x": rng.normal(size=n)}, index=pd.date_range("2020", periods=n))
    real["grows"] = base + np.arange(n) * 3 + (np.arange(n) % 7 == 0)
    real["counts"] = base + 7 * np.arange(n)
    real = real.astype(dict.fromkeys(["walk", "grows", "counts"], dtype))
    if dtype != "int64":
        real.loc[real.index[5:50:9], "walk"] = pd.NA
    gan = RecurrentGAN(**QUICK).fit(real)
    gan.save(tmp_path / "m")
    made = RecurrentGAN.load(tmp_path / "m").sample(1, length=n, random_state=3)
    pd.testing.assert_frame_equal(made, gan.sample(1, length=n, random_state=3))
    assert made.dtypes.equals(real.dtypes)
    many = gan.sample(6, length=n, random_state=0)["walk"].dropna().astype(object)
    inner = many[(many > many.min()) & (many < many.max())]
    assert inner.nunique() > 0.4 * real["walk"].nunique()
    assert 0.35 < (inner % 2).mean() < 0.65
    assert real["walk"].min() <= made["walk"].min()
    assert made["walk"].max() <= real["walk"].max()
    assert (made["counts"].astype(object).diff().dropna() == 7).all()
    assert made["grows"].astype(object).diff().dropna().median() == 3
    later = gan.continue_from(real, steps=5, random_state=0)
    assert later["counts"].tolist() == [base + 7 * k for k in range(n, n + 5)]
    pd.testing.assert_frame_equal(gan.fill(real)[["grows"]], real[["grows"]])


@pytest.mark.parametrize("base", [0, 2**60])
def test_an_order_of_large_numbers_is_kept(base):
    rng, n = np.random.default_rng(0), 400
    made = base + 10**6 + np.round(np.cumsum(rng.normal(size=n)) * 50).astype("int64")
    real = pd.DataFrame({"made": made, "sent": made + rng.integers(1, 90, n), "x": rng.normal(size=n)})
    drawn = RecurrentGAN(**QUICK).fit(real).sample(5, length=100, random_state=0)
    assert (drawn["sent"] > drawn["made"]).mean() > 0.99


@pytest.mark.parametrize(
    ("scaler", "dtype"),
    [("auto", "float64"), ("quantile", "float32"), ("standard", "Float64"), ("log", "double[pyarrow]")],
)
def test_no_negative_zero(scaler, dtype):
    rng, n = np.random.default_rng(0), 300
    real = pd.DataFrame({"few": rng.integers(-2, 3, n).astype(float), "x": rng.normal(size=n)})
    real["rain"] = np.round(np.maximum(rng.normal(0, 1, n), 0), 1)
    real["away"] = np.round(rng.normal(size=n) / 3)
    real["minus"] = -1.0 * real["few"]
    real["none"] = -0.0
    made = RecurrentGAN(**QUICK, scaler=scaler).fit(real.astype(dtype)).sample(1, length=900, random_state=0)
    for name in made:
        values = made[name].to_numpy(dtype=float)
        assert (values == 0).any() == (name != "x")
        assert not np.signbit(values[values == 0]).any()
