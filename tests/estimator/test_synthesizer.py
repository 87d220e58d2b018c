"""What does not hang on training: a table in any form goes in, the same form comes out, saved or not."""

from __future__ import annotations

import functools
import json
import random
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from tsgan import RecurrentGAN
from tsgan.errors import (
    CorruptModelError,
    ModelFileError,
    NewerFormatError,
    NotAModelError,
    NotFittedError,
    ParameterError,
)
from tsgan.estimator.drawing import BLOCK

QUICK = {"steps": 0, "hidden": 8, "units": 16, "random_state": 0, "verbose": False}
ROWS = 60


def values(rows: int = ROWS) -> pd.DataFrame:
    """One column of each kind and of several dtypes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows).cumsum()
    return pd.DataFrame(
        {
            "price": x.round(2),
            "single": x.astype("float32"),
            "count": (20 + 5 * x).astype("int16"),
            "whole": pd.array((20 + 5 * x).astype(int), dtype="Int64"),
            "up": x > 0,
            "sky": np.where(x > 1, "sun", np.where(x > 0, "fog", "rain")),
            "size": pd.Categorical.from_codes(rng.integers(0, 2, rows), ["S", "M", "L"], ordered=True),
            "due": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, rows), unit="D"),
            "one": 3.5,
        }
    )


def entities() -> pd.DataFrame:
    """Sequences of 3 to 6 rows with a static category and a static number."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(3, 7, 20)
    table = values(int(lengths.sum()))
    table.insert(0, "who", np.repeat([f"p{i:03d}" for i in range(20)], lengths))
    days = np.concatenate([np.arange(n) for n in lengths])
    table.insert(1, "day", pd.Timestamp("2024-03-01") + pd.to_timedelta(days, unit="D"))
    table["sex"] = np.repeat(rng.choice(["f", "m"], 20), lengths)
    table["age"] = np.repeat(rng.integers(20, 80, 20), lengths)
    return table


def stamped(index: pd.Index) -> pd.DataFrame:
    return values().set_axis(index, axis=0)


ROLES = {"entity": "who", "time": "day", "static": ["sex", "age"]}
ARRAY = np.random.default_rng(2).normal(size=(20, 6, 2))
FORMS = {
    "hours": (stamped(pd.date_range("2024-01-01", periods=ROWS, freq="h", name="at")), {}),
    "business days with a zone": (stamped(pd.date_range("2024-01-01", periods=ROWS, freq="B", tz="Asia/Tokyo")), {}),
    "months": (stamped(pd.period_range("2020-01", periods=ROWS, freq="M", name="month")), {}),
    "rows": (values(), {}),
    "every second row": (stamped(pd.RangeIndex(10, 10 + 2 * ROWS, 2, name="row")), {}),
    "time column": (stamped(pd.date_range("2024-01-01", periods=ROWS, name="t")).reset_index(), {"time": "t"}),
    "long format": (entities(), ROLES),
    "keys in the index": (entities().set_index(["who", "day"]), {"entity": "who", "static": ["sex", "age"]}),
    "array": (ARRAY[:10].reshape(ROWS, 2), {}),
    "three axes": (ARRAY.astype("float32"), {}),
    "ragged": ([s[: 3 + i % 4] for i, s in enumerate(ARRAY)], {}),
}
every_form = pytest.mark.parametrize("form", FORMS)


def make(**options) -> RecurrentGAN:
    return RecurrentGAN(**{**QUICK, **options})


@functools.cache
def fitted(form: str, **options) -> RecurrentGAN:
    """Return a fitted model, which tests share."""
    table, roles = FORMS[form]
    return make(**roles, **options).fit(table)


def same(one, other) -> bool:
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
        return True
    return len(one) == len(other) and all(map(np.array_equal, one, other))


