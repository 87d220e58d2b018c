"""What rules leave only one answer for is computed when holes are filled, and known totals hold."""

import numpy as np
import pandas as pd
import pytest

from tsgan import Derived, Fixed, FixedSum, Inequality, RecurrentGAN
from tsgan.constraints.chain import Chain
from tsgan.errors import ConstraintError

SUM = FixedSum("total", ["a", "b", "c"])
NAN = np.nan


def frame(**columns):
    return pd.DataFrame({name: pd.Series(values, dtype=float) for name, values in columns.items()})


def chain(rules):
    return Chain(tuple(rules), (), (), frozenset())


def test_a_sum_gives_the_one_value_that_it_lacks():
    table = frame(total=[NAN, 9, 9, 9], a=[1.5, NAN, 2, NAN], b=[2, 3, 4, NAN], c=[3, 4, NAN, 1])
    made = chain([SUM]).infer(table)
    assert made["total"].tolist() == [6.5, 9, 9, 9]
    assert made["a"].tolist()[:3] == [1.5, 2, 2]
    assert made["c"].tolist() == [3, 4, 3, 1]
    assert made.isna().sum().tolist() == [0, 1, 1, 0]
    assert table.isna().to_numpy().sum() == 5  # the table that was passed is left as it was


def test_a_number_as_total_and_whole_numbers():
    table = pd.DataFrame({"a": pd.array([30, None], "Int64"), "b": pd.array([None, 10], "Int64")})
    made = chain([FixedSum(100, ["a", "b"])]).infer(table)
    assert made["a"].tolist() == [30, 90]
    assert made["b"].tolist() == [70, 10]
    assert (made.dtypes == "Int64").all()


def test_one_answer_leads_to_the_next():
    table = frame(a=[2.0, 2], b=[NAN, NAN], total=[NAN, 7], double=[NAN, NAN])
    rules = [Derived("double", "total * 2"), FixedSum("total", ["a", "b"])]
    made = chain(rules).infer(table)
    assert made["b"].isna().tolist() == [True, False]
    assert made["double"].tolist()[1] == 14


def learned(rules, **columns):
    table = {name: pd.Series(values) for name, values in columns.items()}
    return Chain.fit(rules, table, set(), np.array([len(next(iter(table.values())))]))


def test_totals_are_released_where_several_parts_are_missing():
    full = {"a": [1.0, 2], "b": [3.0, 3], "c": [4.0, 4], "total": [8.0, 9], "double": [16.0, 18]}
    fitted = learned([Derived("double", "total * 2"), SUM], **full)
    table = frame(total=[9, 9], a=[NAN, 2], b=[NAN, 3], c=[4, 4], double=[18, 18])
    made = fitted.release(table)
    assert made["total"].isna().tolist() == [True, False]
    assert made["double"].isna().tolist() == [True, False]  # what is computed from it goes with it
    assert made["c"].notna().all()
    assert chain([]).release(table) is table


def test_a_part_that_is_computed_is_released_beside_a_number():
    fitted = learned([FixedSum(100, ["a", "b", "c"])], a=[10.0, 20], b=[30.0, 30], c=[60.0, 50])
    table = frame(a=[NAN, 20], b=[NAN, 30], c=[60, 50])
    assert fitted.release(table)["c"].isna().tolist() == [True, False]


@pytest.mark.parametrize("drawn", [[3.0, 1.0], [0.0, 0.0], [-2.0, 9.0]])
def test_drawn_parts_make_up_what_a_total_leaves(drawn):
    known = frame(total=[9.0], a=[NAN], b=[NAN], c=[4.3])
    made = chain([SUM]).enforce(known.assign(a=drawn[0], b=drawn[1]), known)
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


def shares():
    rng = np.random.default_rng(0)
    a, b = rng.integers(1, 40, 400), rng.integers(1, 40, 400)
    index = pd.date_range("2024-01-01", periods=400, freq="D")
    return pd.DataFrame({"a": a, "b": b, "c": 100 - a - b}, index=index).astype(float)


@pytest.mark.parametrize("gone", [["a", "b"], ["b", "c"], ["a", "b", "c"], ["c"]])
def test_fill_keeps_a_number_as_total(gone):
    real = shares()
    fitted = RecurrentGAN(steps=0, constraints=[FixedSum(100, ["a", "b", "c"])], random_state=0).fit(real)
    holes = real.copy()
    holes.iloc[50:60, [holes.columns.get_loc(name) for name in gone]] = np.nan
    filled = fitted.fill(holes)
    assert filled.where(holes.notna()).equals(real.where(holes.notna()))
    assert (filled.sum(axis=1) == 100).all()


