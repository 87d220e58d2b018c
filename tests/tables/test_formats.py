"""The contract of all formats of other libraries: recognised, read, learned, drawn, filled and given back in kind."""

import importlib
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import stand_ins

from tsgan import RecurrentGAN, evaluate, fit_each, formats, train_holdout_split, tune
from tsgan.cli import commands
from tsgan.errors import InputError, ParameterError, SchemaError
from tsgan.tables.formats import FORMATS

FAST = {"steps": 0, "verbose": False, "random_state": 0}
N, T = 12, 20


def needed(name):
    """Return a library, or skip: its pins may not fit the pandas of this environment."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name} is not installed beside this pandas ({error})")


def long(n=N, uneven=False):
    rng = np.random.default_rng(0)
    frames = []
    for key in range(n):
        steps = T - key % 3 if uneven else T
        y = rng.normal(size=steps).cumsum().round(3)
        days = pd.date_range("2024-01-01", periods=steps, freq="D")
        frames.append(pd.DataFrame({"unique_id": f"id{key:02d}", "ds": days, "y": y, "x": (y * 2).round(1) + 1}))
    return pd.concat(frames, ignore_index=True)


def features(n=N):
    ids = [f"id{key:02d}" for key in range(n)]
    return pd.DataFrame({"unique_id": ids, "city": ["u", "v"] * (n // 2), "size": np.arange(n) % 3 + 0.5})


def nixtla():
    return long(uneven=True)


def nixtla_pair():
    return formats.read((long(uneven=True), features()), "nixtla")


def levels():
    return long(uneven=True).set_index(["unique_id", "ds"])


def levels_without_names():
    frame = levels()
    frame.index = pd.MultiIndex.from_arrays(
        [pd.factorize(frame.index.get_level_values(0))[0], long(uneven=True).groupby("unique_id").cumcount()]
    )
    return frame


def arrays():
    return formats.from_numpy3d(long()[["y", "x"]].to_numpy(dtype="float32").reshape(N, T, 2).transpose(0, 2, 1))


def array_list():
    return formats.from_numpy3d([part[["y", "x"]].to_numpy().T for _, part in long(uneven=True).groupby("unique_id")])


def gluonts():
    return [
        {
            "start": pd.Period(part["ds"].iloc[0], "D"),
            "item_id": key,
            "target": part["y"].to_numpy(dtype="float32"),
            "feat_static_cat": np.array([number % 2, 7], dtype="int32"),
            "feat_static_real": np.array([number % 3 + 0.5], dtype="float32"),
            "feat_dynamic_real": part[["x"]].to_numpy().T,
        }
        for number, (key, part) in enumerate(long(uneven=True).groupby("unique_id"))
    ]


def gluonts_bare():
    return [
        {"start": pd.Period("2024-01", "M"), "target": part[["y", "x"]].to_numpy().T}
        for _, part in long(uneven=True).groupby("unique_id")
    ]


def darts(of=None, one=False):
    of = of or sys.modules["darts"].TimeSeries
    made = []
    for number, (_, part) in enumerate(long(uneven=True).groupby("unique_id")):
        statics = pd.DataFrame({"city": ["u" if number % 2 else "v"], "size": [number % 3 + 0.5]})
        index = pd.DatetimeIndex(part["ds"], freq="D", name="time")
        values = part[["y", "x"]].to_numpy(dtype="float32")
        made.append(of.from_times_and_values(index, values, columns=["y", "x"], static_covariates=statics))
    return made


def darts_one():
    times = pd.RangeIndex(0, 120, 2, name="time")
    values = long().iloc[:60][["y", "x"]].to_numpy()
    statics = pd.DataFrame({"size": [1.0, 2.0]})
    return sys.modules["darts"].TimeSeries.from_times_and_values(
        times, values, columns=["y", "x"], static_covariates=statics
    )


def dataset():
    xarray = needed("xarray")
    values = long()[["y", "x"]].to_numpy().reshape(N, T, 2).copy()
    values[::3, T - 2 :] = np.nan  # ends earlier
    made = xarray.Dataset(
        {
            "y": (("place", "time"), values[:, :, 0], {"units": "m"}),
            "x": (("time", "place"), values[:, :, 1].T.astype("float32")),
            "height": ("place", features()["size"].to_numpy()),
            "area": 3.5,
        },
        {
            "place": features()["unique_id"].to_numpy(dtype=str),
            "city": ("place", np.array(["u", "v"] * (N // 2))),
            "time": pd.date_range("2024-01-01", periods=T),
        },
        {"title": "places", "levels": np.arange(3)},
    )
    made["place"].attrs["long_name"] = "where"
    return made


def dataset_one():
    return needed("xarray").Dataset(
        {"y": ("time", long()["y"].to_numpy()[:60])}, {"time": pd.date_range("2024-01-01", periods=60)}
    )


def data_array():
    values = long()["y"].to_numpy().reshape(N, T)
    return needed("xarray").DataArray(values, dims=("place", "step"), name=None, attrs={"units": "m"})


EXAMPLES = {
    "nixtla": [nixtla, nixtla_pair],
    "pd-multiindex": [levels, levels_without_names],
    "numpy3D": [arrays, array_list],
    "gluonts": [gluonts, gluonts_bare],
    "darts": [darts, darts_one],
    "xarray": [dataset, dataset_one, data_array],
}
EVERY = [pytest.param(name, make, id=f"{name}-{make.__name__}") for name, some in EXAMPLES.items() for make in some]


@pytest.fixture(autouse=True)
def _time_series(monkeypatch):
    stand_ins.install(monkeypatch)


def same(one, two):
    """Whether two data are the same, types and all."""
    if type(one) is not type(two):
        return False
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, two)
        return True
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict):
        return set(one) == set(two) and all(same(one[key], two[key]) for key in one)
    if type(one).__name__ == "TimeSeries":
        statics = [pd.DataFrame() if s.static_covariates is None else s.static_covariates for s in (one, two)]
        return one == two and one.freq_str == two.freq_str and one.dtype == two.dtype and same(*statics)
    if hasattr(one, "identical"):
        whole = [
            data.to_dataset(name="value") if hasattr(data, "to_dataset") and not hasattr(data, "data_vars") else data
            for data in (one, two)
        ]
        kinds = [{name: variable.dtype.kind for name, variable in data.variables.items()} for data in whole]
        return one.identical(two) and kinds[0] == kinds[1]
    return one == two


def given(data):
    """The data themselves, where they are passed as a `Long`."""
    return data.back() if isinstance(data, formats.Long) else data


def test_every_format_has_examples():
    assert set(EXAMPLES) == set(FORMATS)


@pytest.mark.parametrize(("name", "make"), EVERY)
def test_what_is_read_is_given_back(name, make):
    data = given(make())
    fitting = [other for other, one in FORMATS.items() if one.fits(data)]
    assert fitting in ([name], []) if make in (nixtla_pair, arrays, array_list) else fitting == [name]
    read = formats.read(data, name)
    assert same(read.back(), data)
    assert {read.roles["entity"], read.roles["time"]} <= {*read.frame.columns, *read.frame.index.names}


@pytest.mark.parametrize(("name", "make"), EVERY)
def test_what_is_fitted_is_drawn_continued_and_filled_in_kind(name, make, tmp_path):
    data = make()
    gan = RecurrentGAN(**FAST).fit(data)
    plain = formats.read(given(data), name)
    for n in (1, 4):
        drawn = gan.sample(n)
        frame = formats.read(drawn, name).frame
        assert frame.dtypes.astype(str).to_dict() == plain.frame.dtypes.astype(str).to_dict()
        assert frame.reset_index()[plain.roles["entity"]].nunique() == n
    gan.save(tmp_path / "model")
    loaded = RecurrentGAN.load(tmp_path / "model")
    assert same(loaded.sample(4), drawn)
    assert same(gan.fill(data), given(data))
    assert gan.score_samples(data).shape == (len(plain.frame),)
    ahead = gan.continue_from(data, 3)
    keys = plain.frame.reset_index()[plain.roles["entity"]].nunique()
    assert len(formats.read(ahead, name).frame) == 3 * keys
    if not FORMATS[name].framed:
        futures = gan.continue_from(data, 3, n=2)
        assert len(futures) == 2
        assert len(formats.read(futures[1], name).frame) == 3 * keys
    assert 0 <= gan.score(data) <= 1


@pytest.mark.parametrize(("name", "make"), EVERY)
def test_what_is_judged_and_split_may_be_of_a_format(name, make):
    data = make()
    drawn = RecurrentGAN(**FAST).fit(data).sample(4)
    report = evaluate(
        data, drawn if not isinstance(data, formats.Long) else formats.read(drawn, name), metrics=["marginals"]
    )
    assert report["marginals"].value < 1
    if make is dataset_one:
        return
    train, held = train_holdout_split(data, window=2)
    rows = [len(formats.read(part, name).frame) for part in (train, held)]
    assert min(rows) > 0
    assert sum(rows) <= len(formats.read(given(data), name).frame)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("other", FORMATS)
def test_every_format_is_written_as_every_other(name, other):
    table = long()[["unique_id", "ds", "y"]]
    one = formats.write(table, name, entity="unique_id", time="ds")
    if (name, other) == ("numpy3D", "gluonts"):
        with pytest.raises(SchemaError, match="item 0 has times without a frequency; GluonTS counts periods"):
            formats.write(formats.read(one, name), other)
        return
    two = formats.write(formats.read(one, name), other)
    read = formats.read(two, other)
    (column,) = read.format.values(read.frame.reset_index(drop=read.roles["entity"] in read.frame))
    np.testing.assert_allclose(read.frame[column].to_numpy(), table["y"], rtol=1e-6)


def test_static_features_can_be_asked_for_in_kind(monkeypatch):
    made = RecurrentGAN(**FAST).fit(darts()).sample(5, where={"city": "u"})
    assert {one.static_covariates["city"].iloc[0] for one in made} == {"u"}
    made = RecurrentGAN(**FAST).fit(dataset()).sample(5, where={"city": "v"})
    assert set(made["city"].values) == {"v"}
    assert made.attrs["title"] == "places"
    made = RecurrentGAN(**FAST).fit(gluonts()).sample(5, where={"feat_static_cat_0": 1})
    assert {item["feat_static_cat"][0] for item in made} == {1}
    table, fixed = RecurrentGAN(**FAST).fit(nixtla_pair()).sample(static=pd.DataFrame({"city": ["u", "v"]}))
    assert fixed["city"].tolist() == ["u", "v"]
    assert list(table.columns) == ["unique_id", "ds", "y", "x"]


def test_holes_are_filled_in_kind():
    data = dataset()
    data["y"][1, 3] = np.nan
    filled = RecurrentGAN(**FAST).fit(data).fill(data)
    assert np.isfinite(filled["y"][1, 3])
    known = np.isfinite(data["y"].values)
    assert np.array_equal(filled["y"].values[known], data["y"].values[known])
    items = gluonts()
    items[2]["target"] = items[2]["target"].copy()
    items[2]["target"][4] = np.nan
    assert np.isfinite(RecurrentGAN(**FAST).fit(items).fill(items)[2]["target"]).all()


def test_columns_of_nixtla_are_recognised_unless_roles_are_given():
    table = nixtla()
    assert RecurrentGAN(**FAST).fit(table).format_ == FORMATS["nixtla"]()
    assert RecurrentGAN(entity="unique_id", time="ds", **FAST).fit(table).format_ is None
    polars = needed("polars")
    made = RecurrentGAN(**FAST).fit(polars.from_pandas(table)).sample(2)
    assert isinstance(made, polars.DataFrame)
    assert made["unique_id"].n_unique() == 2
    parts = [table[table["unique_id"] < "id06"], table[table["unique_id"] >= "id06"]]
    assert RecurrentGAN(**FAST).fit(parts).sample(3)["unique_id"].nunique() == 3


def test_groups_of_a_table_of_nixtla_need_no_roles(tmp_path):
    table = long().assign(store=lambda frame: frame["unique_id"].str[-1].astype(int) % 2)
    drawn = fit_each(table, "store", tmp_path / "groups", steps=0, random_state=0).sample(random_state=0)
    assert drawn["unique_id"].nunique() == N
    assert not set(drawn["unique_id"]) & set(table["unique_id"])


@pytest.mark.parametrize("make", [darts, darts_one, arrays, gluonts_bare, nixtla_pair, dataset, dataset_one])
def test_the_command_line_writes_long_tables(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    RecurrentGAN(**FAST).fit(make()).save("model")
    assert commands.main(["sample", "model", "-n", "7", "--chunk", "40", "-o", "drawn.csv", "-q"]) == 0
    frame = formats.read(given(make()), next(name for name, some in EXAMPLES.items() if make in some)).frame
    drawn = pd.read_csv("drawn.csv")
    assert drawn.columns.tolist() == list(map(str, (frame.reset_index() if frame.index.nlevels > 1 else frame).columns))
    assert drawn.iloc[:, 0].nunique() == 7


def test_trials_take_a_format():
    assert tune(darts(), trials=1, steps=5, verbose=False, random_state=0).params


def test_a_plain_long_table_goes_for_the_fitted_format():
    gan = RecurrentGAN(**FAST).fit(darts())
    frame = formats.read(darts()).frame
    assert np.array_equal(gan.score_samples(frame), gan.score_samples(darts()))


def test_arrays_of_sequences_become_numpy3d():
    own = long()[["y", "x"]].to_numpy().reshape(N, T, 2)
    drawn = RecurrentGAN(**FAST).fit(own).sample(3)
    assert formats.to_numpy3d(drawn).shape == (3, 2, T)
    assert formats.to_numpy3d(own[0]).shape == (1, 2, T)
    assert [one.shape for one in formats.to_numpy3d([own[0], own[1][:5]])] == [(2, T), (2, 5)]
    with pytest.raises(
        InputError, match=r"got a DataFrame; pass an array \(sequences, time, features\), or call write\("
    ):
        formats.to_numpy3d(long())


@pytest.mark.parametrize(("make", "library"), [(darts, "darts"), (dataset, "xarray")])
def test_a_library_that_is_missing_is_named(make, library, monkeypatch):
    gan = RecurrentGAN(**FAST).fit(make())
    monkeypatch.setitem(sys.modules, library, None)
    text = rf"data of {library} are given back by {library}, which is not installed .*: pip install tsgan\[{library}\]"
    with pytest.raises(InputError, match=text):
        gan.sample(2)


def broken(change, make=gluonts):
    data = make()
    return change(data) or data


REFUSED = {
    "nixtla: an id without features": (
        lambda: formats.read((long(), features().iloc[1:]), "nixtla"),
        "unique_id 'id00' has no static features",
    ),
    "nixtla: features of nobody": (
        lambda: formats.read((long()[20:], features()), "nixtla"),
        "unique_id 'id00' is not in the table",
    ),
    "nixtla: features twice": (
        lambda: formats.read((long(), pd.concat([features()] * 2)), "nixtla"),
        "more than one row of unique_id 'id00'",
    ),
    "nixtla: a feature that is a column": (
        lambda: formats.read((long(), features().rename(columns={"city": "x"})), "nixtla"),
        r"features \['x'\] are columns of the table",
    ),
    "nixtla: no target": (
        lambda: formats.write(arrays(), "nixtla"),
        "have a column 'y'",
    ),
    "numpy3D: two axes": (lambda: formats.from_numpy3d(np.zeros((3, 4))), r"got shape \(3, 4\)"),
    "numpy3D: channels": (
        lambda: formats.from_numpy3d([np.zeros((2, 4)), np.zeros((3, 4))]),
        "instance 1 has channels 3, instance 0 has 2",
    ),
    "gluonts: a start without frequency": (
        lambda: formats.read([{"start": "2024-01-01", "target": [1.0]}]),
        r"item 0 starts at '2024-01-01', which has no frequency; make it a period, such as pd.Period\('2024-01-01'",
    ),
    "gluonts: a key of its own": (lambda: formats.read(broken(lambda d: [{**one, "note": 1} for one in d])), "'note'"),
    "gluonts: a future of features": (
        lambda: formats.read(broken(lambda d: d[1].update(feat_dynamic_real=np.zeros((1, 99))))),
        "item 1 has feat_dynamic_real of 99 steps, and a target of 19",
    ),
    "gluonts: an id twice": (lambda: formats.read(broken(lambda d: d[1].update(item_id="id00"))), "'id00' is there 2"),
    "gluonts: frequencies": (
        lambda: formats.read(broken(lambda d: d[1].update(start=pd.Period("2024-01", "M")))),
        "item 1 has frequency 'M', item 0 has 'D'",
    ),
    "gluonts: text": (
        lambda: formats.write(nixtla_pair(), "gluonts"),
        r"item 'id00': the columns \['city'\] cannot be feat_static_cat of int32",
    ),
    "gluonts: times without frequency": (
        lambda: formats.write(long().drop(index=3), "gluonts", entity="unique_id", time="ds"),
        "item 'id00' has times without a frequency",
    ),
    "darts: components": (
        lambda: formats.read([darts()[0], darts_one()][::-1] and broken(_renamed, darts)),
        r"series 1 has components \['a', 'b'\], series 0 has \['y', 'x'\]",
    ),
    "darts: samples": (lambda: formats.read(broken(_stochastic, darts)), r"series 2 is stochastic \(5 samples\)"),
    "darts: roles": (
        lambda: RecurrentGAN(entity="city", **FAST).fit(darts()),
        "entity='city' does not go with darts data, whose entity is 'series'",
    ),
    "xarray: a variable of the time alone": (
        lambda: formats.read(dataset().assign(z=("time", np.zeros(T)))),
        r"the variable 'z' is over \('time',\), and sequences are over \('place', 'time'\); every sequence",
    ),
    "xarray: one more dimension": (
        lambda: formats.read(dataset().assign(z=(("place", "time", "band"), np.zeros((N, T, 2)))), time="time"),
        r"beside the time 'time' there are the dimensions \['place', 'band'\]",
    ),
    "xarray: no time": (
        lambda: formats.read(dataset().rename(time="a").assign_coords(a=np.arange(T))),
        r"which of the dimensions \['place', 'a'\] is the time",
    ),
    "xarray: a role that is no dimension": (
        lambda: RecurrentGAN(time="tim", **FAST).fit(dataset()),
        "time='tim' is not a dimension.*Did you mean 'time'",
    ),
    "xarray: an attribute": (
        lambda: formats.read(dataset().assign_attrs(what=print)),
        "the attribute 'what' of the data set cannot be kept",
    ),
    "xarray: nothing": (
        lambda: formats.read(dataset().where(dataset()["place"] != "id03")[["y", "x"]]),
        "place='id03' has no value at any time",
    ),
    "xarray: objects": (
        lambda: formats.read(dataset().assign_coords(time=np.array(["a", 1] * 10, dtype=object)), time="time"),
        "the dimension 'time' holds str objects; convert it to datetime64",
    ),
    "xarray: the time as the sequences": (
        lambda: RecurrentGAN(entity="time", **FAST).fit(dataset()),
        "entity='time' cannot tell sequences apart: 'time' is the time; leave it out, or .* by time='place'",
    ),
    "xarray: sequences of one series": (
        lambda: formats.read(dataset_one(), entity="place"),
        "entity='place' cannot tell sequences apart: the data have no dimension beside 'time'; leave it out",
    ),
    "gluonts: an empty target": (
        lambda: RecurrentGAN(**FAST).fit(broken(lambda d: d[2].update(target=np.zeros(0)))),
        "item 'id02' has an empty target; drop the item",
    ),
    "gluonts: all empty": (
        lambda: formats.read([{**one, "target": []} for one in gluonts_bare()]),
        "item 0 has an empty target",
    ),
    "gluonts: a number as target": (
        lambda: formats.read(broken(lambda d: d[1].update(target=3))),
        r"item 'id01' has a target of shape \(\); it has one axis \(time\) or two \(dimensions, time\)",
    ),
    "gluonts: a target of three axes": (
        lambda: formats.read(broken(lambda d: d[1].update(target=np.zeros((1, 2, 3))))),
        r"item 'id01' has a target of shape \(1, 2, 3\)",
    ),
    "gluonts: a ragged target": (
        lambda: formats.read(broken(lambda d: d[1].update(target=[[1.0], [1.0, 2.0]]))),
        "item 'id01' has a target of rows of unequal lengths",
    ),
    "gluonts: a target of text": (
        lambda: formats.read(broken(lambda d: d[1].update(target=["a"]))),
        "item 'id01' has a target of <U1; GluonTS holds real numbers",
    ),
    "gluonts: one without target": (
        lambda: RecurrentGAN(**FAST).fit(broken(lambda d: d[1].pop("target") is None)),
        "item 'id01' has no 'target'; items of GluonTS need 'target' and 'start'",
    ),
    "gluonts: records": (
        lambda: RecurrentGAN(**FAST).fit([{"a": 1}, {"a": 2}]),
        r"item 0 has no 'target' and no 'start'; .* \(of records of a table make a pd.DataFrame",
    ),
    "gluonts: a tuple": (
        lambda: RecurrentGAN(**FAST).fit(tuple(gluonts())),
        r"are a list of dicts with 'target' and 'start', .*; got a tuple: pass list\(data\)",
    ),
    "gluonts: one dict": (
        lambda: RecurrentGAN(**FAST).fit(gluonts()[0]),
        r"are a list of dicts with 'target' and 'start', .*; got a dict: pass \[data\]",
    ),
    "gluonts: another thing": (lambda: formats.read([*gluonts(), 3]), "item 12 is a int"),
    "gluonts: no items": (lambda: formats.read(iter([]), "gluonts"), "are a list of dicts .*; got no item"),
    "gluonts: between steps": (
        lambda: formats.write(halved(), "gluonts", entity="unique_id", time="ds"),
        "item 'id00' has a period 2024-01-02 between two steps of '2D'; .* such as 'D'",
    ),
    "numpy3D: text": (
        lambda: formats.write(long().assign(s="q"), "numpy3D", entity="unique_id", time="ds"),
        "the column 's' is of (str|object); numpy3D holds numbers: drop it, or write levels as codes",
    ),
    "numpy3D: no channel": (
        lambda: formats.write(long()[["unique_id", "ds"]], "numpy3D", entity="unique_id", time="ds"),
        "the table has no column beside entity, time and static ones",
    ),
    "numpy3D: complex numbers": (
        lambda: formats.from_numpy3d(np.zeros((2, 2, 3), dtype=complex)),
        "numpy3D holds real numbers; got complex128: give real and imaginary parts a channel each",
    ),
    "at the door: text": (
        lambda: formats.from_numpy3d("abc"),
        r"'numpy3D' are an array \(instances, channels, time\), or a list of .*; got a str$",
    ),
    "at the door: a pair of another library": (
        lambda: formats.read((needed("polars").from_pandas(long()),) * 2, "nixtla"),
        "columns unique_id, ds and y, or a tuple .*; got a tuple of a DataFrame of polars, a DataFrame of polars$",
    ),
    "at the door: a Dataset": (lambda: formats.read(dataset(), "nixtla"), "'nixtla' are .*; got a Dataset of xarray$"),
    "at the door: one level": (
        lambda: formats.read(long(), "pd-multiindex"),
        r"whose index has two levels, the instance and the time; got a DataFrame of pandas with the columns \[",
    ),
    **{
        f"at the door: a frame as {name}": (
            lambda name=name, looks=looks: formats.read(long(), name),
            rf"'{name}' are a {looks}.*; got a DataFrame of pandas with the columns \['unique_id', 'ds', 'y', 'x'\]",
        )
        for name, looks in {"darts": "TimeSeries", "gluonts": "list of dicts", "xarray": "Dataset"}.items()
    },
    "write: another library": (
        lambda: formats.write(needed("polars").from_pandas(long()), "gluonts", entity="unique_id", time="ds"),
        r"takes a DataFrame of pandas, .*; got a DataFrame of polars: convert it, by to_pandas\(\)",
    ),
    "write: a column": (
        lambda: formats.write(long()["y"], "gluonts", entity="unique_id", time="ds"),
        r"got a Series of pandas: convert it, by to_frame\(\)",
    ),
    "write: a role that is no column": (
        lambda: formats.write(long(), "xarray", entity="uniqueid", time="ds"),
        "entity='uniqueid' is not a column of the table; there are .* Did you mean 'unique_id'",
    ),
    "write: static ones": (
        lambda: formats.write(long(), "xarray", entity="unique_id", time="ds", static=["city"]),
        "static='city' is not a column of the table",
    ),
    "write: one column for two roles": (
        lambda: formats.write(long(), "xarray", entity="ds", time="ds"),
        "entity and time are both 'ds'; they are two columns",
    ),
    **{
        f"write: a row twice to {name}": (
            lambda name=name: formats.write(pd.concat([long(), long()[23:24]]), name, entity="unique_id", time="ds"),
            "unique_id='id01' has more than one row at ds='2024-01-04 00:00:00'; a sequence has one row",
        )
        for name in FORMATS
    },
    "not recognised": (lambda: formats.read(np.zeros((2, 3, 4))), "a ndarray is not recognised; name its format"),
}


def halved():
    """A table of daily rows whose periods are of two days."""
    days = pd.PeriodIndex.from_ordinals(long(2)["ds"].dt.to_period("D").array.asi8, freq="2D")
    return long(2)[["unique_id", "y"]].assign(ds=days)


def _renamed(data):
    data[1].components = pd.Index(["a", "b"])


def _stochastic(data):
    data[2].n_samples = 5


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_long_table_cannot_hold_is_refused(case):
    call, text = REFUSED[case]
    with pytest.raises((SchemaError, InputError), match=text):
        call()


def test_unknown_formats_and_missing_roles_are_named():
    with pytest.raises(ParameterError, match=r"format='dart' is not known; .* Did you mean 'darts'"):
        formats.read(long(), "dart")
    with pytest.raises(ParameterError, match=r"write\(\.\.\., 'darts'\) needs entity= and time="):
        formats.write(long(), "darts")


@pytest.mark.parametrize("freq", ["30min", "2h", "2D", "3M", "2W-MON", "D", "Q-NOV"])
def test_gluonts_counts_steps_of_several_units(freq):
    start = pd.Period("2024-01-03", freq)
    items = [
        {"start": start + key, "item_id": f"id{key}", "target": np.arange(30, dtype="float32") + key}
        for key in range(4)
    ]
    assert same(formats.write(formats.read(items), "gluonts"), items)
    table = formats.read(items).frame.drop(index=3)  # a step that is skipped
    target = formats.write(table, "gluonts", entity="item_id", time="timestamp")[0]["target"]
    assert np.flatnonzero(np.isnan(target)).tolist() == [3]
    assert len(target) == 30
    assert {len(one["target"]) for one in RecurrentGAN(**FAST).fit(items).sample(3)} == {30}


def test_gluonts_reads_and_writes_business_days_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = pd.Period("2024-01-05", "B")
    items = [{"start": start, "target": np.arange(30.0)}]
    assert same(formats.read(items).back(), items)


def test_nullable_numbers_become_channels():
    table = long().assign(x=pd.array([1, None] * (N * T // 2), dtype="Int64"), y=long()["y"].astype("Float32"))
    made = formats.write(table, "numpy3D", entity="unique_id", time="ds")
    assert made.dtype == np.float64
    assert made.shape == (N, 2, T)
    assert np.array_equal(made[0, 1, :4], [1, np.nan, 1, np.nan], equal_nan=True)


def test_levels_become_columns_of_nixtla():
    table = formats.write(levels(), "nixtla", entity="unique_id", time="ds")
    pd.testing.assert_frame_equal(table, long(uneven=True))


def test_another_dimension_can_be_named_as_the_time():
    assert formats.read(data_array(), entity="step", time="place").roles == {
        "entity": "step",
        "time": "place",
        "static": [],
    }


def test_utilsforecast_takes_what_is_drawn():
    validate = needed("utilsforecast.validation").validate_format
    made = needed("utilsforecast.data").generate_series(12, freq="D", min_length=20, max_length=30, n_static_features=1)
    made = made.assign(unique_id=made["unique_id"].astype(str))
    drawn = RecurrentGAN(static=["static_0"], protect=0, **FAST).fit(made).sample(3)
    validate(drawn)
    assert drawn.groupby("unique_id", observed=True)["static_0"].nunique().eq(1).all()


def test_sktime_and_aeon_take_what_is_drawn():
    check = needed("sktime.datatypes").check_is_mtype
    assert check(RecurrentGAN(**FAST).fit(levels()).sample(3), "pd-multiindex", scitype="Panel")
    assert check(RecurrentGAN(**FAST).fit(arrays()).sample(3), "numpy3D", scitype="Panel")
    convert = needed("aeon.utils.conversion").convert_collection
    assert len(convert(RecurrentGAN(**FAST).fit(arrays()).sample(3), "np-list")) == 3


@pytest.mark.filterwarnings("ignore")
def test_gluonts_itself_gives_and_takes_data_sets():
    table = long().rename(columns={"unique_id": "item_id", "y": "target"})
    kind = needed("gluonts.dataset.pandas").PandasDataset
    static = features().set_index("unique_id").astype({"city": "category"})
    named = {"item_id": "item_id", "timestamp": "ds", "target": "target", "feat_dynamic_real": ["x"]}
    real = kind.from_long_dataframe(table, **named, freq="D", static_features=static)
    assert same(formats.read(real).back(), list(real))
    drawn = RecurrentGAN(**FAST).fit(real).sample(3)
    again = needed("gluonts.dataset.common").ListDataset(drawn, freq="D")
    assert [item["item_id"] for item in again] == [item["item_id"] for item in drawn]


@pytest.mark.filterwarnings("ignore")
def test_darts_itself_gives_and_takes_series(monkeypatch):
    monkeypatch.delitem(sys.modules, "darts")
    real = darts(needed("darts").TimeSeries)
    assert same(formats.read(real).back(), real)
    drawn = RecurrentGAN(**FAST).fit(real).sample(3)
    assert [type(one) for one in drawn] == [type(real[0])] * 3
    assert drawn[0].static_covariates.columns.tolist() == ["city", "size"]
    one = RecurrentGAN(**FAST).fit(real[0]).sample(1)
    assert one.freq_str == "D"
