"""Categories of many levels: a frequency cut-off, "other" resolved by the observed shares, no id given back."""

import json

import numpy as np
import pandas as pd
import pytest

from tsgan.encoding.columns.base import Request
from tsgan.encoding.columns.category import CategoryColumn
from tsgan.encoding.columns.rare import HEADS, count_holders
from tsgan.errors import InputError, SchemaError


def draws(seed=0):
    return np.random.default_rng(seed)


def fitted(x, follows=None, role="value"):
    series = pd.Series(x)
    steps = np.arange(len(series)) > 0 if follows is None else follows
    return CategoryColumn.fit(series, Request("city", role, "auto", None, steps))


def zipf(levels, rows, seed=0):
    share = 1 / np.arange(1, levels + 1)
    return pd.Series([f"c{i}" for i in draws(seed).choice(levels, rows, p=share / share.sum())])


MANY = zipf(1500, 30_000)


class TestCutOff:
    def test_the_frequent_levels_keep_their_channels(self):
        column = fitted(MANY)
        counts = MANY.value_counts()
        assert column.width == HEADS + 1
        assert set(column.levels) == set(counts.index[:HEADS])
        assert sum(column.share) == pytest.approx(1)
        assert column.block().size == column.width == len(column.block().cuts) + 1

    def test_no_more_channels_than_hold_nearly_all_rows(self):
        x = ["a", "b", "c"] * 20_000 + [f"r{i // 2}" for i in range(500)]
        assert sorted(fitted(x).levels) == ["a", "b", "c"]

    def test_other_is_resolved_by_the_observed_shares(self):
        column = fitted(MANY)
        made = pd.Series(column.decode(column.encode(MANY), draws(3)))
        head = MANY.isin(column.levels)
        assert (made[head] == MANY[head]).all()
        tail = made[~head].value_counts(normalize=True)
        real = MANY[~head].value_counts(normalize=True)
        assert tail.index.isin(column.tail).all()
        assert (tail.reindex(real.index[:50]) - real.iloc[:50]).abs().max() < 0.005

    def test_the_choice_follows_the_generator_and_is_fixed_without_one(self):
        column = fitted(MANY)
        z = column.encode(MANY)
        assert (column.decode(z) == column.decode(z)).all()
        assert (column.decode(z, draws(1)) == column.decode(z, draws(1))).all()
        assert (column.decode(z, draws(1)) != column.decode(z, draws(2))).any()

    @pytest.mark.parametrize("dtype", ["str", "object", "string", "category"])
    def test_dtypes_come_back(self, dtype):
        series = MANY.astype(dtype)
        column = fitted(series)
        made = column.decode(column.encode(series))
        assert made.dtype == series.dtype

    def test_state_round_trip(self):
        column = fitted(MANY)
        data, arrays = column.state()
        again = CategoryColumn.from_state(json.loads(json.dumps(data)), arrays)
        z = column.encode(MANY)
        assert (again.decode(z, draws(1)) == column.decode(z, draws(1))).all()
        assert again.describe() == column.describe()

    def test_two_hundred_levels_are_all_kept(self):
        column = fitted([f"c{i}" for i in range(200)] * 3)
        assert column.width == 200
        assert column.tail == []


class TestPrivacy:
    def test_a_level_of_a_single_row_never_comes_back(self):
        x = pd.concat([MANY, pd.Series([f"secret {i}" for i in range(300)])], ignore_index=True)
        column = fitted(x)
        made = column.decode(np.eye(column.width)[np.full(20_000, column.width - 1)], draws())
        assert not pd.Series(made).str.startswith("secret").any()
        lone = int((x.value_counts() == 1).sum())
        assert column.dropped == lone
        assert not any(str(name).startswith("secret") for name in json.dumps(column.state()[0]).split('"'))
        assert column.describe().reason.endswith(f"; {lone} levels of a single row or sequence are not given back")

    def test_a_level_of_a_single_sequence_never_comes_back(self):
        x = np.where(np.arange(30_000) % 3 == 0, "own " + pd.Series(np.arange(30_000) // 100).astype(str), MANY)
        column = fitted(x, np.arange(30_000) % 100 > 0)
        assert not any(str(level).startswith("own") for level in column.known)

    def test_holders_are_sequences_or_rows(self):
        codes = np.array([0, 0, 1, -1, 1, 0])
        assert count_holders(codes, np.array([0, 1, 1, 1, 1, 1], bool), 2).tolist() == [3, 2]
        assert count_holders(codes, np.array([0, 1, 1, 0, 1, 1], bool), 2).tolist() == [2, 2]
        assert count_holders(codes, np.array([0, 1, 0, 1, 1, 0], bool), 2).tolist() == [2, 1]

    @pytest.mark.parametrize("rows", [30, 1000])
    def test_free_text_is_refused(self, rows):
        x = [f"note {i}" for i in range(rows)]
        with pytest.raises(SchemaError, match=rf"column 'city' holds {rows} distinct values .*exclude=\['city'\]"):
            fitted(x)
        with pytest.raises(SchemaError, match="like ids or free text"):
            fitted(x, np.zeros(rows, dtype=bool), role="static")


class TestMissing:
    def test_missing_rows_are_nan_and_teach_nothing(self):
        x = pd.Series(["a", None, "b", "a", None, "c"] * 20)
        column = fitted(x)
        z = column.encode(x)
        assert sorted(column.levels) == ["a", "b", "c"]
        np.testing.assert_allclose(sorted(column.share), [0.25, 0.25, 0.5])
        assert np.isnan(z[x.isna()]).all()
        assert (column.decode(z[x.notna()]) == x[x.notna()].to_numpy()).all()

    def test_steps_over_a_gap_join_no_levels(self):
        ladder = np.array(["a", "b", "c", "b"] * 50, dtype=object)
        gaps = np.array(["a", None, "c", None] * 50, dtype=object)
        x = pd.Series(np.concatenate([ladder, gaps]))
        assert fitted(x).levels in (["a", "b", "c"], ["c", "b", "a"])

    def test_an_unseen_level_is_an_error_only_where_each_has_a_channel(self):
        with pytest.raises(InputError, match=r"column 'city' holds 'z', never seen when fitting"):
            fitted(["a", "b"]).encode(pd.Series(["a", "z", None]))
        column = fitted(MANY)
        assert column.encode(pd.Series(["nowhere"])).argmax() == column.width - 1