@pytest.mark.parametrize("unit", ["s", "ns"])
@pytest.mark.parametrize("gone", [["a"], ["t"], ["a", "b"], ["a", "t"], ["a", "b", "t"]])
def test_fill_keeps_a_sum_of_durations(gone, unit):
    spans = shares()[["a", "b"]].apply(lambda hours: pd.to_timedelta(hours * 1000, unit="h").dt.as_unit(unit))
    real = spans.assign(t=spans["a"] + spans["b"])
    fitted = RecurrentGAN(steps=0, constraints=[FixedSum("t", ["a", "b"])], random_state=0).fit(real)
    holes = real.copy()
    holes.iloc[50:60, [holes.columns.get_loc(name) for name in gone]] = pd.NaT
    filled = fitted.fill(holes)
    assert filled.where(holes.notna()).equals(real.where(holes.notna()))
    assert (filled["t"] == filled["a"] + filled["b"]).all()
    assert filled.dtypes.equals(real.dtypes)
    if len(gone) == 1:
        pd.testing.assert_frame_equal(filled, real)


def test_fill_keeps_what_is_computed_from_a_known_total():
    real = series().assign(twice=lambda table: (2 * table["total"]).round(1))
    rules = [FixedSum("total", ["a", "b"]), Derived("twice", "round(total * 2, 1)")]
    fitted = RecurrentGAN(steps=0, constraints=rules, random_state=0).fit(real.drop(columns="double"))
    holes = real.drop(columns="double")
    holes.iloc[50:60, :2] = np.nan
    filled = fitted.fill(holes)
    assert filled.where(holes.notna()).equals(real.drop(columns="double").where(holes.notna()))
    assert np.allclose(filled["total"], filled["a"] + filled["b"])


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


def test_drawn_values_are_moved_between_known_ones_of_all_rules_together():
    known = frame(a=[1, NAN, 1.5, 3.2], b=[2, NAN, NAN, NAN], c=[2.5, 1.6, 1.6, NAN])
    drawn = known.fillna(frame(a=[1, 3, 1, 1], b=[1, 9, 9, 1], c=[1, 1, 1, 1.0]))
    for rules in ([Inequality("a", "b"), Inequality("b", "c")], [Inequality("a", "b", "c")]):
        made = chain(rules).enforce(drawn, known)
        assert made["a"].tolist() == [1, 1.6, 1.5, 3.2]
        assert made["b"].tolist() == [2, 1.6, 1.6, 3.2]
        assert made["c"].tolist() == [2.5, 1.6, 1.6, 3.2]


def test_strict_pairs_are_as_far_apart_as_known_ones_or_in_the_middle():
    known = frame(a=[1, NAN, 1.5], b=[2, NAN, NAN], c=[2.5, 9, 1.6])
    drawn = known.fillna(frame(a=[0, 9, 0], b=[0, 9.5, 9]))
    made = chain([Inequality("a", "b", strict=True), Inequality("b", "c", strict=True)]).enforce(drawn, known)
    assert made["a"].tolist() == [1, 7.5, 1.5]  # b at least 1 above a, and c .5 above b
    assert made["b"].tolist() == [2, 8.5, pytest.approx(1.55)]  # no decimal between 1.5 and 1.6


def test_whole_numbers_are_moved_to_whole_numbers_beside_fractions():
    known = pd.DataFrame(
        {"i": pd.array([1, None, 2], "Int64"), "x": [1.5, 2.5, NAN], "j": pd.array([3, None, 4], "Int64")}
    )
    drawn = pd.DataFrame({"i": pd.array([1, 9, 2], "Int64"), "x": [1.5, 2.5, 9], "j": pd.array([3, 0, 4], "Int64")})
    made = chain([Inequality("i", "x"), Inequality("x", "j")]).enforce(drawn, known)
    assert made["i"].tolist() == [1, 2, 2]
    assert made["x"].tolist() == [1.5, 2.5, 4]
    assert made["j"].tolist() == [3, 3, 4]
    assert made.dtypes.equals(drawn.dtypes)


def test_moments_are_moved_before_the_known_ones():
    day = pd.date_range("2020-01-01", periods=5, unit="ns")
    drawn = pd.DataFrame({"start": day, "end": day + pd.Timedelta("1h")})
    drawn.loc[1, "start"] = day[2]
    known = drawn.assign(start=drawn["start"].where([True, False, True, True, True]))
    made = chain([Inequality("start", "end", strict=True)]).enforce(drawn, known)
    assert made["start"].tolist() == day.tolist()


def test_what_follows_from_a_moved_value_is_computed_from_it():
    known = frame(a=[5.0, NAN], b=[6.0, 7.0], double=[10.0, NAN])
    drawn = known.fillna(frame(a=[0, 9.0], double=[0, 18.0]))
    made = chain([Derived("double", "a * 2"), Inequality("a", "b")]).enforce(drawn, known)
    assert made["a"].tolist() == [5, 7]
    assert made["double"].tolist() == [10, 14]


