"""What holds and says something is suggested; what holds by chance or because columns lie far apart is not."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from tsgan import datasets
from tsgan.constraints import Derived, Fixed, FixedSum, Inequality, Monotone, Range, suggest_constraints, violations
from tsgan.errors import ConstraintError


def ticks(seed: int = 0, size: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = (50 + rng.normal(size=size).cumsum()).round(2)
    open_ = (close + rng.normal(size=size)).round(2)
    high = (np.maximum(open_, close) + rng.exponential(size=size)).round(2)
    low = (np.minimum(open_, close) - rng.exponential(size=size)).round(2)
    return pd.DataFrame({"Open": open_, "High": high, "Low": low, "Close": close, "Adj Close": close})


def test_prices():
    found = suggest_constraints(ticks())
    assert set(found) == {
        Derived("Adj Close", "Close"),
        *(Inequality("Low", name) for name in ("Open", "Close", "Adj Close")),
        *(Inequality(name, "High") for name in ("Open", "Close", "Adj Close")),
    }
    assert "Inequality('Low', 'Open')" in str(found)
    assert "600 rows; were the rows moved," in str(found)
    assert set(violations(found, ticks()).values()) == {0}


def test_sums_differences_and_weights():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(500, 5)).round(3), columns=list("abcde"))
    frame["sum"] = (frame["a"] + frame["b"] + frame["c"]).round(3)
    frame["odd name"] = (2 * frame["d"] - 3 * frame["e"] + 1.5).round(3)
    frame["rest"] = (10 - frame["d"] - frame["b"]).round(3)
    assert set(suggest_constraints(frame)) == {
        FixedSum("sum", ["a", "b", "c"]),
        Derived("odd name", "2 * d - 3 * e + 1.5"),
        FixedSum(10, ["b", "d", "rest"]),
    }
    found = suggest_constraints(frame.rename(columns={"a": "sum", "sum": "a"}))
    assert FixedSum("sum", ["a", "b", "c"]) not in found


def test_a_total_that_comes_first_is_still_the_total():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 2)).round(2), columns=["a", "b"])
    frame.insert(0, "total", (frame["a"] + frame["b"]).round(2))
    assert list(suggest_constraints(frame)) == [FixedSum("total", ["a", "b"])]


def test_meters_within_entities():
    frame = pd.DataFrame({"who": np.repeat(np.arange(30), 10), "day": np.tile(np.arange(10), 30)})
    frame["meter"] = np.random.default_rng(0).integers(0, 3, 300)
    frame["meter"] = 5 - frame.groupby("who")["meter"].cumsum() + frame["who"] % 7
    shuffled = frame.sample(frac=1, random_state=0)
    assert Monotone("meter", increasing=False) in suggest_constraints(shuffled, entity="who", time="day")
    assert Monotone("meter", increasing=False) not in suggest_constraints(shuffled)


def test_categories_that_determine_others_and_whole_numbers():
    rng = np.random.default_rng(0)
    city = pd.Series(rng.choice(["Bonn", "Nice", "Lyon", "Ulm"], 400))
    frame = pd.DataFrame(
        {"city": city, "land": city.map({"Bonn": "de", "Ulm": "de"}).fillna("fr"), "other": rng.permutation(city)}
    )
    frame["visits"] = rng.poisson(1.0, 400) * 1.0
    frame["amount"] = rng.exponential(size=400)
    assert set(suggest_constraints(frame)) == {
        Fixed("city", "land"),
        Range("visits", 0, whole=True),
        Range("amount", 0),
    }


def test_statics_are_counted_by_entity():
    frame = datasets.visits(60, random_state=0)
    frame["home"] = frame["sex"].astype(str) + "-home"
    assert not [
        one
        for one in suggest_constraints(frame, entity="patient", time="when", static=["sex", "home"])
        if isinstance(one, Fixed)
    ]


def test_what_says_nothing_is_left_out():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"small": rng.normal(size=500), "large": rng.normal(size=500) + 100, "one": 3.0})
    found = suggest_constraints(frame)
    assert list(found) == []
    assert str(found) == "no constraint that says something holds exactly"
    assert list(suggest_constraints(ticks()[:50])) == []


def test_one_row_is_enough_to_refute():
    frame = ticks(size=20_000)
    frame.loc[7777, "Low"] = frame.loc[7777, "High"] + 1
    assert not any(isinstance(one, Inequality) and "Low" in one.columns for one in suggest_constraints(frame))


def test_gaps_refute_nothing():
    frame = ticks()
    frame["Open"] = frame["Open"].mask(np.random.default_rng(0).random(len(frame)) < 0.3)
    assert Inequality("Low", "Open") in suggest_constraints(frame)


def test_a_wide_table_costs_no_more_than_its_pairs():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20_000, 50)), columns=[f"c{i}" for i in range(50)])
    work = []
    for wide in (25, 50):
        begun = time.process_time()
        suggest_constraints(frame.iloc[:, :wide])
        work.append(time.process_time() - begun)
    assert work[1] < 8 * work[0]


class TestViolations:
    def test_by_constraint_in_words(self):
        frame = ticks()
        frame.loc[3, "Low"] = 1e3
        frame.loc[4, "Low"] = np.nan
        counted = violations(
            [Inequality("Low", "Open", "High"), Range("Low", high=500), Derived("Open", "Close")], frame
        )
        assert counted == {
            "Low <= Open <= High": 1,
            "Low <= 500": 1,
            "Open = Close": len(frame) - (frame["Open"] == frame["Close"]).sum(),
        }

    def test_meters_are_read_in_time_order_within_entities(self):
        frame = pd.DataFrame({"who": [1, 2, 1, 2], "day": [1, 0, 0, 1], "m": [5, 1, 4, 0]})
        assert violations([Monotone("m")], frame, entity="who", time="day") == {"m never falls": 1}
        assert violations([Monotone("m")], frame.set_index(["who", "day"]), "who", "day") == {"m never falls": 1}

    def test_combinations_are_those_of_the_other_table(self):
        frame = pd.DataFrame({"a": list("xxy"), "b": list("ppq")})
        other = pd.DataFrame({"a": list("xyy"), "b": ["q", "q", None]})
        assert list(violations([Fixed("a", "b")], other, like=frame).values()) == [1]
        assert list(violations([Fixed("a", "b")], other).values()) == [0]

    def test_rounding_breaks_nothing(self):
        frame = pd.DataFrame({"a": [0.1, 0.2], "b": [0.2, 0.1]}, dtype="float32")
        frame["t"] = frame["a"] + frame["b"]
        frame["half"] = (frame["a"].astype(float) / 3).round(2)
        assert set(violations([FixedSum("t", ["a", "b"]), Derived("half", "a / 3")], frame).values()) == {0}

    def test_unknown_names(self):
        with pytest.raises(ConstraintError, match=r"names 'Hihg', which is not a column; .* Did you mean 'High'"):
            violations([Range("Hihg", 0)], ticks())
        with pytest.raises(ConstraintError, match="'when' is neither a column nor an index level"):
            violations([Range("High", 0)], ticks(), time="when")
