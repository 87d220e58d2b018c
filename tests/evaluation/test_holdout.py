"""Splitting real data: whole entities, or blocks of time with a gap, that fit and evaluate read without a seam."""

from __future__ import annotations

import doctest
import itertools

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN, evaluate, train_holdout_split
from tsgan.errors import InputError, ParameterError, SchemaError
from tsgan.evaluation import splits as module
from tsgan.evaluation.case import prepare

ROWS = 600


def series(rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, 2)).cumsum(0)


def long(form: str) -> tuple[pd.DataFrame, str | None]:
    """One long table whose clock lives in different places."""
    days = pd.date_range("2024-01-01", periods=ROWS)
    table = pd.DataFrame(series(), columns=["a", "b"])
    return {
        "counted": (table, None),
        "dates": (table.set_index(days), None),
        "named dates": (table.set_index(days.rename("day")), "day"),
        "column": (table.assign(day=days), "day"),
    }[form]


def test_the_docstring() -> None:
    assert doctest.testmod(module).failed == 0


def test_entities_stay_whole_and_rows_keep_order_index_and_dtypes() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "who": pd.Categorical(rng.choice(list("abcdefghij"), 200)),
            "x": rng.normal(size=200).astype("float32"),
            "k": pd.array(rng.integers(9, size=200), dtype="Int8"),
        },
        index=pd.RangeIndex(1000, 1200, name="row"),
    )
    train, held = train_holdout_split(table, entity="who", holdout=0.2)
    assert held["who"].nunique() == 2
    assert not set(train["who"]) & set(held["who"])
    pd.testing.assert_frame_equal(pd.concat([train, held]).sort_index(), table)
    assert train.index.is_monotonic_increasing
    again = train_holdout_split(table, entity="who", holdout=0.2)[1]
    pd.testing.assert_frame_equal(held, again)
    others = [train_holdout_split(table, entity="who", random_state=seed)[1]["who"].unique() for seed in range(5)]
    assert len({tuple(other) for other in others}) > 1


def test_an_outer_level_of_sequences_or_an_entity_level_is_split_whole() -> None:
    index = pd.MultiIndex.from_product([range(10), range(4)], names=["sequence", "t"])
    table = pd.DataFrame({"x": np.arange(40.0)}, index=index)
    for given in ({}, {"entity": "sequence", "time": "t"}):
        train, held = train_holdout_split(table, **given)
        assert len(held.index.get_level_values(0).unique()) == 3
        assert len(train) + len(held) == 40
    kept = train_holdout_split(table["x"])[0]
    assert isinstance(kept, pd.Series)
    assert len(kept) == 28


def test_arrays_and_lists_are_split_by_sequence() -> None:
    values = np.random.default_rng(0).normal(size=(20, 6, 2))
    train, held = train_holdout_split(values)
    assert train.shape == (14, 6, 2)
    assert held.shape == (6, 6, 2)
    assert {row.tobytes() for row in (*train, *held)} == {row.tobytes() for row in values}
    train, held = train_holdout_split(list(values), holdout=0.5)
    assert len(train) == len(held) == 10


@pytest.mark.parametrize("rows", [190, 400, 1000, 3662, 20_000])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_blocks_alternate_with_a_gap_of_one_window(rows: int, share: float) -> None:
    if rows * min(share, 1 - share) < 60:
        pytest.skip("too short")
    train, held = train_holdout_split(np.arange(float(rows)), holdout=share, random_state=rows)
    blocks = sorted([(b[0, 0], b[-1, 0], "train") for b in train] + [(b[0, 0], b[-1, 0], "held") for b in held])
    assert blocks[0][0] == 0
    assert blocks[-1][1] == rows - 1
    for (_, end, side), (start, _, other) in itertools.pairwise(blocks):
        assert start - end == 25
        assert side != other
    sizes = [sum(map(len, side)) for side in (train, held)]
    assert sizes[1] / sum(sizes) == pytest.approx(share, abs=0.01)
    assert min(len(block) for block in (*train, *held)) >= 47
    assert sum(sizes) >= 0.75 * rows


def test_a_long_table_is_cut_in_time_order_and_keeps_its_dtypes() -> None:
    table, _ = long("column")
    table["level"] = pd.Categorical(np.where(table["a"] > 0, "up", "down"))
    shuffled = table.sample(frac=1, random_state=1)
    train, held = train_holdout_split(shuffled, time="day")
    assert (train.dtypes == table.dtypes).all()
    for part in (train, held):
        steps = part.groupby(level="sequence")["day"].diff().dropna()
        assert (steps == pd.Timedelta("1D")).all()
        assert table.loc[part.index.get_level_values(1), "a"].tolist() == part["a"].tolist()
    assert not set(train["day"]) & set(held["day"])


