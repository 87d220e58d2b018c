"""What does not fit is refused, with the column, the rows and what to do."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from through_json import through_json

from tsgan.constraints import CONSTRAINTS, Chain, Derived, Fixed, FixedSum, Inequality, Monotone, Range
from tsgan.errors import ConstraintError, InputError

FRAME = {
    "low": pd.Series([1.0, 2, 3, 4]),
    "high": pd.Series([2.0, 3, 4, 5]),
    "day": pd.Series(pd.date_range("2024", periods=4)),
    "zoned": pd.Series(pd.date_range("2024", periods=4, tz="UTC")),
    "text": pd.Series(list("aabb")),
    "flag": pd.Series([True, False, True, False]),
    "site": pd.Series(["x", "y"]),
    "age": pd.Series([30, 40]),
    "n": pd.Series([1, 2, 3, 4]),
}


def fit(*constraints, keys=None, **columns):
    return Chain.fit(constraints, FRAME | columns, {"site", "age"}, np.array([2, 2]), keys=keys)


@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        (Inequality("low", "hihg"), "names 'hihg', which is not a static or value column; there are ['low', 'high'"),
        (Inequality("low", "hihg"), "Did you mean 'high'?"),
        (Derived("low", "hihg * 2"), "Did you mean 'high'?"),
        (Inequality("low", "text"), "column 'text' is of dtype str; allowed are numbers, datetimes, timedeltas"),
        (Inequality("low", "flag"), "column 'flag' is of dtype bool"),
        (Inequality("low", "day"), "'low' holds numbers, 'day' holds datetimes, which cannot be compared"),
        (Inequality("day", "zoned"), "'day' holds datetimes, 'zoned' holds datetimes with a zone, which cannot be com"),
        (Monotone("age"), "column 'age' is static, one value per sequence, and cannot rise or fall in it"),
        (Fixed("site", "text"), "['site'] are static, one value per sequence, and ['text'] are not"),
        (Fixed("text", "day"), "dates and durations are no categories; convert them to texts"),
        (FixedSum("age", ["low", "high"]), "['age'] are static, one value per sequence, and ['low', 'high'] are not"),
        (FixedSum(3, ["low", "day"]), "column 'day' is of dtype datetime64[us]; allowed are numbers, timedeltas"),
        (Derived("age", "low + 1"), "column 'age' is static, one value per sequence, and ['low'] are not"),
        (Derived("low", "text"), "the result is of dtype str, and column 'low' of float64"),
        (Derived("low", "text * high"), "the expression 'text * high' cannot be computed of {'text': 'str', 'high'"),
        (Range("text", 0), "column 'text' is of dtype str; allowed are numbers, datetimes, timedeltas"),
        (Range("day", 0), "the end 0 does not fit column 'day' of dtype datetime64[us]"),
        (Range("zoned", "2020"), "pass a number for numbers, a Timestamp of the same zone for datetimes"),
        (Range("day", whole=True), "column 'day' is of dtype datetime64[us]; allowed are numbers"),
        (
            "low <= high",
            "constraints holds 'low <= high'; pass Inequality, FixedSum, Monotone, Fixed, Derived or Range",
        ),
    ],
)
def test_what_does_not_fit_the_columns(constraint, text):
    with pytest.raises(ConstraintError, match=re.escape(text)):
        fit(constraint)


def test_a_circle_of_inequalities():
    with pytest.raises(
        ConstraintError, match=r"go in a circle through \['low', 'high'\].*say Derived\('low', 'high'\)"
    ):
        fit(Inequality("low", "high"), Inequality("high", "low"))


def test_a_meter_that_runs_against_an_end():
    with pytest.raises(
        ConstraintError, match="a column that changes with every step reaches 9 in the end; drop strict"
    ):
        fit(Monotone("n", strict=True), Range("n", 0, 9))


@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        (
            Inequality("low", "high"),
            "Inequality('low', 'high') does not hold in the table: entity 'p1', row 1: low=2.0, high=0.0; "
            "entity 'p2', row 0: low=3.0, high=1.0; ... (2 such rows in all). Rows count from 0 within a sequence",
        ),
        (Range("high", 1), "entity 'p1', row 1: high=0.0 (the only such row)"),
        (Monotone("high"), "entity 'p1', row 1: high=0.0 after 2.0 (the only such row)"),
        (Derived("high", "low + 1"), "row 1: high=0.0, low=2.0"),
        (FixedSum(3, ["low", "high"]), "row 1: low=2.0, high=0.0"),
    ],
)
def test_rows_that_break_it(constraint, text):
    with pytest.raises(ConstraintError, match=re.escape(text)) as caught:
        fit(constraint, keys=["p1", "p2"], high=pd.Series([2.0, 0, 1, 5]))
    assert isinstance(caught.value, InputError)
    assert "Correct or drop these rows, or leave the constraint out; suggest_constraints(df) lists what" in str(
        caught.value
    )


def test_new_rows_are_checked_too():
    chain = fit(Inequality("low", "high"))
    with pytest.raises(ConstraintError, match=r"entity 1, row 1: low=9\.0, high=5\.0"):
        chain.forward(FRAME | {"low": pd.Series([1.0, 2, 3, 9])}, np.array([2, 2]))


def test_gaps_that_would_not_come_back():
    chain = fit(Derived("high", "low + 1"))
    with pytest.raises(ConstraintError, match=r"missing exactly where one of those was; row 2 .* is not so \(1 such"):
        chain.forward(FRAME | {"high": pd.Series([2.0, 3, None, 5])}, np.array([2, 2]))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Inequality("low"), "Inequality: 1 columns ['low'] are too few; it needs at least 2"),
        (
            lambda: Inequality(["low", "high"], "x"),
            "['low', 'high'] is no column name; pass strings or integers, one by",
        ),
        (lambda: Inequality("low", "low"), "a column comes twice in ['low', 'low']"),
        (lambda: FixedSum("a", "b"), "parts='b' must be a list of columns; write ['b']"),
        (lambda: FixedSum("a", ["a", "b"]), "'a' is the total and one of the parts"),
        (lambda: FixedSum(None, ["a", "b"]), "total=None must be the name of a column or a number"),
        (lambda: Range("x"), "Range('x') allows everything; give low=, high= or whole=True"),
        (lambda: Range("x", 2, 1), "the low end is above the high one; swap them"),
        (lambda: Range("x", float("nan")), "nan is no end of a range; pass a finite number, a date or None"),
        (lambda: Derived("x", 3), "function=3 must be a formula as text or a function"),
        (lambda: Derived("x", "x + 1"), "'x + 1' names the column itself; compute it from others"),
    ],
)
def test_what_cannot_be_written(make, text):
    with pytest.raises(ConstraintError, match=re.escape(text)):
        make()


EXAMPLES = [
    Inequality("a", "b", "c", strict=True),
    FixedSum(100, ["a", "b"]),
    FixedSum("t", ["a", "b"]),
    Monotone("m", increasing=False),
    Fixed("city", "country"),
    Derived("x", "`a b` * 2"),
    Range("x", 0, 2.5),
    Range("x", whole=True),
    Range("x", high=pd.Timestamp("2024-01-01")),
]


@pytest.mark.parametrize("one", EXAMPLES, ids=repr)
def test_each_is_a_plain_object(one):
    names = {member.__name__: member for member in CONSTRAINTS.values()}
    assert eval(repr(one), names) == one
    assert through_json(one) == one
    assert clone(one, safe=False) == one
    assert hash(one) == hash(clone(one, safe=False))
    assert one != EXAMPLES[EXAMPLES.index(one) - 1]


def test_each_kind_has_an_example():
    assert {type(one) for one in EXAMPLES} == set(CONSTRAINTS.values())
    assert list(CONSTRAINTS) == [member.kind for member in CONSTRAINTS.values()]
