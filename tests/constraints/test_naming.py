"""Whole numbers that name things are told from those that count and measure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsgan import datasets
from tsgan.constraints import Fixed, suggest_constraints
from tsgan.constraints.naming import names_in

ROWS = 1500
HOUR = np.arange(ROWS) % 24
SEASONS = np.repeat(["winter", "spring", "summer", "autumn", "winter"], [2, 3, 3, 3, 1])


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def alone(**columns: object) -> dict[str, str]:
    frame = pd.DataFrame(columns)
    return names_in(dict(frame.items()), np.zeros(len(frame), dtype=np.int64))


def numbers() -> dict[str, np.ndarray]:
    """Counts, grades, ages, amounts: what nobody would call a name."""
    rng = draws()
    walk = np.cumsum(rng.integers(-1, 2, ROWS))
    return {
        "count": rng.poisson(3, ROWS),
        "many": rng.poisson(300, ROWS),
        "rare": rng.geometric(0.1, ROWS),
        "rating": rng.integers(1, 6, ROWS),
        "age": rng.integers(20, 80, ROWS),
        "hour": HOUR,
        "ordered": rng.choice([1, 2, 3, 4, 5, 6, 10, 12, 24], ROWS, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.03, 0.02]),
        "salary": rng.integers(20, 60, ROWS) * 1000,
        "dose": rng.choice([5, 10, 20, 50, 100], ROWS),
        "gain": np.where(rng.random(ROWS) < 0.9, 0, rng.choice(rng.integers(100, 20000, 60), ROWS)),
        "degrees": rng.integers(0, 36, ROWS) * 10,
        "level": np.clip(walk, -15, 15),
        "charge": np.sort(rng.choice([101, 214, 399, 870, 1311, 2000], ROWS)),
        "flag": rng.integers(0, 2, ROWS),
        "year": rng.choice([2011, 2014, 2015, 2019, 2022], ROWS),
    }


@pytest.mark.parametrize("dtype", ["int64", "Int64", "int64[pyarrow]", "int32"])
def test_counts_grades_and_amounts_stay_numbers(dtype):
    rng = draws(1)
    table: dict[str, object] = {name: pd.Series(x).astype(dtype) for name, x in numbers().items()}
    table["warm"] = 20 - 5 * np.cos(HOUR / 24 * 2 * np.pi) + rng.normal(size=ROWS)
    table["better"] = np.sqrt(numbers()["dose"]) + rng.normal(size=ROWS)
    table["passed"] = np.where(numbers()["rating"] > 2, "yes", "no")
    table["season"] = SEASONS[HOUR // 2]
    assert alone(**table) == {}


@given(st.integers(0, 2**30), st.integers(3, 40), st.sampled_from(["one", "scattered", "finer"]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_label_tells_a_code(seed, levels, how, gaps):
    rng = draws(seed)
    codes = np.sort(rng.choice(10**6, levels, replace=False))
    drawn = rng.integers(0, levels, 30 * levels)
    if how == "scattered":
        levels = max(levels, 9)
        codes, drawn = 7 + 1000 * np.arange(levels), rng.integers(0, levels, 30 * levels)
        label = drawn % (levels // 3)
    else:
        label = drawn if how == "one" else drawn + levels * rng.integers(0, 2, len(drawn))
    code = pd.Series(codes[drawn], dtype="Int64").mask(rng.random(len(drawn)) < 0.1 * gaps)
    found = alone(code=code, x=rng.normal(size=len(drawn)), label=pd.Series(label).map("place {}".format))
    assert list(found) == ["code"]
    assert "'label'" in found["code"]


@pytest.mark.parametrize("codes", [[101, 205, 310, 999], [200, 301, 404, 500, 503], [111110, 236115, 311811, 445110]])
@pytest.mark.parametrize("effect", ["bent", "none"])
def test_uneven_values_without_arithmetic_are_names(codes, effect):
    rng = draws()
    drawn = rng.integers(0, len(codes), ROWS)
    size = np.array([1.0, 10.0, 2.0, 50.0, 7.0])[drawn] if effect == "bent" else 1.0
    why = alone(code=np.array(codes)[drawn], seconds=rng.gamma(2, size))["code"]
    assert ("effect on 'seconds' not monotone" if effect == "bent" else "no effect") in why


def test_uneven_values_that_act_in_order_or_move_in_small_steps_are_numbers():
    rng = draws()
    prices = np.array([199, 349, 499, 1299, 2749])
    drawn = rng.integers(0, 5, ROWS)
    assert alone(price=prices[drawn], sold=rng.gamma(4, 1000 / prices[drawn])) == {}
    walk = np.abs((np.cumsum(rng.choice([-1, 1], ROWS)) % 8) - 4)
    assert alone(price=prices[walk]) == {}


@pytest.mark.parametrize("name", ["regimes", "visits", "seattle_weather", "japanese_vowels"])
def test_no_count_of_a_shipped_table_becomes_a_name(name):
    made = getattr(datasets, name)() if name in ("regimes", "visits") else datasets.load(name)
    frame = made if isinstance(made, pd.DataFrame) else pd.DataFrame(np.asarray(made).reshape(len(made), -1))
    frame = frame.drop(columns=["id", "utterance", "patient"], errors="ignore").reset_index(drop=True)
    assert names_in({str(one): series for one, series in frame.items()}, np.zeros(len(frame), dtype=np.int64)) == {}


@pytest.mark.parametrize("static", [[], ["site", "city"]])
def test_fixed_is_suggested_for_codes_as_for_texts(static):
    rng, n, length = draws(), 200, 8
    site = np.repeat(rng.integers(0, 30, n), length)
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(n), length), "site": 1000 * site + 7, "x": rng.normal(size=n * length)}
    )
    frame["city"] = [f"city {one % 12}" for one in site]
    found = suggest_constraints(frame, entity="id", static=static)
    assert list(found) == [Fixed("site", "city")]
    assert list(suggest_constraints(frame.astype({"site": str}), entity="id", static=static)) == list(found)
