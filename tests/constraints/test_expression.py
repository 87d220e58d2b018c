"""Formulas over columns: what they compute, and that nothing else can be written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.constraints.expression import Expression
from tsgan.errors import ConstraintError

TABLE = {
    "a": pd.Series([1, 2, 3]),
    "b": pd.Series([4.0, np.nan, -6.0]),
    "odd name": pd.Series([1, 1, 2], dtype="Int64"),
    7: pd.Series([1.5, 2.5, 3.5]),
    "t": pd.Series(["x", "y", "x"]),
    "day": pd.Series(pd.date_range("2024", periods=3)),
    "end": pd.Series(pd.date_range("2024-01-02", periods=3)),
}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a + b * 2", [9, np.nan, -9]),
        ("-a ** 2", [-1, -4, -9]),
        ("a ** -1 * 6", [6, 3, 2]),
        ("a / 2 + a // 2 + a % 2", [1.5, 2, 3.5]),
        ("`odd name` + `7`", [2.5, 3.5, 5.5]),
        ("abs(b)", [4, np.nan, 6]),
        ("min(a, b)", [1, np.nan, -6]),
        ("max(a, b, 3.5)", [4, np.nan, 3.5]),
        ("round(exp(log(sqrt(a))), 3)", [1, 1.414, 1.732]),
        ("where(b > 0, a, 0)", [1, 0, 0]),
        ("where(t == 'x' and not a == 3, 1, 2)", [1, 2, 2]),
        ("where(1 < a <= 3 or b == 4, a, b)", [1, 2, 3]),
    ],
)
def test_numbers(text, values):
    found = Expression(text)(TABLE)
    np.testing.assert_allclose(np.asarray(found, dtype=float), values)


def test_texts_and_durations():
    assert Expression("where(a > 1, 'many', 'one')")(TABLE).tolist() == ["one", "many", "many"]
    assert Expression("end - day")(TABLE).tolist() == [pd.Timedelta("1D")] * 3


def test_names_are_the_columns():
    assert Expression("max(a, `odd name`) + a * log(b)").names == ("a", "odd name", "b")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("__import__('os')", "holds \"__import__('os')\", which is not allowed; there are column names, numbers"),
        ("a.b", "holds 'a.b', which is not allowed"),
        ("a[0]", "which is not allowed"),
        ("[x for x in a]", "which is not allowed"),
        ("lambda: 1", "which is not allowed"),
        ("(a := 3)", "which is not allowed"),
        ("f'{a}'", "which is not allowed"),
        ("a @ b", "which is not allowed"),
        ("True", "which is not allowed"),
        ("eval('1')", "which is not allowed"),
        ("log(a, b)", "log takes 1 to 1 values; got 2"),
        ("max(a, key=b)", "max takes 2 to 9 values"),
        ("9 ** 9 ** 9", "takes a number of at most 64 on its right"),
        ("a ** 65", "takes a number of at most 64 on its right"),
        ("a +", "cannot be read (invalid syntax); write arithmetic on columns such as 'price * quantity'"),
        ("a; b", "cannot be read"),
        ("", "cannot be read"),
        ("a+" * 3000 + "a", "has 6001 characters, more than 4000; pass a function"),
        ("-" * 3000 + "a", "cannot be read"),
    ],
)
def test_nothing_else_can_be_written(text, told):
    with pytest.raises(ConstraintError) as caught:
        Expression(text)
    assert told in str(caught.value)


def test_what_is_no_finite_number_is_left_to_the_constraint():
    found = Expression("log(a - 1)")(TABLE)
    assert found.iloc[0] == -np.inf
    with pytest.raises(ConstraintError, match=r"cannot be computed of \{'t': 'str'\}"):
        Expression("t * 2.5")(TABLE)
