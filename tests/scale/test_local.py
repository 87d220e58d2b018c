"""One model per group: the same models on any number of processes, one folder, samples of the whole table's form."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsgan import Models, RecurrentGAN, fit_each
from tsgan.errors import (
    CorruptModelError,
    InputError,
    ModelFileError,
    NotAModelError,
    ParameterError,
    SchemaError,
    TsganWarning,
)
from tsgan.scale.groups import begin, fit_group
from tsgan.scale.index import Group, finish
from tsgan.tables.keys import Keys

SERIES = {"time": "date", "steps": 0, "random_state": 0}
PANEL = {"entity": "unit", "time": "day", "static": ["site"], "steps": 0, "random_state": 0}


def series(store, rows=40):
    """One long series of a store, whose level is the store's number."""
    rng = np.random.default_rng(store)
    return pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=rows),
            "store": np.int16(store),
            "sales": rng.normal(10 * store, 1, rows).round(2),
            "state": pd.Categorical(rng.choice(["open", "shut"], rows), ["shut", "half", "open"], ordered=True),
        }
    )


def panel(region, units=6, first=0, days=8):
    """Some units of a region."""
    rng = np.random.default_rng(first)
    return pd.DataFrame(
        {
            "unit": np.repeat([f"u{first + i:03d}" for i in range(units)], days),
            "day": np.tile(np.arange(days), units),
            "site": np.repeat(rng.choice(["a", "b"], units), days),
            "x": rng.normal(size=units * days),
            "region": region,
        }
    )


@pytest.fixture(scope="module")
def stores():
    """Three stores, in no order."""
    return pd.concat([series(3), series(1), series(2)], ignore_index=True)


@pytest.fixture(scope="module")
def regions():
    """Two regions of 6 and 12 units, whose column is a category."""
    frame = pd.concat([panel("north"), panel("east", 12, 6)], ignore_index=True)
    return frame.astype({"region": pd.CategoricalDtype(["west", "north", "east"])})


