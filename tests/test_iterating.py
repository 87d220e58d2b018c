"""A sample that comes in pieces is the sample: rows, index, keys and dtypes go on from piece to piece."""

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN
from tsgan.errors import NotFittedError, ParameterError
from tsgan.estimator import drawing

ROWS = 120


def _values(rows=ROWS):
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows).cumsum()
    gone = np.where(rng.random(rows) < 0.2, np.nan, x.round(1))
    return pd.DataFrame({"x": x.round(2), "sky": np.where(x > 0, "sun", "rain"), "gone": gone})


def _people(keys):
    rng = np.random.default_rng(1)
    lengths = rng.integers(2, 7, 25)
    table = _values(int(lengths.sum()))
    table.insert(0, "who", np.repeat([keys(i) for i in range(25)], lengths))
    days = np.concatenate([np.arange(n) for n in lengths])
    begin = np.repeat(rng.integers(0, 300, 25), lengths)
    table.insert(1, "day", pd.Timestamp("2024-01-01") + pd.to_timedelta(days + begin, unit="D"))
    table["sex"] = np.repeat(rng.choice(["f", "m"], 25), lengths)
    return table


ROLES = {"entity": "who", "time": "day", "static": ["sex"]}
TEXT, NUMBERS = _people(lambda i: f"p{i:04d}"), _people(lambda i: i + 100)
SERIES = _values()
ARRAY = np.random.default_rng(2).normal(size=(20, 6, 2))
FORMS = {
    "long series": (SERIES.set_axis(pd.date_range("2024-01-01", periods=ROWS, freq="h", name="at")), {}),
    "periods": (SERIES.set_axis(pd.period_range("2015-01", periods=ROWS, freq="M", name="month")), {}),
    "rows": (SERIES, {}),
    "time column": (SERIES.assign(t=pd.date_range("2024-01-01", periods=ROWS)), {"time": "t"}),
    "keys of text": (TEXT, ROLES),
    "keys of numbers": (NUMBERS, ROLES),
    "no clock": (NUMBERS.drop(columns="day"), {"entity": "who", "static": ["sex"]}),
    "two levels": (TEXT.set_index(["who", "day"]), {"entity": "who", "static": ["sex"]}),
    "counted rows": (NUMBERS.assign(row=np.arange(len(NUMBERS))), ROLES),
    "array": (ARRAY.reshape(120, 2), {}),
    "three axes": (ARRAY, {}),
    "ragged": ([s[: 3 + i % 4] for i, s in enumerate(ARRAY)], {}),
}


_MODELS: dict = {}


def _model(form):
    if form not in _MODELS:
        table, roles = FORMS[form]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drawing, "BLOCK", 256)
            _MODELS[form] = RecurrentGAN(steps=0, hidden=8, units=16, random_state=0, **roles).fit(table)
    return _MODELS[form]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(drawing, "BLOCK", 4)


def _join(pieces):
    if isinstance(pieces[0], pd.DataFrame):
        return pd.concat(pieces)
    return [sequence for piece in pieces for sequence in piece]


def _same(one, other):
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    else:
        assert len(one) == len(other)
        assert all(map(np.array_equal, one, other))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("chunk", [1, 6, 9, 100], ids="chunk={}".format)
def test_pieces_put_together_are_the_sample(form, chunk):
    model = _model(form)
    pieces = list(model.sample_iter(18, chunk, random_state=3))
    _same(_join(pieces), model.sample(18, random_state=3))
    assert len(pieces) == {1: 5, 6: 4, 9: 3, 100: 1}[chunk]  # of whole blocks of 4


@pytest.mark.parametrize("form", FORMS)
def test_at_a_length_that_is_asked_for(form):
    model = _model(form)
    _same(_join(list(model.sample_iter(10, 4, 9))), model.sample(10, 9))


@pytest.mark.parametrize("form", FORMS)
def test_a_single_sequence(form):
    model = _model(form)
    (piece,) = model.sample_iter(1, random_state=5)
    _same(piece, model.sample(1, random_state=5))


def test_conditions_and_starts():
    model = _model("keys of text")
    options = {"start": "2030-01-01", "where": {"sex": "f"}}
    whole = model.sample(15, **options)
    _same(_join(list(model.sample_iter(15, 5, **options))), whole)
    assert set(whole["sex"]) == {"f"}
    people = pd.DataFrame({"sex": ["f", "m", "m"] * 4})
    whole = model.sample(static=people)
    _same(_join(list(model.sample_iter(12, 5, static=people))), whole)
    assert whole.groupby("who")["sex"].first().tolist() == people["sex"].tolist()


@pytest.mark.parametrize("form", ["keys of text", "keys of numbers", "two levels"])
def test_keys_are_new_and_come_once(form):
    real = FORMS[form][0].reset_index()["who"]
    pieces = [piece.reset_index()["who"].unique() for piece in _model(form).sample_iter(40, 4)]
    keys = np.concatenate(pieces)
    assert len(set(keys)) == len(keys) == 40
    assert not set(keys) & set(real)


def test_nothing_is_drawn_before_it_is_asked_for():
    model = _model("array")
    pieces = model.sample_iter(10**9, 4)
    assert np.array_equal(next(pieces), model.sample(4))


def test_mistakes_are_told_at_once():
    model = _model("array")
    for options, text in (({"chunk": 0}, "chunk=0 is not allowed"), ({"length": 0}, "length=0 is not allowed")):
        with pytest.raises(ParameterError, match=text):
            model.sample_iter(5, **options)
    with pytest.raises(ParameterError, match="n=0 is not allowed"):
        model.sample_iter(0)
    with pytest.raises(NotFittedError):
        RecurrentGAN(steps=0).sample_iter(5)
