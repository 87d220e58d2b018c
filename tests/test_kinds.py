"""Codes are categories, in any order of the columns; `kinds` overrules what the table shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan import Range, RecurrentGAN
from tsgan.errors import ParameterError

QUICK = {"steps": 0, "verbose": False, "random_state": 0}
STATES = {101: ("start", 1.0), 205: ("run", 10.0), 310: ("stop", 2.0), 999: ("error", 50.0)}


def log(dtype: str = "int64") -> pd.DataFrame:
    rng, n, length = np.random.default_rng(0), 100, 15
    frame = pd.DataFrame({"id": np.repeat(np.arange(n), length), "k": np.tile(np.arange(length), n)})
    code = rng.choice(list(STATES), n * length, p=[0.5, 0.3, 0.15, 0.05])
    frame["code"] = pd.Series(code).astype(dtype)
    frame["seconds"] = rng.gamma(2, [STATES[one][1] for one in code])
    frame["label"] = [STATES[one][0] for one in code]
    frame["count"] = rng.poisson(3, len(frame))
    return frame


def fit(frame: pd.DataFrame, **options: object) -> RecurrentGAN:
    return RecurrentGAN(entity="id", time="k", **QUICK, **options).fit(frame)


@pytest.mark.parametrize("dtype", ["int64", "Int64", "uint16[pyarrow]"])
def test_a_code_beside_its_label_is_the_same_in_any_order(dtype):
    frame = log(dtype)
    orders = [["code", "seconds", "label"], ["label", "seconds", "code"], ["code", "seconds"]]
    for order in orders:
        made = fit(frame[["id", "k", *order]]).sample(300, random_state=1)
        assert made["code"].dtype == frame["code"].dtype
        means = made.groupby("code")["seconds"].mean() / frame.groupby("code")["seconds"].mean()
        assert means.between(0.8, 1.25).all(), order
        if "label" in made:
            assert set(zip(made["code"], made["label"], strict=True)) == {(a, b[0]) for a, b in STATES.items()}


def test_the_schema_says_why_and_the_model_keeps_it(tmp_path):
    gan = fit(log(), kinds={"count": "number"})
    line = gan.schema_["code"]
    assert (line.kind, line.levels) == ("category", 4)
    assert "numbers that name things: one for each 'label'" in line.reason
    assert gan.schema_["count"].kind == "integer"
    gan.save(tmp_path / "m")
    read = RecurrentGAN.load(tmp_path / "m")
    assert str(read.schema_) == str(gan.schema_)
    assert read.get_params()["kinds"] == {"count": "number"}
    pd.testing.assert_frame_equal(read.sample(3), gan.sample(3))
    assert set(gan.sample(3, where={"code": 310})["label"]) == {"stop"}


def test_what_is_asked_for_goes_before_what_is_seen():
    frame = log().drop(columns="label")
    assert fit(frame).schema_["code"].kind == "category"
    assert fit(frame, kinds={"code": "number"}).schema_["code"].kind == "integer"
    for options in ({"scaler": {"code": "log"}}, {"bounds": {"code": (0, None)}}, {"constraints": [Range("code", 0)]}):
        assert "category" not in str(fit(frame, **options).schema_["code"].kind)
    frame["count"] = frame["count"].astype(float).mask(frame["count"] == 5)
    gan = fit(frame, kinds={"count": "category"})
    assert gan.schema_["count"].kind == "category"
    assert "asked for" in gan.schema_["count"].reason
    made = gan.sample(50)["count"]
    assert set(made.dropna()) <= set(frame["count"].dropna())
    assert made.isna().any()


def test_codes_of_places_come_as_observed():
    rng, n, length = np.random.default_rng(0), 120, 6
    site = rng.integers(0, 30, n)
    frame = pd.DataFrame({"id": np.repeat(np.arange(n), length), "x": rng.normal(size=n * length)})
    frame["site"] = np.repeat(1000 * site + 7, length)
    frame["city"] = np.repeat([f"city {one % 12}" for one in site], length)
    known = set(zip(frame["site"], frame["city"], strict=True))
    for static in (["site", "city"], None):
        made = RecurrentGAN(entity="id", static=static, **QUICK).fit(frame).sample(200, random_state=0)
        assert set(zip(made["site"], made["city"], strict=True)) <= known


def test_numbers_of_sequences_are_not_learned_by_heart():
    frame = log().drop(columns=["label", "code"])
    frame["serial"] = 10_007 * frame["id"] ** 2 + 1234
    assert fit(frame).schema_["serial"].kind == "integer"


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        (["code"], r"kinds=\['code'\] must be a mapping of column to kind, such as \{'code': 'category'\}"),
        ({"cod": "category"}, r"kinds names 'cod', which is not a static or value column.*'code'"),
        ({"id": "category"}, r"kinds names 'id', which is not a static or value column"),
        ({"code": "name"}, r"kinds\['code'\]='name'.*category.*number"),
        (
            {"label": "number"},
            r"kinds\['label'\]='number' does not fit a column that holds category values; leave it out",
        ),
        (
            {"due": "category"},
            r"kinds\['due'\]='category' does not fit a column that holds datetime values.*astype\(str\)",
        ),
    ],
)
def test_kinds_that_do_not_fit_are_refused(kinds, text):
    frame = log()
    frame["due"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["count"], unit="D")
    with pytest.raises(ParameterError, match=text):
        fit(frame, kinds=kinds)
