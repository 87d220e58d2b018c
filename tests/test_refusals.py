"""The bad input that people bring, from the outside: a clear error each, or a handling that is told."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from tsgan import Inequality, RecurrentGAN
from tsgan.errors import ConstraintError, InputError, ParameterError, SchemaError, TsganWarning

ROLES = {"entity": "who", "time": "day"}


def table(rows: int = 40, **columns) -> pd.DataFrame:
    half = rows // 2
    base = {
        "who": np.repeat(["ann", "bob"], half),
        "day": np.tile(pd.date_range("2024-01-01", periods=half), 2),
        "x": np.random.default_rng(0).normal(size=rows),
        "c": np.resize(["red", "green"], rows),
    }
    return pd.DataFrame({**base, **columns})


def many(levels: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"x": np.arange(2.0 * levels) % 7, "c": np.resize([f"l{k}" for k in range(levels)], 2 * levels)}
    )


@pytest.mark.parametrize(
    ("frame", "error", "text"),
    [
        (table(who=np.where(np.arange(40) == 3, None, table()["who"])), InputError, "'who'"),
        (table(day=table()["day"].mask(np.arange(40) == 3)), InputError, "'day'"),
        (table(d=[{"a": 1}] * 40), SchemaError, "'d'"),
        (
            table(
                day=[
                    pd.Timestamp("2024-01-01", tz=("UTC", "Asia/Tokyo")[k % 2]) + pd.Timedelta(k, "D")
                    for k in range(40)
                ]
            ),
            InputError,
            "zone",
        ),
    ],
)
def test_tables(frame, error, text):
    with pytest.raises(error, match=re.escape(text)):
        RecurrentGAN(**ROLES, steps=0, random_state=0).fit(frame)


def test_fifty_thousand_categories():
    with pytest.raises(SchemaError, match=r"'c' holds 50000 distinct values .* exclude=\['c'\]"):
        RecurrentGAN().fit(many(50_000))


def test_stamps_that_go_backwards_are_sorted_and_it_is_told():
    frame = table().iloc[::-1].reset_index(drop=True)
    with pytest.warns(TsganWarning, match="sort"):
        made = RecurrentGAN(**ROLES, steps=0, random_state=0).fit(frame).sample(3)
    assert made.groupby("who")["day"].apply(lambda days: days.is_monotonic_increasing).all()


def test_an_entity_with_one_row():
    frame = pd.concat([table(), table().iloc[:1].assign(who="eve")], ignore_index=True)
    made = RecurrentGAN(**ROLES, steps=0, random_state=0).fit(frame).sample(50)
    assert set(made.groupby("who").size()) <= {1, 20}


@pytest.mark.parametrize(
    ("rule", "text"),
    [(Inequality("x", "y"), "names 'y'"), (Inequality("x", "c"), "column 'c' is of dtype")],
)
def test_constraints(rule, text):
    with pytest.raises(ConstraintError, match=re.escape(text)):
        RecurrentGAN(**ROLES, constraints=[rule]).fit(table())


def test_what_a_fitted_model_is_asked_for():
    model = RecurrentGAN(**ROLES, steps=0, random_state=0).fit(table())
    with pytest.raises(ParameterError, match="'c' is never 'blue' in the fitted table"):
        model.sample(2, where={"c": "blue"})
    with pytest.raises(SchemaError, match=r"missing \['c'\], not known \['y'\]"):
        model.continue_from(table().rename(columns={"c": "y"}), 2)
