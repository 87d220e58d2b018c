"""What rules leave only one answer for is computed when holes are filled, and known totals hold."""

import numpy as np
import pandas as pd
import pytest

from tsgan import Derived, FixedSum, RecurrentGAN
from tsgan.constraints.completing import balanced, completed, loosened
from tsgan.errors import ConstraintError

SUM = FixedSum("total", ["a", "b", "c"])
NAN = np.nan


def frame(**columns):
    return pd.DataFrame({name: pd.Series(values, dtype=float) for name, values in columns.items()})


def test_a_sum_gives_the_one_value_that_it_lacks():
    table = frame(total=[NAN, 9, 9, 9], a=[1.5, NAN, 2, NAN], b=[2, 3, 4, NAN], c=[3, 4, NAN, 1])
    made = completed([SUM], table)
    assert made["total"].tolist() == [6.5, 9, 9, 9]
    assert made["a"].tolist()[:3] == [1.5, 2, 2]
    assert made["c"].tolist() == [3, 4, 3, 1]
    assert made.isna().sum().tolist() == [0, 1, 1, 0]
    assert table.isna().to_numpy().sum() == 5  # the table that was passed is left as it was


def test_a_number_as_total_and_whole_numbers():
    table = pd.DataFrame({"a": pd.array([30, None], "Int64"), "b": pd.array([None, 10], "Int64")})
    made = completed([FixedSum(100, ["a", "b"])], table)
    assert made["a"].tolist() == [30, 90]
    assert made["b"].tolist() == [70, 10]
    assert (made.dtypes == "Int64").all()


def test_one_answer_leads_to_the_next():
    table = frame(a=[2.0, 2], b=[NAN, NAN], total=[NAN, 7], double=[NAN, NAN])
    rules = [Derived("double", "total * 2"), FixedSum("total", ["a", "b"])]
    made = completed(rules, table)
    assert made["b"].isna().tolist() == [True, False]
    assert made["double"].tolist()[1] == 14


def test_totals_are_loosened_where_several_parts_are_missing():
    table = frame(total=[9, 9], a=[NAN, NAN], b=[NAN, 3], c=[4, 4])
    assert loosened([SUM], table)["total"].isna().tolist() == [True, False]
    assert loosened([], table) is table


@pytest.mark.parametrize("drawn", [[3.0, 1.0], [0.0, 0.0], [-2.0, 9.0]])
def test_drawn_parts_make_up_what_a_total_leaves(drawn):
    told = frame(total=[9.0], a=[NAN], b=[NAN], c=[4.3])
    made = balanced([SUM], told.assign(a=drawn[0], b=drawn[1]), told)
    assert made["a"][0] + made["b"][0] == pytest.approx(4.7)
    assert made["c"][0] == 4.3


def series():
    rng = np.random.default_rng(0)
    x = np.zeros(400)
    for step in range(1, 400):
        x[step] = 0.9 * x[step - 1] + rng.normal()
    a, b = (x + 20).round(1), (rng.normal(size=400) + 5).round(1)
    index = pd.date_range("2024-01-01", periods=400, freq="D")
    return pd.DataFrame({"a": a, "b": b, "total": (a + b).round(1), "double": (2 * a).round(1)}, index=index)


@pytest.fixture(scope="module")
def model():
    rules = [FixedSum("total", ["a", "b"]), Derived("double", "round(a * 2, 1)")]
    return RecurrentGAN(steps=0, constraints=rules, random_state=0).fit(series())


@pytest.mark.parametrize("gone", [["total"], ["a"], ["b"], ["double"], ["a", "double"]])
def test_fill_computes_what_follows(model, gone):
    real = series()
    holes = real.copy()
    holes.iloc[50:60, [holes.columns.get_loc(name) for name in gone]] = np.nan
    pd.testing.assert_frame_equal(model.fill(holes), real)


@pytest.mark.parametrize("gone", [["a", "b", "double"], ["b", "total"], ["a", "b", "total", "double"]])
def test_fill_keeps_every_rule_and_every_known_value(model, gone):
    real = series()
    holes = real.copy()
    holes.iloc[50:60, [holes.columns.get_loc(name) for name in gone]] = np.nan
    filled = model.fill(holes)
    known = holes.notna()
    assert filled.where(known).equals(real.where(known))
    assert np.allclose(filled["total"], filled["a"] + filled["b"])
    assert np.allclose(filled["double"], (2 * filled["a"]).round(1))


def test_an_operand_that_a_known_result_leaves_open_is_refused(model):
    holes = series()
    holes.iloc[50:60, :2] = np.nan
    with pytest.raises(ConstraintError, match="column 'double' is computed from others"):
        model.fill(holes)
