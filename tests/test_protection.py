"""What fewer than `protect` entities hold is neither in the model folder nor in what is drawn."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from tsgan import Fixed, RecurrentGAN
from tsgan.errors import ConstraintError, ParameterError, SchemaError

QUICK = {"verbose": False, "random_state": 0}
PEOPLE, MARK = 60, 17  # entities, and the one that is marked


def people(seed=0):
    """Return visits of people with statics, dates, numbers, levels and gaps in time."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(8, 14, PEOPLE)
    who = np.repeat(np.arange(PEOPLE), lengths)
    start = pd.Timestamp("2023-01-02") + pd.to_timedelta(rng.integers(0, 60, PEOPLE), unit="D")
    step = np.concatenate([np.arange(n) for n in lengths])
    when = start[who] + pd.to_timedelta(7 * step, unit="D")
    frame = pd.DataFrame({"who": 1000 + who, "when": when})
    frame["town"] = np.array(["North", "South", "West"])[rng.integers(0, 3, PEOPLE)[who]]
    frame["born"] = pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 9000, PEOPLE)[who], unit="D")
    frame["weight"] = np.round(rng.normal(70, 8, PEOPLE)[who] + rng.normal(0, 0.5, len(who)), 2)
    frame["visits"] = rng.poisson(3, len(who))
    frame["state"] = np.array(["ill", "well"])[(rng.random(len(who)) < 0.5).astype(int)]
    frame["next"] = frame["when"] + pd.to_timedelta(rng.integers(5, 12, len(who)), unit="D")
    return frame


def mark_number(frame):
    frame.loc[frame.who == 1000 + MARK, "weight"] += 7654.25
    return frame[frame.who == 1000 + MARK].weight.tolist()


def mark_whole(frame):
    frame.loc[frame[frame.who == 1000 + MARK].index[:2], "visits"] = 48_213
    return [48_213]


def mark_born(frame):
    frame.loc[frame.who == 1000 + MARK, "born"] = pd.Timestamp("1901-03-05")
    return [pd.Timestamp("1901-03-05")]


def mark_next(frame):
    frame.loc[frame[frame.who == 1000 + MARK].index[2], "next"] = pd.Timestamp("2044-05-06")
    return [pd.Timestamp("2044-05-06")]


def mark_start(frame):
    frame.loc[frame.who == 1000 + MARK, "when"] -= pd.Timedelta("4321D")
    frame.loc[frame.who == 1000 + MARK, "next"] -= pd.Timedelta("4321D")
    return [frame[frame.who == 1000 + MARK].when.iloc[0], 4321]


def mark_level(frame):
    frame.loc[frame[frame.who == 1000 + MARK].index[3], "state"] = "Zwqx"
    return ["Zwqx"]


def mark_category(frame):
    mark_level(frame)
    frame["state"] = frame.state.astype("category")
    return ["Zwqx"]