@pytest.fixture(scope="module")
def folder(stores, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "stores"
    fit_each(stores, "store", path, **SERIES)
    return path


@pytest.fixture
def copied(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copied"))


def test_a_group_has_a_model_of_its_own_and_comes_back_with_value_and_dtype(stores, folder):
    models = Models.load(folder)
    assert list(models) == [1, 2, 3]
    assert len(models) == 3
    assert 2 in models
    assert repr(models) == "Models of 3 groups by store"
    assert models.groups.drop(columns="folder").to_dict("list") == {
        "store": [1, 2, 3],
        "rows": [40] * 3,
        "sequences": [1] * 3,
    }
    drawn = models.sample(length=30)
    assert (drawn.dtypes == stores.dtypes).all()
    assert drawn.columns.tolist() == stores.columns.tolist()
    assert drawn.index.equals(pd.RangeIndex(90))
    means = drawn.groupby("store")["sales"].mean()
    assert means.to_dict() == pytest.approx({1: 10, 2: 20, 3: 30}, abs=2)
    assert isinstance(models[np.int64(2)], RecurrentGAN)
    assert models[2].sample(1, length=30)["sales"].mean() == pytest.approx(20, abs=2)


def test_models_are_the_same_on_two_processes_and_in_any_order(stores, folder, tmp_path):
    done = []
    shuffled = pd.concat([part for _, part in reversed(list(stores.groupby("store")))], ignore_index=True)
    made = fit_each(shuffled, ["store"], tmp_path / "two", n_jobs=2, told=done.append, **SERIES)
    assert sorted(group.key for group in done) == [1, 2, 3]
    assert made.groups.equals(Models.load(folder).groups)
    pd.testing.assert_frame_equal(made.sample(9), Models.load(folder).sample(9))


def test_what_is_drawn_is_seeded(folder):
    models = Models.load(folder)
    one, two, other = (models.sample(7, 5, random_state=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(other)
    pieces = list(models.sample_iter(7, 2, 5, random_state=1))
    assert len(pieces) == 3
    pd.testing.assert_frame_equal(pd.concat(pieces), one)
    assert models.sample(random_state=np.random.default_rng(0)).equals(
        models.sample(random_state=np.random.default_rng(0))
    )


def test_several_series_of_a_group_are_told_apart_by_an_outer_level(folder):
    drawn = Models.load(folder).sample(7, 5)
    assert drawn.index.names == ["sequence", None]
    assert drawn.index.get_level_values(0).nunique() == 7
    assert drawn.groupby("sequence")["store"].nunique().eq(1).all()
    assert Models.load(folder).sample(2, 5).index.nlevels == 1
    counted = [Models.load(folder).sample(7, 5, random_state=seed)["store"].value_counts() for seed in range(3)]
    assert all(counts.between(10, 15).all() for counts in counted)


def test_entities_have_new_keys_that_come_once(regions, tmp_path):
    models = fit_each(regions, "region", tmp_path / "regions", **PANEL)
    assert models.groups["sequences"].tolist() == [6, 12]
    for n in (None, 9):
        drawn = models.sample(n)
        assert (drawn.dtypes == regions.dtypes).all()
        assert drawn.index.equals(pd.RangeIndex(len(drawn)))
        assert drawn["unit"].nunique() == (n or 18)
        assert not set(drawn["unit"]) & set(regions["unit"])
        by_region = drawn.groupby("region", observed=True)["unit"].nunique()
        assert by_region.to_dict() == ({"north": 6, "east": 12} if n is None else {"north": 3, "east": 6})
    assert not set(models["north"].sample(9)["unit"]) & set(regions["unit"])
    pieces = list(models.sample_iter(9, 6))
    assert [piece["unit"].nunique() for piece in pieces] == [3, 6]
    assert pd.concat(pieces).equals(models.sample(9))


def test_keys_that_are_categories_come_once_too(regions, tmp_path):
    models = fit_each(regions.astype({"unit": "category"}), "region", tmp_path / "regions", **PANEL)
    drawn = models.sample()
    assert isinstance(drawn["unit"].dtype, pd.CategoricalDtype)
    assert drawn["unit"].nunique() == 18


def test_an_outer_level_of_sequences_goes_on_over_the_groups(regions, tmp_path):
    nested = regions.set_index(["unit", "day"]).rename_axis(["sequence", "day"])
    models = fit_each(nested, "region", tmp_path / "regions", steps=0, random_state=0)
    drawn = models.sample(4, 3)
    assert drawn.index.names == ["sequence", "day"]
    assert drawn.index.get_level_values(0).nunique() == 4


def test_two_columns_tell_groups_apart_and_choose_them(stores, tmp_path):
    frame = stores.assign(open=stores["store"] > 1)[["open", "date", "sales", "store"]]
    models = fit_each(frame, ["store", "open"], tmp_path / "two", **SERIES)
    assert list(models) == [(1, False), (2, True), (3, True)]
    drawn = models.sample(where={"open": True})
    assert drawn.columns.tolist() == frame.columns.tolist()
    assert (drawn.dtypes == frame.dtypes).all()
    assert drawn["store"].unique().tolist() == [2, 3]
    with pytest.raises(ParameterError, match=r"where=.*no group has all of these values"):
        models.sample(where={"open": True, "store": 1})
    with pytest.raises(ParameterError, match=re.escape("there is no group store, open=1; there are [(1, False),")):
        models[1]


@pytest.mark.parametrize(
    "values",
    [
        ["a/b", "ü..", ""],
        pd.to_datetime(["2024-01-01 00:00", "2024-02-01 03:00", "2025-01-01 00:00"]),
        pd.period_range("2024", periods=3, freq="M"),
        [0.5, 1.0, 1e300],
        pd.array([1, 2, 3], dtype="Int8"),
    ],
    ids=lambda values: type(values[0]).__name__,
)
def test_values_of_any_kind_come_back(stores, tmp_path, values):
    kept = pd.Series(values)
    frame = stores.assign(store=kept.iloc[stores["store"].to_numpy() - 1].array)
    models = fit_each(frame, "store", tmp_path / "kinds", **SERIES)
    drawn = models.sample(length=2)
    assert drawn["store"].dtype == frame["store"].dtype
    assert sorted(drawn["store"].unique()) == sorted(values)
    assert all(len(models[value].sample(1, 2)) for value in kept.tolist())


def test_conditions_choose_groups_and_hold_in_them(folder):
    models = Models.load(folder)
    drawn = models.sample(4, 3, where={"store": [1, 3], "state": "open"})
    assert set(drawn["store"]) == {1, 3}
    assert (drawn["state"] == "open").all()
    with pytest.raises(ParameterError, match=re.escape("where: there is no group store=7; there are [1, 2, 3]")):
        models.sample(where={"store": 7})
    with pytest.raises(ParameterError, match=r"group store=1: .*'colour'"):
        models.sample(where={"colour": "red"})
    with pytest.raises(ParameterError, match="n=0 is not allowed"):
        models.sample(0)
    with pytest.raises(ParameterError, match="before=-1 is not allowed"):
        models[1].sample_iter(1, before=-1)


def test_levels_of_categories_are_those_of_all_groups(tmp_path):
    one, two = series(1), series(2)
    one["state"] = pd.Categorical(["shut", "half"] * 20, ["shut", "half", "open"], ordered=True)
    two.loc[two.index[:3], "state"] = "half"
    frame = pd.concat([one, two], ignore_index=True)
    models = fit_each(frame, "store", tmp_path / "levels", **SERIES)
    kinds = [models[store].sample(1)["state"].dtype.categories.tolist() for store in (1, 2)]
    assert kinds[1] == ["shut", "open"]  # too few rows of the other
    assert models.sample()["state"].dtype == frame["state"].dtype


def test_a_small_group_is_refused_before_anything_is_fitted_or_left_out(stores, tmp_path):
    frame = pd.concat([stores, series(9, 4)], ignore_index=True)
    text = "1 of 4 groups have too few rows to be learned: store=9 (4); leave them out by few='skip' (--few skip)"
    with pytest.raises(InputError, match=re.escape(text)):
        fit_each(frame, "store", tmp_path / "few", **SERIES)
    assert not (tmp_path / "few").exists()
    with pytest.warns(TsganWarning, match=re.escape("1 groups have too few rows and are left out: store=9 (4)")):
        models = fit_each(frame, "store", tmp_path / "few", few="skip", **SERIES)
    assert list(models) == [1, 2, 3]
    with pytest.raises(InputError, match=re.escape("no group has enough rows to be learned: store=9 (4)")):
        fit_each(series(9, 4), "store", tmp_path / "none", few="skip", **SERIES)
    with pytest.raises(ParameterError, match="few='drop' is not known"):
        fit_each(frame, "store", tmp_path / "none", few="drop", **SERIES)


def test_a_group_that_cannot_be_learned_is_named_and_what_is_whole_is_taken(stores, tmp_path, monkeypatch):
    home = tmp_path / "some"
    bad = stores.copy()
    bad.loc[bad["store"] == 2, "sales"] = np.inf
    with pytest.raises(InputError, match=r"1 of 3 groups could not be learned: store=2: .*infinite.*what is whole in"):
        fit_each(bad, "store", home, **SERIES)
    assert not (home / "index.json").exists()
    with pytest.raises(NotAModelError, match=r"holds models of groups but no index.json: their fit has not come to"):
        Models.load(home)
    fitted = []
    usual = RecurrentGAN.fit
    monkeypatch.setattr(RecurrentGAN, "fit", lambda self, X: (fitted.append(len(X)), usual(self, X))[1])
    models = fit_each(stores, "store", home, **SERIES)
    assert len(fitted) == 1
    assert list(models) == [1, 2, 3]


def test_an_interrupted_group_is_not_whole(stores, tmp_path, monkeypatch):
    usual = RecurrentGAN.fit

    def stopped(self, X):
        usual(self, X).interrupted_ = X["sales"].mean() > 15
        return self

    monkeypatch.setattr(RecurrentGAN, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        fit_each(stores, "store", tmp_path / "stopped", **SERIES)
    assert [path.name[:7] for path in (tmp_path / "stopped").iterdir()] == ["store=1"]


def test_an_error_of_no_kind_of_ours_says_whose_it_is(stores, tmp_path, monkeypatch):
    monkeypatch.setattr(RecurrentGAN, "fit", lambda self, X: 1 / 0)
    with pytest.raises(ZeroDivisionError) as raised:
        fit_each(stores, "store", tmp_path / "odd", **SERIES)
    assert raised.value.__notes__ == ["this came of the group store=1"]


def test_nothing_that_is_saved_is_replaced(stores, folder, copied, tmp_path):
    with pytest.raises(ModelFileError, match="holds a whole set of models, which is not replaced"):
        fit_each(stores, "store", copied, **SERIES)
    (copied / "index.json").unlink()
    other = re.escape("holds a model of other rows or arguments, which is not replaced; remove it, or choose another")
    with pytest.raises(ModelFileError, match=other):
        fit_each(stores, "store", copied, **{**SERIES, "protect": 3})
    with pytest.raises(ModelFileError, match=other):
        fit_each(stores.assign(sales=0.0), "store", copied, **SERIES)
    two = stores[stores["store"] != 3]
    with pytest.raises(ModelFileError, match=r"holds models of groups that this table does not have \(store=3-"):
        fit_each(two, "store", copied, **SERIES)
    again = fit_each(stores, "store", copied, **SERIES)
    assert again.groups.equals(Models.load(folder).groups)
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "notes.txt").write_text("mine")
    with pytest.raises(ModelFileError, match=r"holds other things \(notes.txt\); choose a new or an empty folder"):
        begin(tmp_path / "strange")
    with pytest.raises(ModelFileError, match="is a file; models are saved in a folder"):
        begin(tmp_path / "strange" / "notes.txt")


@pytest.mark.parametrize(
    ("by", "given", "kind", "text"),
    [
        ("shop", {}, SchemaError, "by='shop' is not a column; the table has ['date', 'store', 'sales', 'state']"),
        (["store", "store"], {}, ParameterError, "must name at least one column, and each once"),
        ([], {}, ParameterError, "by=[] must name at least one column"),
        ("store", {"exclude": ["store"]}, ParameterError, "by='store' is also named by exclude=; it is constant in"),
        ("date", {}, ParameterError, "by='date' is also named by time="),
        ("store", {"n_jobs": 0}, ParameterError, "n_jobs=0 is not allowed"),
        ("store", {"steps": -1}, ParameterError, "steps=-1 is not allowed"),
        ("store", {"device": "abacus"}, ParameterError, "device='abacus' cannot be used"),
    ],
)
def test_wrong_arguments(stores, tmp_path, by, given, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        fit_each(stores, by, tmp_path / "wrong", **{**SERIES, **given})
    assert not (tmp_path / "wrong").exists()


def test_wrong_tables(stores, tmp_path):
    with pytest.raises(InputError, match="the column 'store' of by= is missing in 40 rows; fill or drop them"):
        fit_each(stores.assign(store=stores["store"].where(stores["store"] > 1)), "store", tmp_path / "wrong", **SERIES)
    with pytest.raises(InputError, match="told apart in a pandas DataFrame, got ndarray"):
        fit_each(stores.to_numpy(), "store", tmp_path / "wrong", **SERIES)
    with pytest.raises(SchemaError, match=r"it is a level of the index: make it a column by reset_index\('store'\)"):
        fit_each(stores.set_index("store"), "store", tmp_path / "wrong", **SERIES)
    with pytest.raises(SchemaError, match=r"holds date values, which no index of models holds; turn them into text"):
        fit_each(stores.assign(store=stores["date"].dt.date), "store", tmp_path / "wrong", steps=0, least=2)
    with pytest.raises(InputError, match="no group has enough rows to be learned: there are none"):
        fit_each(stores[:0], "store", tmp_path / "wrong", **SERIES)
    with pytest.raises(InputError, match="the rows of one group have several values in the column 'store'"):
        fit_group(stores, "store", tmp_path / "wrong", **SERIES)


def test_what_is_no_folder_of_models_says_what_it_is(folder, copied, tmp_path):
    with pytest.raises(NotAModelError, match=r"holds one model for each group of a table; load all with tsgan.Models"):
        RecurrentGAN.load(folder)
    one = folder / Models.load(folder).groups["folder"][0]
    with pytest.raises(NotAModelError, match="holds one model, not one for each group; load it with"):
        Models.load(one)
    with pytest.raises(NotAModelError, match="is no folder of models: it does not exist; pass the folder that"):
        Models.load(tmp_path / "nowhere")
    with pytest.raises(NotAModelError, match=r"is no folder of models: it has no index.json"):
        Models.load(tmp_path)
    shutil.rmtree(copied / one.name)
    with pytest.raises(CorruptModelError, match=r"the model of the group store=1 \(store=1-.*\) is missing"):
        Models.load(copied)


@pytest.mark.parametrize("folder_name", ["../stores", "/etc", "store=1"])
def test_an_index_leads_nowhere_else(copied, folder_name):
    index = json.loads((copied / "index.json").read_text())
    text = json.dumps(index).replace(index["groups"]["$tuple"][0]["folder"], folder_name)
    (copied / "index.json").write_text(text)
    with pytest.raises(CorruptModelError, match=r"index.json cannot be read \(the group store=1 does not fit"):
        Models.load(copied)
    (copied / "index.json").write_text(text[:-9])
    with pytest.raises(CorruptModelError, match=r"index.json cannot be read .*; fit the groups again"):
        Models.load(copied)


def test_an_engine_can_fit_groups_by_itself_and_write_the_index_at_the_end(regions, tmp_path):
    home = begin(tmp_path / "engine")
    keys = Keys.fit(pd.Index(regions["unit"].unique()))
    texts = [
        fit_group(rows, "region", home, keys=keys, **PANEL).text()  # as a worker would send it
        for _, rows in regions.groupby("region", observed=True)
    ]
    finish(home, map(Group.read, texts))
    here = fit_each(regions, "region", tmp_path / "here", **PANEL)
    pd.testing.assert_frame_equal(Models.load(home).sample(), here.sample())
    assert fit_group(regions[:8], "region", home, least=9, **PANEL).few
    other = [Group.read(text) for text in texts]
    other[0] = fit_group(regions[:48].astype({"region": str}), "region", tmp_path / "x", **PANEL)
    with pytest.raises(SchemaError, match=r"the groups are not of one table: region=.* has other columns, dtypes or"):
        finish(tmp_path / "x", other)


def test_a_note_that_is_damaged_is_named(stores, copied):
    (copied / "index.json").unlink()
    note = next(copied.glob("*/group.json"))
    note.write_text("{")
    with pytest.raises(CorruptModelError, match=r"group.json cannot be read \(.*\); remove .* and fit the group again"):
        fit_each(stores, "store", copied, **SERIES)


def test_many_wrong_groups_are_counted(tmp_path):
    frame = pd.concat([series(store, 4) for store in range(12)])
    with pytest.raises(InputError, match=r"12 of 13 groups .* store=\d \(4\) and 2 more; leave"):
        fit_each(pd.concat([frame, series(20)]), "store", tmp_path / "many", **SERIES)


def test_what_a_fit_warns_of_names_its_group(tmp_path):
    with pytest.warns(TsganWarning, match="group store=1: too few rows"):
        fit_each(series(1, 12), "store", tmp_path / "warned", time="date", steps=1, random_state=0)