class TestForms:
    @pytest.mark.parametrize("form", [form for form in FORMS if isinstance(FORMS[form][0], pd.DataFrame)])
    def test_a_frame_comes_back_as_that_frame(self, form):
        table = FORMS[form][0]
        made = fitted(form).sample(1)
        assert list(made.columns) == list(table.columns)
        assert made.dtypes.to_dict() == table.dtypes.to_dict()
        assert made.index.names == table.index.names
        assert type(made.index) is type(table.index)
        assert made.index.dtype == table.index.dtype
        numbers = table.select_dtypes("number").columns
        assert (made[numbers].min() >= table[numbers].min()).all()
        assert (made[numbers].max() <= table[numbers].max()).all()
        assert made["price"].round(2).equals(made["price"])
        assert set(made["sky"]) <= set(table["sky"])
        assert not made.isna().to_numpy().any()
        assert (made["one"] == 3.5).all()
        assert (made["due"] == made["due"].dt.normalize()).all()

    @pytest.mark.parametrize("form", ["hours", "business days with a zone", "months", "rows", "every second row"])
    def test_the_index_goes_on_as_learned(self, form):
        table = FORMS[form][0]
        made = fitted(form).sample(1, length=ROWS)
        pd.testing.assert_index_equal(made.index, table.index, exact=True)
        assert getattr(made.index, "freq", None) == getattr(table.index, "freq", None)

    @pytest.mark.parametrize(
        ("form", "start", "second"),
        [
            ("hours", "2030-05-01 12:00", pd.Timestamp("2030-05-01 13:00")),
            ("business days with a zone", "2030-05-03", pd.Timestamp("2030-05-06", tz="Asia/Tokyo")),
            ("months", "2030-05", pd.Period("2030-06", "M")),
            ("every second row", 100, 102),
        ],
    )
    def test_start(self, form, start, second):
        assert fitted(form).sample(1, length=3, start=start).index[1] == second

    def test_start_in_a_time_column(self):
        made = fitted("time column").sample(2, length=3, start="2030-05-01")
        assert made["t"].dt.day.tolist() == [1, 2, 3, 1, 2, 3]
        assert (made["t"].dt.year == 2030).all()

    @pytest.mark.parametrize("form", ["hours", "rows", "months"])
    def test_several_series_get_an_outer_level(self, form):
        table = FORMS[form][0]
        made = fitted(form).sample(3, length=7)
        assert made.index.names == ["sequence", table.index.name]
        assert made.index.get_level_values(0).tolist() == np.repeat([0, 1, 2], 7).tolist()
        if form == "rows":
            assert list(made.loc[1].index) == list(table.index[:7])
        else:  # stretches start anywhere in the series
            places = [table.index.get_indexer(made.loc[number].index) for number in range(3)]
            assert all((np.diff(place) == 1).all() and place[0] >= 0 for place in places)
            assert len({place[0] for place in places}) > 1
            again = fitted(form).sample(3, length=7, start=table.index[0])
            assert list(again.loc[1].index) == list(table.index[:7])
        assert made.dtypes.to_dict() == table.dtypes.to_dict()

    def test_entities_get_new_keys_and_learned_lengths(self):
        table = FORMS["long format"][0]
        made = fitted("long format").sample(200)
        assert made["who"].nunique() == 200
        assert not set(made["who"]) & set(table["who"])
        assert made["who"].str.fullmatch(r"p\d{3}").all()
        lengths = made.groupby("who").size()
        assert set(lengths) <= set(table.groupby("who").size())
        assert (made.groupby("who")[["sex", "age"]].nunique() == 1).to_numpy().all()
        assert set(made.groupby("who")["day"].first()) == {pd.Timestamp("2024-03-01")}
        assert made.index.equals(pd.RangeIndex(len(made)))

    def test_keys_in_the_index(self):
        made = fitted("keys in the index").sample(5)
        assert made.index.names == ["who", "day"]
        assert made.index.get_level_values("who").nunique() == 5

    @pytest.mark.parametrize("form", FORMS)
    def test_length(self, form):
        made = fitted(form).sample(3, length=11)
        if isinstance(made, pd.DataFrame):
            assert len(made) == 33
        else:
            assert np.shape(made) == (3, 11, 2)

    def test_arrays_come_back_as_arrays(self):
        flat = fitted("array")
        assert flat.sample(1, length=9).shape == (9, 2)
        assert flat.sample(4).shape == (4, 24, 2)
        made = fitted("three axes").sample(1)
        assert made.shape == (1, 6, 2)
        assert made.dtype == np.float32
        ragged = fitted("ragged").sample(50)
        assert isinstance(ragged, list)
        assert {len(sequence) for sequence in ragged} == {3, 4, 5, 6}
        assert {sequence.shape[1] for sequence in ragged} == {2}

    def test_a_long_series_of_any_length(self):
        made = fitted("hours").sample(1, length=300)
        assert len(made) == 300
        assert made.index[-1] - made.index[0] == pd.Timedelta(hours=299)

    def test_bounds(self):
        table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=60), "y": np.arange(60.0)})
        made = make(bounds={"x": (-0.5, 0.5), "y": (None, np.inf)}).fit(table).sample(1, length=200)
        assert made["x"].between(-0.5, 0.5).all()

    def test_free_bounds(self):
        table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=60)})
        free = make(bounds=None).fit(table).sample(1, length=2000)
        assert free["x"].max() > table["x"].max()

    def test_only_constant_columns(self):
        table = pd.DataFrame({"a": [1.5] * 30, "b": ["x"] * 30})
        pd.testing.assert_frame_equal(make().fit(table).sample(1, length=30), table)
        fixed = FORMS["long format"][0][["who", "day", "sex", "one"]]
        made = make(entity="who", time="day", static=["sex"]).fit(fixed).sample(100)
        assert made.groupby("who")["sex"].first().value_counts().min() > 20

    def test_the_input_is_left_as_it_was(self):
        table, roles = FORMS["long format"]
        before = table.copy()
        make(**roles).fit(table).score(table)
        pd.testing.assert_frame_equal(table, before)

    def test_what_was_learned_is_public(self):
        model = fitted("long format")
        assert model.schema_["sex"].role == "static"
        assert "price" in str(model.schema_)
        assert model.n_features_in_ == 13
        assert model.feature_names_in_.tolist() == list(FORMS["long format"][0].columns)
        model = make(**ROLES).fit(FORMS["long format"][0]).set_params(entity=None, time=None, static=None).fit(ARRAY)
        assert model.n_features_in_ == 2
        assert not hasattr(model, "feature_names_in_")


