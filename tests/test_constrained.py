"""Constraints from `fit` to the report: kept, trained or not, saved, suggested, and said on the command line."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from tsgan import Derived, Fixed, FixedSum, Inequality, Monotone, Range, RecurrentGAN, evaluate
from tsgan.cli import commands as cli
from tsgan.constraints import violations
from tsgan.constraints.text import read_rule
from tsgan.errors import ConstraintError, ParameterError

RULES = [
    Inequality("low", "open", "high"),
    Inequality("low", "close", "high"),
    FixedSum("total", ["a", "b"]),
    Monotone("meter"),
    Fixed("city", "country"),
    Derived("amount", "price * count"),
    Range("share", 0, 1),
]
QUICK = {"hidden": 8, "units": 16, "adversarial_steps": 0, "verbose": False}
ROLES = {"entity": "id", "time": "t"}


def planted(n: int = 60, steps: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = n * steps
    low = rng.gamma(2, 10, rows).round(1)
    spread = rng.gamma(2, 1, rows).round(1)
    part, city = rng.integers(0, 50, (2, rows)), rng.integers(0, 4, rows)
    frame = pd.DataFrame({"id": np.repeat(np.arange(n), steps), "t": np.tile(np.arange(steps), n)})
    frame["low"], frame["high"] = low, (low + spread).round(1)
    frame["open"] = (low + spread * rng.random(rows)).round(1)
    frame["close"] = (low + spread * rng.random(rows)).round(1)
    frame["a"], frame["b"], frame["total"] = *part, part.sum(axis=0)
    frame["meter"] = frame.assign(step=rng.exponential(3, rows).round(2)).groupby("id")["step"].cumsum().round(2)
    frame["city"] = np.array(["bonn", "lyon", "rome", "turin"])[city]
    frame["country"] = np.array(["de", "fr", "it", "it"])[city]
    frame["price"], frame["count"] = rng.gamma(3, 2, rows).round(2), rng.integers(1, 9, rows)
    frame["amount"] = frame["price"] * frame["count"]
    frame["share"] = rng.beta(0.5, 0.5, rows).round(3)
    gone = rng.random((rows, 4)) < 0.1
    for column, mask in zip(("close", "share", "meter", "high"), gone.T, strict=True):
        frame[column] = frame[column].mask(mask)
    return frame


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return planted()


def _broken(table: pd.DataFrame, rules=RULES) -> int:
    return sum(violations(rules, table, **ROLES).values())


@pytest.mark.filterwarnings("ignore:training did not improve:tsgan.errors.TsganWarning")
@pytest.mark.parametrize("steps", [0, 20])
def test_none_is_broken_and_models_are_saved(real, steps, tmp_path):
    model = RecurrentGAN(**ROLES, **QUICK, constraints=RULES, steps=steps, random_state=0).fit(real)
    made = model.sample(200, random_state=1)
    assert _broken(made) == 0
    assert made["close"].isna().any()
    pd.testing.assert_series_equal(made.dtypes, real.dtypes)
    model.save(tmp_path / "model")
    pd.testing.assert_frame_equal(RecurrentGAN.load(tmp_path / "model").sample(200, random_state=1), made)
    given = model.sample(50, where={"country": "it"})
    assert set(given["city"]) <= {"rome", "turin"}
    assert _broken(given) == 0
    report = evaluate(real, made, **ROLES, constraints=RULES, metrics=["violations"], random_state=0)
    assert re.search(r"violations\D*0\b", str(report))


def test_a_function_samples_and_is_not_saved(real, tmp_path):
    def twice(frame: pd.DataFrame) -> pd.Series:
        return frame["a"] * 2

    frame = real[["id", "t", "a", "b"]].assign(double=real["a"] * 2)
    model = RecurrentGAN(steps=0, **ROLES, constraints=[Derived("double", twice)], random_state=0).fit(frame)
    made = model.sample(20)
    assert (made["double"] == made["a"] * 2).all()
    with pytest.raises(ConstraintError, match="holds a function, which cannot be saved; write it as a formula"):
        model.save(tmp_path / "model")


def test_suggested(real):
    model = RecurrentGAN(steps=0, **ROLES, constraints="suggest", random_state=0).fit(real)
    rules = model._encoder.stages.constraints
    assert Fixed("city", "country") in rules or any(isinstance(rule, Fixed) for rule in rules)
    assert _broken(model.sample(100), rules) == 0
    with pytest.raises(ParameterError, match=r"constraints='all' is not known; choose one of \['suggest'\]"):
        RecurrentGAN(steps=0, **ROLES, constraints="all").fit(real)


@pytest.mark.parametrize(
    ("rules", "error", "text"),
    [
        ([Inequality("high", "low")], ConstraintError, "Inequality('high', 'low')"),
        (
            [Range("low", 0, 20)],
            ConstraintError,
            "Range('low', 0, 20) does not hold in the table: entity 0, row 1: low=26.4; entity 0, row 3",
        ),
        ([Inequality("low", "hihg")], ConstraintError, "Did you mean 'high'?"),
        ([Inequality("low", "city")], ConstraintError, "column 'city' is of dtype str; allowed are numbers"),
        (["low <= high"], ConstraintError, "constraints holds 'low <= high'; pass Inequality, FixedSum"),
        (Monotone("meter"), ParameterError, "constraints=Monotone('meter') must be a list; write constraints=[Mono"),
    ],
)
def test_what_does_not_fit_is_refused(real, rules, error, text):
    with pytest.raises(error, match=re.escape(text)):
        RecurrentGAN(**ROLES, constraints=rules).fit(real)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("low <= open <= high", Inequality("low", "open", "high")),
        ("high > low", Inequality("low", "high", strict=True)),
        ("`a<b` <= Adj Close", Inequality("a<b", "Adj Close")),
        ("0 <= x", Range("x", 0)),
        ("5.5 >= x >= -1", Range("x", -1, 5.5)),
        ("2020-01-01 <= day", Range("day", "2020-01-01")),
        ("whole: x", Range("x", whole=True)),
        ("total = a + b", FixedSum("total", ["a", "b"])),
        ("x := a * b", Derived("x", "a * b")),
        ("monotone: meter", Monotone("meter")),
        ("monotone: meter, falling, strict", Monotone("meter", increasing=False, strict=True)),
        ("fixed: city, country", Fixed("city", "country")),
    ],
)
def test_as_text(text, rule):
    assert read_rule(text) == rule


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("low", "'low' is no constraint; write 'low <= high'"),
        ("a <= b < c", "'a <= b < c' is no constraint"),
        ("wobble: x", "'wobble: x' is no constraint"),
        ("0 < x", "'0 < x': a range holds its ends; write it with <="),
        ("a <= 3 <= b", "'a <= 3 <= b' mixes columns and numbers; write one constraint for each"),
        ("= b", "'= b' lacks a column"),
        ("monotone: a, b", "'monotone: a, b' names more than one column"),
    ],
)
def test_no_constraint(text, told):
    with pytest.raises(ConstraintError, match=re.escape(told)):
        read_rule(text)


def test_the_command_line(real, tmp_path, capsys):
    data, model, out = (str(tmp_path / name) for name in ("real.csv", "model", "out.csv"))
    ages = np.arange(60) % 30 + 20
    frame = real.assign(age=ages[real["id"]], ill=(ages % 2 == 0)[real["id"]], born=pd.Timestamp("2000-01-01"))
    frame["born"] += pd.to_timedelta(frame["age"], unit="D")
    frame.to_csv(data, index=False)
    rules = ["low <= open <= high", "low <= close <= high", "total = a + b", "amount := price * count"]
    fit = ["fit", data, "-o", model, "--steps", "0", "-q", "--entity", "id", "--time", "t", "--static", "age,ill"]
    fit += ["--exclude", "born", "--calendar", "none", "--seed", "0", "--constraints"]
    assert cli.main([*fit, *rules, "monotone: meter", "fixed: city, country", "0 <= share <= 1"]) == 0
    sample = ["sample", model, "-q", "--seed", "0", "-o", out]
    assert cli.main([*sample, "-n", "30", "--where", "age=40", "--where", "country=it", "--where", "ill=True"]) == 0
    made = pd.read_csv(out)
    assert set(made["age"]) == {40}
    assert set(made["country"]) == {"it"}
    assert made["id"].nunique() == 30
    assert "born" not in made
    assert _broken(made) == 0
    (tmp_path / "static.csv").write_text("age,ill\n25,False\n30,\n")
    assert cli.main([*sample, "--static", str(tmp_path / "static.csv")]) == 0
    assert pd.read_csv(out).groupby("id", sort=False)["age"].first().tolist() == [25, 30]
    capsys.readouterr()
    assert cli.main([*sample, "--where", "age=400"]) == 1
    assert "where: 'age' is never 400 in the fitted table; it lies between 21 and 48" in capsys.readouterr().err
    assert cli.main(["suggest", data, "--entity", "id", "--time", "t", "--static", "age,ill", "-q"]) == 0
    shown = capsys.readouterr().out
    assert "Fixed(" in shown
    assert "FixedSum('total'" in shown or "Derived('total'" in shown
    assert cli.main([*fit, "0 < x"]) == 1
    assert "a range holds its ends" in capsys.readouterr().err
    assert cli.main([*fit, "suggest"]) == 0