@pytest.mark.parametrize("named", [None, "sequence"])
@pytest.mark.parametrize("form", ["counted", "dates", "named dates", "column"])
def test_fit_and_evaluate_read_the_blocks_without_a_seam(form: str, named: str | None) -> None:
    table, time = long(form)
    train, held = train_holdout_split(table, time=time, window=12)
    blocks = train.groupby(level="sequence").size().tolist()
    model = RecurrentGAN(steps=0, entity=named, time=time, window=12).fit(train)
    made = model.sample(4)
    assert made.index.names == train.index.names
    report = evaluate(train, made, held, entity=named, time=time, window=12, metrics=["copies"], repeats=1)
    assert report.case.real.panel.lengths.tolist() == blocks
    assert len(report.case.holdout.panel) == held.index.get_level_values(0).nunique()
    assert len(report.case.synthetic.panel) == 4


def test_a_series_and_a_long_array_come_back_as_blocks() -> None:
    table, _ = long("dates")
    train, held = train_holdout_split(table["a"], window=12)
    assert isinstance(train, pd.Series)
    assert train.index.names == ["sequence", None]
    one, two = train_holdout_split(series(), window=12)
    assert [len(block) for block in one] == train.groupby(level=0).size().tolist()
    case = prepare(one, one, two, window=12)
    assert len(case.real.panel) == len(one)
    assert len(case.holdout.panel) == len(two) == held.index.get_level_values(0).nunique()


def test_overlapping_windows_are_split_as_the_series_they_were_cut_from() -> None:
    windows = np.lib.stride_tricks.sliding_window_view(series(), 24, axis=0).transpose(0, 2, 1)
    for array in (windows, windows[np.random.default_rng(1).permutation(len(windows))]):
        train, held = train_holdout_split(array)
        assert not {row.tobytes() for block in train for row in block} & {r.tobytes() for b in held for r in b}
    both = np.concatenate([windows[:100], windows[300:]])
    train, held = train_holdout_split(both, holdout=0.5)
    assert sorted(len(block) for block in (*train, *held)) == [123, 300]


TABLE = pd.DataFrame({"who": list("aabb"), "t": [0, 1, 0, 1], "x": range(4)})


@pytest.mark.parametrize(
    ("data", "given", "error", "text"),
    [
        (TABLE, {"entity": "who", "holdout": 0}, ParameterError, r"holdout=0 is not allowed; it is the share"),
        (TABLE, {"holdout": 1.0}, ParameterError, r"between 0 and 1, such as 0.3"),
        (TABLE, {"holdout": True}, ParameterError, r"holdout=True is not allowed"),
        (TABLE, {"holdout": "half"}, ParameterError, r"holdout='half' is not allowed"),
        (TABLE, {"window": 1}, ParameterError, r"window=1 is not allowed; it must be a whole number of at least 2"),
        (TABLE, {"random_state": -1}, ParameterError, r"random_state=-1 is not allowed"),
        (TABLE, {"entity": "patient"}, SchemaError, r"entity='patient' is not a column; there are \['who', 't', 'x'\]"),
        (TABLE, {"time": "day"}, SchemaError, r"time='day' is not a column"),
        (TABLE.set_index(["t", "who"]), {}, SchemaError, r"index has 2 levels \['t', 'who'\]; with entity= name"),
        (TABLE.assign(who="a"), {"entity": "who"}, InputError, r"column 'who' holds 1 sequence; at least 2 are needed"),
        (TABLE.iloc[:0], {"entity": "who"}, InputError, r"column 'who' holds 0 sequence"),
        (TABLE.assign(who=[None, *"abb"]), {"entity": "who"}, InputError, r"entity column 'who' has missing values"),
        (TABLE.assign(t=[None, 1, 2, 3]), {"time": "t"}, InputError, r"time column 't' has missing values"),
        (
            TABLE,
            {"time": "t"},
            InputError,
            r"too short: it has 4 rows, and with window=24 and holdout=0.3 at least 184",
        ),
        (np.zeros((9, 2)), {"window": 4}, InputError, r"at least 31 are needed; pass more rows or a smaller window"),
        (np.zeros((1, 9, 2)), {}, InputError, r"the array holds 1 sequence"),
        ([np.zeros((9, 2))], {}, InputError, r"the list holds 1 sequence"),
        (np.zeros((9, 2)), {"entity": "who"}, SchemaError, r"entity='who' needs a DataFrame.*got ndarray"),
        (np.zeros((2, 2, 2, 2)), {}, InputError, r"got an array of shape \(2, 2, 2, 2\)"),
    ],
)
def test_bad_input_is_said_in_words(data, given, error, text) -> None:
    with pytest.raises(error, match=text):
        train_holdout_split(data, **given)


def test_no_seed_draws_afresh_and_global_state_is_untouched() -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    values = np.random.default_rng(0).normal(size=(200, 3, 1))
    assert not np.array_equal(*(train_holdout_split(values, random_state=None)[1] for _ in range(2)))
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