def mark_interval(frame):
    ages = (frame.weight // 20 * 20).clip(40, 80).astype(int)
    ages[frame.who == 1000 + MARK] = 12_340
    frame["weight"] = pd.arrays.IntervalArray.from_arrays(ages, ages + 20)
    return [12_340, 12_360]


def mark_copies(frame):
    mark_level(frame)
    frame["same"], frame["renamed"] = frame.state, frame.state.map({"ill": "i", "well": "w", "Zwqx": "Qwyz"})
    return ["Zwqx", "Qwyz"]


def mark_static(frame):
    frame.loc[frame.who == 1000 + MARK, "town"] = "Qwyz"
    return ["Qwyz"]


def mark_key(frame):
    frame["who"] = frame.who.replace(1000 + MARK, 73_219)
    return [73_219, 73_220]


def mark_length(frame):
    last = frame[frame.who == 1000 + MARK].iloc[-1]
    for weeks in range(1, 30):
        row = last.copy()
        row["when"], row["next"] = (last[name] + pd.Timedelta(7 * weeks, "D") for name in ("when", "next"))
        frame.loc[len(frame)] = row
    return [int((frame.who == 1000 + MARK).sum())]


def found_in(folder, value):
    """Return where a value is in the text or among the numbers of a model folder."""
    document = (folder / "model.json").read_text()
    if isinstance(value, str):
        return [f"{at.name}" for at in folder.iterdir() if value.encode() in at.read_bytes()]
    if isinstance(value, pd.Timestamp):
        units = [value.as_unit(unit).value for unit in ("ns", "us", "ms", "s")]
        wanted = {*units, int(value.value // 86_400_000_000_000)}
        if str(value.date()) in document:
            return ["model.json"]
    else:
        wanted = {float(value)}
    numbers = re.findall(r"-?\d+\.?\d*(?:[eE][-+]?\d+)?", document)
    where = [f"model.json: {number}" for number in numbers if float(number) in wanted]
    for file in folder.glob("*.safetensors"):
        for name, array in load_file(file).items():
            held = np.isin(array.astype(np.float64), [float(one) for one in wanted])
            where += [f"{name}: {array[held][0]}"] if held.any() else []
    return where


MARKS = [value for name, value in list(globals().items()) if name.startswith("mark_")]
ROLES = {"entity": "who", "time": "when", "static": ["town", "born"]}


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark.__name__)
def test_a_marked_value_is_neither_kept_nor_drawn(mark, tmp_path):
    frame = people()
    values = mark(frame)
    model = RecurrentGAN(**ROLES, steps=0, **QUICK).fit(frame)
    model.save(tmp_path / "model")
    for value in values:
        assert found_in(tmp_path / "model", value) == []
    drawn = model.sample(1000, random_state=1)
    if mark in (mark_key, mark_length):
        sizes = drawn.groupby("who").size()
        assert sizes.max() <= 20
        assert not set(values) & set(drawn.who)
        return
    for value in values:
        assert not (drawn.astype(object) == value).to_numpy().any()
    model.schema_.__str__()


@pytest.mark.slow
def test_no_marked_value_comes_in_a_hundred_thousand_rows():
    frame = people()
    values = [value for mark in MARKS if mark not in (mark_key, mark_length) for value in mark(frame)]
    drawn = RecurrentGAN(**ROLES, steps=0, **QUICK).fit(frame).sample(11_000, random_state=1)
    assert len(drawn) > 100_000
    plain = drawn.drop(columns="who").astype(object)  # new keys are any numbers
    assert [value for value in values if (plain == value).to_numpy().any()] == []


def test_rare_combinations_of_fixed_columns_are_not_told(tmp_path):
    frame = people()
    frame["country"] = frame.town.map({"North": "A", "South": "B", "West": "B"})
    frame.loc[frame.who == 1000 + MARK, ["town", "country"]] = "North", "B"
    model = RecurrentGAN(
        entity="who", time="when", static=["town", "country"], constraints=[Fixed("town", "country")], steps=0, **QUICK
    ).fit(frame)
    made = model.sample(300, random_state=0)
    assert set(map(tuple, made[["town", "country"]].drop_duplicates().to_numpy())) == {
        ("North", "A"),
        ("South", "B"),
        ("West", "B"),
    }
    assert "1 combinations that too few have are not given back" in model.schema_["town"].reason


def test_one_entity_moves_no_grid(tmp_path):
    frame = people()
    frame.loc[frame.who == 1000 + MARK, "when"] += pd.Timedelta("4h 37min 11s")
    frame.loc[frame[frame.who == 1000 + MARK].index[0], "weight"] = 71.1234567
    frame["left"] = frame["when"].mask(frame.who == 1000 + MARK, frame["when"] + pd.Timedelta(1237, "D"))
    model = RecurrentGAN(**ROLES, steps=0, **QUICK).fit(frame)
    made = model.sample(300, random_state=0)
    assert (made["when"].dt.normalize() == made["when"]).all()
    assert (made["weight"].round(2) == made["weight"]).all()
    assert ((made["left"] - made["when"]) < pd.Timedelta(1, "D")).all()
    model.save(tmp_path / "model")
    assert str(1237 * 86_400) not in (tmp_path / "model" / "model.json").read_text()


def test_one_cell_bends_no_path(tmp_path):
    frame = people()
    frame["path"] = np.round(20 + frame.groupby("who").weight.cumsum() % 7, 2)
    frame.loc[frame[frame.who == 1000 + MARK].index[2], "path"] = 73_519.37
    model = RecurrentGAN(**ROLES, steps=0, **QUICK).fit(frame)
    model.save(tmp_path / "model")
    assert "73519" not in (tmp_path / "model" / "model.json").read_text()
    one = frame[frame.who == 1000 + MARK].head(3)
    later = model.continue_from(one, 4, 5, random_state=0)
    assert later["path"].between(19, 30).all()


def test_where_keeps_to_it_and_a_word_stands_for_what_is_withheld():
    frame = people()
    mark_static(frame)
    model = RecurrentGAN(**ROLES, steps=0, other="elsewhere", **QUICK).fit(frame)
    with pytest.raises(ParameterError, match=r"never 'Qwyz' in the fitted table, but for 1 that too few hold and that"):
        model.sample(2, where={"town": "Qwyz"})
    made = model.sample(600, random_state=0).groupby("who").town.first()
    assert 0 < (made == "elsewhere").mean() < 0.1
    assert "1.67 % in 1 levels that too few have, which come back as 'elsewhere'" in model.schema_["town"].reason
    with pytest.raises(ParameterError, match="other='' must be a word, or None"):
        RecurrentGAN(**ROLES, other="", **QUICK).fit(frame)
    with pytest.raises(ParameterError, match="protect=-1"):
        RecurrentGAN(**ROLES, protect=-1, **QUICK).fit(frame)


def test_stretches_of_one_long_series_are_counted():
    rng, rows = np.random.default_rng(0), 3000
    frame = pd.DataFrame({"x": rng.normal(size=rows), "s": rng.choice(["a", "b"], rows)})
    frame.index = pd.date_range("2020", periods=rows, freq="h")
    frame.loc[frame.index[700:703], "s"] = "once"  # one stretch
    frame.loc[frame.index[::400], "s"] = "often"  # eight of them
    frame.iloc[1000, 0] = 98_765.25
    made = RecurrentGAN(steps=0, **QUICK).fit(frame).sample(1, length=rows, random_state=0)
    assert set(made["s"]) == {"a", "b", "often"}
    assert made["x"].max() < 10


def test_a_table_in_which_nothing_is_shared_is_refused():
    frame = pd.DataFrame({"x": np.arange(40.0), "s": [f"level {i // 2}" for i in range(40)]})
    with pytest.raises(
        SchemaError, match=r"column 's' holds 20 levels, none of them in 5 entities .* or pass protect=0"
    ):
        RecurrentGAN(steps=0, **QUICK).fit(frame)
    frame["t"] = frame.s
    rule = [Fixed("s", "t")]
    with pytest.raises(
        ConstraintError, match=r"Fixed\('s', 't'\): none of 20 combinations is in 5 entities .* protect=0"
    ):
        RecurrentGAN(steps=0, constraints=rule, **QUICK).fit(frame)


def test_without_protection_it_is(tmp_path):
    for mark in (mark_level, mark_length, mark_whole):
        frame = people()
        (value,) = mark(frame)
        model = RecurrentGAN(**ROLES, steps=0, protect=0, **QUICK).fit(frame)
        model.save(tmp_path / mark.__name__)
        assert found_in(tmp_path / mark.__name__, value)