class TestRandomness:
    @pytest.mark.parametrize("form", ["hours", "long format"])
    def test_nothing_but_the_seed_matters(self, form):
        results = []
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002 - what the test is about
            random.seed(seed)
            torch.manual_seed(seed)
            states = np.random.get_state()[1].copy(), random.getstate(), torch.get_rng_state()  # noqa: NPY002
            model = fitted(form)
            results += [model.sample(5), model.sample(5, random_state=3)]
            assert (np.random.get_state()[1] == states[0]).all()  # noqa: NPY002
            assert random.getstate() == states[1]
            assert torch.equal(torch.get_rng_state(), states[2])
        assert same(results[0], results[2])
        assert same(results[1], results[3])
        assert not results[0].equals(results[1])

    def test_fitting_again_gives_the_same(self):
        model = fitted("hours")
        first = model.sample(3)
        model.fit(FORMS["hours"][0])
        assert same(first, model.sample(3))

    def test_another_seed_gives_another_table(self):
        model = fitted("array")
        assert same(model.sample(2), model.sample(2, random_state=0))
        assert not same(model.sample(2), model.sample(2, random_state=1))
        assert not same(fitted("array", random_state=1).sample(2), fitted("array", random_state=2).sample(2))

    def test_no_seed_gives_fresh_tables(self):
        model = fitted("array", random_state=None)
        assert not same(model.sample(2), model.sample(2))
        assert same(model.sample(2, random_state=5), model.sample(2, random_state=np.int64(5)))

    def test_generators_are_drawn_from(self):
        model = fitted("array", random_state=np.random.default_rng(0))
        assert same(
            model.sample(2, random_state=np.random.default_rng(1)),
            model.sample(2, random_state=np.random.default_rng(1)),
        )
        assert not same(model.sample(2), model.sample(2))
        twin = fitted("array", random_state=np.random.default_rng(0))
        fresh = fitted("array", random_state=np.random.default_rng(0))
        assert same(twin.sample(2), fresh.sample(2))

    def test_a_larger_sample_begins_with_the_whole_blocks_of_a_smaller_one(self):
        model = fitted("array")
        assert same(model.sample(BLOCK + 10, 2)[:BLOCK], model.sample(BLOCK + 90, 2)[:BLOCK])


