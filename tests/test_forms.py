"""Forms of pandas tables go in and come back in kind, through saving, futures, holes and the judge."""

import decimal
import re
import uuid
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tsgan import RecurrentGAN, evaluate
from tsgan.tables import files as tables

T = pd.date_range("2020-01-01", periods=120, name="day")
RNG = np.random.default_rng(0)
X = RNG.normal(size=120).round(2)
PRICES = RNG.lognormal(7, 1, 120)
GAPS = np.arange(120) % 7 == 0
CENTS = [decimal.Decimal(f"{value:.2f}") for value in X]


def _frame(column, **more):
    return pd.DataFrame({"p": column, "x": X, **more}, index=T)


def _gaps(values, missing=None):
    return [missing if gone else value for value, gone in zip(values, GAPS, strict=True)]


def _euros(value):
    return f"{value:,.2f} €".translate(str.maketrans(",.", ".,"))


FORMS = {
    "Series": pd.Series(X, index=T, name="price"),
    "Series without a name": pd.Series(X, index=T),
    "Series of decimals": pd.Series(CENTS, index=T, name=3),
    "levels": pd.DataFrame(
        np.c_[X, X + 1],
        index=T,
        columns=pd.MultiIndex.from_tuples([("A", "open"), ("A", "close")], names=["of", None]),
    ),
    "levels with numbers": pd.DataFrame(np.c_[X, -X], index=T, columns=pd.MultiIndex.from_product([["A"], [1, 2]])),
    "Decimal": _frame(CENTS),
    "Decimal with gaps": _frame(_gaps(CENTS)),
    "Decimal of Arrow": _frame(pd.array(_gaps(CENTS), dtype=pd.ArrowDtype(pa.decimal128(10, 2)))),
    "interval category": _frame(pd.cut(X, 4)),
    "interval category with gaps": _frame(pd.cut(X, [-1, 0, 1, 9])),
    "interval": _frame(pd.cut(X, 4).astype("interval[float64, right]")),
    "interval of days": _frame(pd.cut(T[RNG.integers(0, 120, 120)], 3)),
    "category of days": _frame(pd.Categorical(T[RNG.integers(0, 3, 120)])),
    "thousands": _frame([f"{value:,.2f}" for value in PRICES]),
    "thousands with gaps": _frame(_gaps([f"{value:,.0f}" for value in PRICES])),
    "dollars": _frame(pd.array([f"${value:,.2f}" for value in PRICES], dtype="string")),
    "euros": _frame([_euros(value) for value in PRICES]),
    "AM/PM": pd.DataFrame({"t": (T + pd.Timedelta("15h")).strftime("%m/%d/%Y %I:%M %p"), "x": X}),
    "am/pm, short": pd.DataFrame({"t": [f"{d.month}/{d.day}/{d.year} 3:05 pm" for d in T], "x": X}),
}