@pytest.mark.parametrize("strict", [False, True])
def test_fill_keeps_pairs_that_share_a_column(strict):
    rng = np.random.default_rng(0)
    low = rng.normal(size=600).cumsum().round(2)
    table = pd.DataFrame({"low": low, "mid": low + 0.01 * rng.integers(1, 60, 600)}).round(2)
    table["high"] = (table["mid"] + 0.01 * rng.integers(1, 60, 600)).round(2)
    table["whole"] = pd.array(np.ceil(table["high"] + 0.001), "Int64")
    rules = [Inequality(*pair, strict=strict) for pair in (("low", "mid"), ("mid", "high"), ("high", "whole"))]
    fitted = RecurrentGAN(steps=0, constraints=rules, random_state=0).fit(table)
    holes = table.mask(rng.random(table.shape) < 0.4)
    filled = fitted.fill(holes, random_state=1)
    assert filled.where(holes.notna()).equals(table.where(holes.notna()))
    assert not filled.isna().any(axis=None)
    gaps = np.diff(filled.to_numpy(dtype=float), axis=1)
    assert (gaps > 0).all() if strict else (gaps >= 0).all()


def test_a_drawn_total_follows_from_parts_that_were_moved():
    known = frame(a=[NAN], b=[7], t=[NAN])
    made = chain([Inequality("a", "b"), FixedSum("t", ["a", "b"])]).enforce(known.fillna(frame(a=[9], t=[16])), known)
    assert made.loc[0].tolist() == [7, 7, 14]


def test_a_comparison_with_what_is_missing_is_missing():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": np.cumsum(rng.normal(size=300)).round(2)})
    table["level"] = np.where(table["a"] > 0, "hi", "lo")
    rules = [Derived("level", "where(a > 0, 'hi', 'lo')")]
    holed = table.assign(a=table["a"].where(table.index >= 20))
    RecurrentGAN(steps=0, constraints=rules, random_state=0).fit(holed)
    fitted = RecurrentGAN(steps=0, constraints=rules, random_state=0).fit(table)
    holes = table.copy()
    holes.iloc[50:60, :] = None
    made = fitted.fill(holes, random_state=0)
    assert (made["level"] == np.where(made["a"] > 0, "hi", "lo")).all()


def test_a_static_value_that_rules_move_stays_one():
    rng = np.random.default_rng(0)
    age = np.repeat(rng.integers(20, 60, 40).astype(float), 8)
    table = pd.DataFrame({"id": np.repeat(np.arange(40), 8), "t": np.tile(np.arange(8), 40), "age": age})
    table["x"] = table["age"] + rng.exponential(3, 320).round(1)
    rule = Inequality("age", "x")
    fitted = RecurrentGAN(entity="id", time="t", static=["age"], steps=0, constraints=[rule], random_state=0).fit(table)
    made = fitted.fill(table.assign(age=table["age"].where(table["id"] >= 15)), random_state=0)
    assert (made.groupby("id")["age"].nunique() == 1).all()
    assert (made["age"] <= made["x"]).all()
    fitted.score_samples(made)


LAND = {"Bonn": "de", "Trier": "de", "Nice": "fr", "Lyon": "fr"}


@pytest.fixture(scope="module")
def cities():
    rng = np.random.default_rng(0)
    city = pd.Series(rng.choice(list(LAND), 400, p=[0.4, 0.3, 0.2, 0.1]))
    table = pd.DataFrame({"city": city, "land": city.map(LAND).astype("category"), "x": rng.normal(size=400)})
    return table, RecurrentGAN(steps=0, constraints=[Fixed("city", "land")], random_state=0).fit(table)


def test_what_one_combination_fits_is_filled_by_it(cities):
    real, fitted = cities
    holes = real.copy()
    holes.loc[50:99, "land"] = None
    pd.testing.assert_frame_equal(fitted.fill(holes), real)


@pytest.mark.parametrize("gone", [["city"], ["city", "land"]])
def test_combinations_fit_what_is_known_of_them(cities, gone):
    real, fitted = cities
    holes = real.copy()
    holes.loc[50:149, gone] = None
    filled = fitted.fill(holes, random_state=0)
    assert (filled["city"].map(LAND) == filled["land"]).all()
    assert filled["land"].equals(real["land"]) or gone != ["city"]
    assert set(filled["city"][50:150]) == set(LAND)
    assert filled.dtypes.equals(real.dtypes)


def test_a_known_part_that_no_combination_fits_is_refused(cities):
    real, fitted = cities
    holes = real.astype({"land": "str"})
    holes.loc[7, ["city", "land"]] = None, "it"
    with pytest.raises(ConstraintError, match=r"row 7 .*combination {'city': nan, 'land': 'it'}, never seen when fit"):
        fitted.fill(holes)