class TestSaving:
    @every_form
    def test_a_loaded_model_is_the_same_model(self, form, tmp_path):
        model = fitted(form)
        model.save(tmp_path / "model")
        loaded = RecurrentGAN.load(tmp_path / "model")
        assert same(model.sample(4), loaded.sample(4))
        assert same(model.sample(2, length=9, random_state=1), loaded.sample(2, length=9, random_state=1))
        assert str(loaded.schema_) == str(model.schema_)
        assert loaded.n_features_in_ == model.n_features_in_
        assert list(getattr(loaded, "feature_names_in_", [])) == list(getattr(model, "feature_names_in_", []))
        assert loaded.get_params() == model.get_params()
        loaded.save(tmp_path / "again")
        assert same(model.sample(4), RecurrentGAN.load(tmp_path / "again").sample(4))

    def test_parameters_by_column_come_back(self, tmp_path):
        table = np.random.default_rng(0).normal(size=(60, 2))
        model = make(bounds={0: (0, None), 1: (np.float64(-1), np.int64(1))}, scaler={1: "minmax"}).fit(table)
        model.save(tmp_path)
        loaded = RecurrentGAN.load(tmp_path)
        assert loaded.get_params() == model.get_params()
        assert same(loaded.fit(table).sample(2), model.sample(2))

    def test_a_generator_as_seed_is_not_saved(self, tmp_path):
        model = fitted("array", random_state=np.random.default_rng(0))
        model.save(tmp_path)
        assert RecurrentGAN.load(tmp_path).random_state is None

    def test_nothing_runs_code(self, tmp_path):
        fitted("array").save(tmp_path)
        assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors", ".md"}

    def test_saving_over_another_model(self, tmp_path):
        fitted("hours").save(tmp_path)
        model = fitted("array", random_state=1)
        model.save(tmp_path)
        assert same(RecurrentGAN.load(tmp_path).sample(2), model.sample(2))
        count = len(list(tmp_path.iterdir()))
        assert count == len(json.loads((tmp_path / "model.json").read_text())["files"]) + 2  # and the card

    def test_before_fit(self, tmp_path):
        model = make()
        text = r"this RecurrentGAN is not fitted yet; call fit\(df\) first, or RecurrentGAN.load\(path\)"
        for call in (lambda: model.save(tmp_path), model.sample, lambda: model.score(ARRAY)):
            with pytest.raises(NotFittedError, match=text):
                call()
        assert not list(tmp_path.iterdir())

    def test_places_that_cannot_be_saved_to(self, tmp_path):
        model = fitted("array")
        (tmp_path / "notes.txt").write_text("keep me")
        with pytest.raises(ModelFileError, match=r"notes.txt is a file; a model is saved as a directory"):
            model.save(tmp_path / "notes.txt")
        with pytest.raises(ModelFileError, match=r"exists and holds no model; choose a new or an empty directory"):
            model.save(tmp_path)
        assert (tmp_path / "notes.txt").read_text() == "keep me"

    def test_no_model(self, tmp_path):
        with pytest.raises(NotAModelError, match=r"nowhere is no saved model: it does not exist; pass the directory"):
            RecurrentGAN.load(tmp_path / "nowhere")
        with pytest.raises(NotAModelError, match=r"is no saved model: it has no model.json"):
            RecurrentGAN.load(tmp_path)

    @pytest.mark.parametrize(
        ("path", "value", "error", "text"),
        [
            (["format"], 99, NewerFormatError, r"has format 99, saved by tsgan .*; this tsgan reads up to .* upgrade"),
            (["params", "windows"], 3, CorruptModelError, r"does not describe a whole model .*'windows'"),
            (["params"], "gone", CorruptModelError, r"does not describe a whole model"),
            (["fitted"], {"rows": 3}, CorruptModelError, r"fitted: it must count rows and sequences, not \['rows'\]"),
            (
                ["encoder", "cells", "columns"],
                [{"$is": "Magic"}],
                CorruptModelError,
                r"not describe a whole model .*Magic",
            ),
            (["encoder", "window"], None, CorruptModelError, r"describe a whole model .*Stages.window cannot be None"),
            (["encoder", "window"], 10**7, CorruptModelError, r"Stages.window=10000000 is longer than every sequence"),
            (["encoder", "clock", "rows"], 5, CorruptModelError, r"Cells.lengths are of \d+ rows, and Clock.rows=5"),
            (
                ["encoder", "cells", "led"],
                {"$map": [[99, {"$tuple": [0, 1, 1]}]]},
                CorruptModelError,
                r"Cells.led\[99\]",
            ),
            (["encoder", "cells", "together"], {"a": 99}, CorruptModelError, r"Cells.together\['a'\]: cell 99 is not"),
            (["encoder", "form", "columns"], {"$tuple": []}, CorruptModelError, r"features and names are not those of"),
            (["model", "steps"], None, CorruptModelError, r"model.steps: \d cells need a network"),
            (["model", "steps", "lookback", "order"], 4, CorruptModelError, r"Lookback.order must be 3 at most, not 4"),
            (["params", "loss"], "none", CorruptModelError, r"loss='none' is not known; choose one of"),
            (["params", "hidden"], -1, CorruptModelError, r"hidden=-1 is not allowed"),
            (["history"], [3], CorruptModelError, r"history: it\[0\] cannot be 3"),
            (["trained"], "yes", CorruptModelError, r"trained: it cannot be 'yes'"),
            (["seed"], ["x", []], CorruptModelError, r"does not describe a whole model"),
            (["class"], "Other", CorruptModelError, r"holds a Other; load it with Other.load"),
            (["files", "encoder", "sha256"], "0", CorruptModelError, r"is damaged \(its checksum differs\)"),
        ],
    )
    def test_mangled(self, path, value, error, text, saved, tmp_path):
        shutil.copytree(saved, tmp_path / "model")
        file = tmp_path / "model" / "model.json"
        document = json.loads(file.read_text())
        place = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        file.write_text(json.dumps(document))
        with pytest.raises(error, match=text):
            RecurrentGAN.load(file.parent, check=False)

    @pytest.mark.parametrize(
        ("hidden", "text"),
        [
            (5, r"model.steps: numbers\..* must be float32 of shape \(20, 9\), not float32 of \(4, 9\)"),
            (-1, "Sizes.hidden must be"),
        ],
    )
    def test_a_network_of_another_size(self, hidden, text, saved, tmp_path):
        shutil.copytree(saved, tmp_path / "model")
        file = tmp_path / "model" / "model.json"
        document = json.loads(file.read_text())
        document["model"]["steps"]["sizes"]["hidden"] = hidden
        file.write_text(json.dumps(document))
        with pytest.raises(CorruptModelError, match=f"does not describe a whole model .*{text}"):
            RecurrentGAN.load(file.parent, check=False)

    def test_device(self, saved):
        loaded = RecurrentGAN.load(saved, device="auto")
        assert loaded.device == "auto"
        with pytest.raises(
            ParameterError, match=r"device='warp9' cannot be used on this machine; choose 'cpu', 'auto'"
        ):
            RecurrentGAN.load(saved, device="warp9")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved model."""
    home = tmp_path_factory.mktemp("models") / "model"
    fitted("array").save(home)
    return home


class TestScore:
    @every_form
    def test_every_form_can_be_scored(self, form):
        model = fitted(form)
        value = model.score(FORMS[form][0])
        assert 0 <= value <= 1
        assert value == model.score(FORMS[form][0])

    def test_higher_is_better(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(1200, 2)).cumsum(axis=0)
        x = np.diff(x, axis=0) + 0.8 * np.sin(np.arange(1199) / 3)[:, None]
        good = make().fit(x)
        bad = make().fit(rng.permutation(x))
        assert good.score(x) > 0.5 > bad.score(x)
