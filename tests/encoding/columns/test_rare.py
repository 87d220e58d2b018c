"""Categories of many levels: each level has a code, no level of a single row or sequence is given back."""

import json

import numpy as np
import pandas as pd
import pytest
from through_json import through_json
from told import everything

from tsgan.bundle import pack
from tsgan.encoding.columns.base import Request
from tsgan.encoding.columns.category import CategoryColumn, count_holders
from tsgan.errors import InputError, SchemaError


def draws(seed=0):
    return np.random.default_rng(seed)


def fitted(x, follows=None, role="value"):
    series = pd.Series(x)
    steps = np.arange(len(series)) > 0 if follows is None else follows
    return CategoryColumn.fit(series, Request("city", role, "auto", None, steps, everything(len(series))))


def zipf(levels, rows, seed=0):
    share = 1 / np.arange(1, levels + 1)
    return pd.Series([f"c{i}" for i in draws(seed).choice(levels, rows, p=share / share.sum())])


MANY = zipf(1500, 30_000)


class TestMany:
    def test_levels_of_the_tail_have_codes_too(self):
        column = fitted(MANY)
        counts = MANY.value_counts()
        assert set(column.levels) == set(counts.index[counts > 1])
        assert column.cell().levels == len(column.levels) + 1
        assert sum(column.share) == pytest.approx(1)
        assert column.dropped == (counts == 1).sum() > 0

    def test_kept_levels_come_back_and_others_by_the_observed_shares(self):
        column = fitted(MANY)
        z = column.encode(MANY)
        kept = MANY.isin(column.levels).to_numpy()
        assert (column.decode(z)[kept] == MANY[kept]).all()
        assert (z[~kept] == len(column.levels)).all()
        made = pd.Series(column.decode(np.full(50_000, len(column.levels)), draws(3))).value_counts(normalize=True)
        real = MANY.value_counts(normalize=True)
        assert made.index.isin(column.levels).all()
        assert (made.reindex(real.index[:50]) - real.iloc[:50]).abs().max() < 0.01

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
        made = column.decode(column.encode(series)).dtype
        if dtype == "category":  # without the levels that are not told
            assert set(made.categories) == set(column.levels)
            made = made.categories.dtype
            assert made == series.dtype.categories.dtype
        else:
            assert made == series.dtype

    def test_state_round_trip(self):
        column = fitted(MANY)
        again = through_json(column)
        z = column.encode(MANY)
        assert (again.decode(z, draws(1)) == column.decode(z, draws(1))).all()
        assert again.describe() == column.describe()

    def test_two_hundred_levels_are_all_kept(self):
        column = fitted([f"c{i}" for i in range(200)] * 3)
        assert (column.cell().levels, column.dropped) == (200, 0)


class TestPrivacy:
    def test_a_level_of_a_single_row_never_comes_back(self):
        x = pd.concat([MANY, pd.Series([f"secret {i}" for i in range(300)])], ignore_index=True)
        column = fitted(x)
        made = column.decode(np.full(20_000, len(column.levels)), draws())
        assert not pd.Series(made).str.startswith("secret").any()
        lone = int((x.value_counts() == 1).sum())
        assert column.dropped == lone
        assert not any(str(name).startswith("secret") for name in json.dumps(pack(column)[0]).split('"'))
        assert column.describe().reason.endswith(f"in {lone} levels that too few have, which are not given back")

    def test_a_level_of_a_single_sequence_never_comes_back(self):
        x = np.where(np.arange(30_000) % 3 == 0, "own " + pd.Series(np.arange(30_000) // 100).astype(str), MANY)
        column = fitted(x, np.arange(30_000) % 100 > 0)
        assert not any(str(level).startswith("own") for level in column.levels)

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
        assert column.cell().missing
        pd.testing.assert_series_equal(pd.Series(column.decode(z)), x, check_dtype=False)

    def test_an_unseen_level_is_an_error_only_where_none_is_dropped(self):
        with pytest.raises(InputError, match=r"column 'city' holds 'z', never seen when fitting"):
            fitted(["a", "b"]).encode(pd.Series(["a", "z", None]))
        column = fitted(MANY)
        assert column.encode(pd.Series(["nowhere"])).tolist() == [len(column.levels)]