def _model(data, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        time = "t" if "t" in getattr(data, "columns", ()) else None
        return RecurrentGAN(time=time, steps=0, verbose=False, random_state=0, **more).fit(data)


def _alike(made, data):
    assert type(made) is type(data)
    if isinstance(data, pd.Series):
        assert made.name == data.name
        made, data = made.to_frame("s"), data.to_frame("s")
    pd.testing.assert_index_equal(made.columns, data.columns)
    assert made.dtypes.tolist() == data.dtypes.tolist()
    for name in data:
        kinds = {type(value) for value in data[name]}
        assert {type(value) for value in made[name]} <= kinds
        if isinstance(data[name].iloc[1], decimal.Decimal):
            assert {value.as_tuple().exponent for value in made[name].dropna()} == {-2}


@pytest.mark.parametrize("form", list(FORMS))
def test_it_goes_in_and_comes_back(form, tmp_path):
    data = FORMS[form]
    model = _model(data)
    made = model.sample(1, length=60)
    _alike(made, data)
    model.save(tmp_path / "m")
    loaded = RecurrentGAN.load(tmp_path / "m")
    assert loaded.sample(1, length=60, random_state=5).equals(model.sample(1, length=60, random_state=5))
    many = model.sample(2, length=20)
    assert many.index.names[0] == "sequence"
    future = model.continue_from(data, steps=5, n=2)
    _alike(future, data)
    _alike(loaded.continue_from(data, steps=5), data)
    if not np.asarray(data.isna()).any():
        pd.testing.assert_frame_equal(pd.DataFrame(model.fill(data)), pd.DataFrame(data))
    assert np.isfinite(np.asarray(model.score_samples(data))).all()
    time = "t" if "t" in getattr(data, "columns", ()) else None
    report = evaluate(data, model.sample(1, length=120), time=time, metrics=["marginals"], repeats=1)
    assert "marginals" in str(report)


def test_texts_are_written_as_they_were():
    for form, pattern in {
        "thousands": r"\d{1,3}(,\d{3})*\.\d\d",
        "dollars": r"\$\d{1,3}(,\d{3})*\.\d\d",
        "euros": r"\d{1,3}(\.\d{3})*,\d\d €",
    }.items():
        made = _model(FORMS[form]).sample(1, length=100)["p"]
        assert all(re.fullmatch(pattern, text) for text in made)
        assert made.nunique() > 50
    made = _model(FORMS["am/pm, short"]).sample(1, length=100)["t"]
    assert all(re.fullmatch(r"\d{1,2}/\d{1,2}/\d{4} 3:05 pm", text) for text in made)


def test_holes_are_filled_in_kind():
    data = FORMS["Decimal with gaps"]
    made = _model(data).fill(data)
    assert {type(value) for value in made["p"]} == {decimal.Decimal}
    assert made["p"][~GAPS].tolist() == data["p"][~GAPS].tolist()


def test_conditions_may_be_values_of_the_form():
    ids = np.repeat(np.arange(30), 4)
    bins = pd.cut(np.repeat(RNG.normal(size=30), 4), [-9, 0, 9])
    prices = np.repeat([decimal.Decimal(f"{n % 5}.50") for n in range(30)], 4)
    data = pd.DataFrame({"id": ids, "bin": bins, "p": prices, "x": X})
    model = RecurrentGAN(entity="id", static=["bin", "p"], steps=0, verbose=False, random_state=0).fit(data)
    level = bins.categories[1]
    assert set(model.sample(5, where={"bin": level})["bin"]) == {level}
    assert set(model.sample(5, where={"bin": [level]})["bin"]) == {level}
    assert set(model.sample(5, where={"p": decimal.Decimal("2.50")})["p"]) == {decimal.Decimal("2.50")}
    given = data[["bin", "p"]].iloc[[0, 40]]
    made = model.sample(static=given).groupby("id")[["bin", "p"]].first()
    assert made.to_numpy().tolist() == given.to_numpy().tolist()


def test_levels_of_names_may_name_roles():
    names = pd.MultiIndex.from_tuples([("who", "id"), ("v", "x"), ("v", "sex")])
    data = pd.DataFrame({"a": np.repeat(np.arange(30), 4), "b": X, "c": np.repeat(["f", "m"] * 15, 4)}).set_axis(
        names, axis=1
    )
    model = RecurrentGAN(entity=("who", "id"), static=[("v", "sex")], steps=0, verbose=False, random_state=0).fit(data)
    made = model.sample(4, where={("v", "sex"): "f"})
    assert made.columns.equals(names)
    assert set(made["v", "sex"]) == {"f"}


def test_decimals_of_parquet_come_back_by_file(tmp_path):
    tables.write(FORMS["Decimal with gaps"], tmp_path / "a.parquet")
    read = tables.read(tmp_path / "a.parquet")
    made = _model(read).sample(1, length=50)
    tables.write(made, tmp_path / "b.parquet")
    again = tables.fields(tmp_path / "b.parquet")["p"]
    assert again.startswith("decimal128(")
    assert again.endswith(", 2)")


def test_uuid_keys_come_back_as_uuids():
    ids = [uuid.UUID(int=int(a) << 64 | int(b), version=4) for a, b in RNG.integers(0, 2**62, (40, 2))]
    data = pd.DataFrame({"id": np.repeat(np.array(ids, dtype=object), 3), "k": [0, 1, 2] * 40, "x": X})
    model = RecurrentGAN(entity="id", time="k", steps=0, verbose=False, random_state=0).fit(data)
    made = model.sample(50)["id"].unique()
    assert all(isinstance(one, uuid.UUID) and one.version == 4 for one in made)
    assert not set(made) & set(ids)
    evaluate(data, model.sample(40), entity="id", time="k", metrics=["marginals"], repeats=1)


@pytest.mark.parametrize("taken", [["sequence"], ["sequence", "sequence_1"], ["future", "sequence"]])
def test_a_column_that_is_named_like_the_new_level_leaves_it_another_name(taken):
    data = pd.DataFrame({name: X for name in taken}, index=T).add(RNG.normal(size=(120, len(taken))))
    model = _model(data)
    made = model.sample(3, length=40)
    level = {1: "sequence_1", 2: "sequence_2" if "sequence_1" in taken else "sequence_1"}[len(taken)]
    assert made.index.names == [level, "day"]
    assert made.reset_index().columns.tolist() == [level, "day", *taken]
    future = model.continue_from(data, steps=5, n=2)
    assert future.index.names[0] == ("future_1" if "future" in taken else "future")
    future.reset_index()
    _model(made)  # which tells its sequences apart again
    report = evaluate(data, made, metrics=["marginals"], repeats=1)
    assert "marginals" in str(report)


def test_the_judge_takes_polars():
    data = pl.DataFrame({"t": T.to_numpy(), "x": X, "s": np.where(X > 0, "a", "b"), "n": _gaps(range(120))})
    model = RecurrentGAN(time="t", steps=0, verbose=False, random_state=0).fit(data)
    made = model.sample(3, length=40)
    assert isinstance(made, pl.DataFrame)
    same = {"time": "t", "metrics": ["marginals", "correlation"], "repeats": 1}
    by_polars = evaluate(data, made, **same)
    plain = evaluate(data.to_pandas(), made.to_pandas().set_index("sequence"), **same)
    for one, two in zip(by_polars.results, plain.results, strict=True):
        assert one.name == two.name
    evaluate(data, model.sample(1, length=120), **same)
