"""Masks tell which values are missing, are shared by columns that miss together, and bring every gap back."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsgan.encoding.missing import ABSENT, MISSING, Gaps, Missing
from tsgan.errors import InputError, SchemaError, TsganWarning


def holed(mask, values=None):
    return pd.Series(np.where(mask, np.nan, 1.0 if values is None else values))


def chain(rng, lengths, start=0.2, stay=0.7, share=0.2):
    """Return gaps that follow a Markov chain within sequences."""
    back = share * (1 - stay) / (1 - share)
    out, state = [], False
    for length in lengths:
        for step in range(length):
            state = bool(rng.random() < (start if step == 0 else stay if state else back))
            out.append(state)
    return np.array(out)


def there_and_back(parts, statics, lengths):
    missing = Missing.from_dict(json.loads(json.dumps(Missing.fit(parts, statics, lengths).to_dict())))
    made = missing.forward(parts, lengths)
    assert set(made) == {*missing.names, *missing.static_names}
    decoded = {**{name: series.to_numpy() for name, series in parts.items()}}
    decoded |= {name: series.to_numpy() for name, series in made.items()}
    masks = missing.inverse(decoded, lengths)
    assert list(decoded) == list(parts)
    for name, series in parts.items():
        np.testing.assert_array_equal(masks.get(name, np.zeros(len(series), dtype=bool)), series.isna())
    return missing, made


def test_without_gaps_there_is_nothing():
    missing, made = there_and_back({"a": holed([False] * 4)}, set(), np.array([4]))
    assert (missing.groups, missing.empty, missing.describe(), made) == ((), (), {}, {})


def test_columns_that_miss_together_share_one_mask():
    mask = np.array([0, 1, 1, 0, 0, 1, 0, 0], dtype=bool)
    parts = {
        "a": holed(mask),
        "b": pd.Series(np.where(mask, None, "x"), dtype=object),
        "c": holed(~mask),
        3: pd.Series(pd.array(np.where(mask, 0, 5), dtype="Int64")).mask(pd.Series(mask)),
        "whole": pd.Series([1.0] * 8),
    }
    missing, made = there_and_back(parts, set(), np.array([4, 4]))
    assert list(made) == [MISSING + "'a'", MISSING + "'c'"] == list(missing.names)
    assert missing.static_names == ()
    np.testing.assert_array_equal(made[MISSING + "'a'"], mask)
    assert made[MISSING + "'a'"].dtype == bool
    assert missing.describe()["b"] == Gaps(3 / 8, 2, 0, ("a", 3))


def test_names_of_numbers_and_of_texts_do_not_meet():
    one, two = np.array([1, 0, 0, 0], dtype=bool), np.array([0, 1, 0, 0], dtype=bool)
    _, made = there_and_back({3: holed(one), "3": holed(two)}, set(), np.array([4]))
    assert len(made) == 2


def test_a_column_without_values_needs_no_mask():
    parts = {"a": holed([True] * 4), "s": holed([True] * 2)}
    missing, made = there_and_back(parts, {"s"}, np.array([2, 2]))
    assert made == {}
    assert missing.empty == ("a", "s")
    assert str(missing.describe()["a"]) == "always missing"


def test_statics_have_masks_of_their_own():
    mask = np.array([1, 0, 0], dtype=bool)
    parts = {"x": holed(np.repeat(mask, 2)), "s": holed(mask), "t": holed(mask)}
    missing, made = there_and_back(parts, {"s", "t"}, np.full(3, 2))
    assert list(made) == [ABSENT + "'x'", MISSING + "'s'"]
    assert set(missing.static_names) == {ABSENT + "'x'", MISSING + "'s'"}
    assert all(len(series) == 3 for series in made.values())


def test_absent_sequences_have_a_mask():
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 40, size=500)
    gaps = chain(rng, lengths)
    absent = rng.random(500) < 0.3
    mask = gaps | np.repeat(absent, lengths)
    missing, made = there_and_back({"a": holed(mask)}, set(), lengths)
    np.testing.assert_array_equal(made[ABSENT + "'a'"], absent)
    np.testing.assert_array_equal(made[MISSING + "'a'"], mask)
    gap = missing.describe()["a"]
    assert gap.throughout == absent.sum()
    assert str(gap).startswith(f"{100 * mask.mean():.3g} % missing, runs of up to {gap.longest}, throughout in ")


def test_whole_gaps_alone_need_no_mask_of_steps():
    lengths = np.full(10, 5)
    missing, made = there_and_back({"a": holed(np.repeat(np.arange(10) < 3, 5))}, set(), lengths)
    assert list(made) == [ABSENT + "'a'"]
    assert missing.names == ()


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_short_sequences_that_are_all_gap_by_chance_are_not_absent(length):
    rng = np.random.default_rng(length)
    lengths = np.full(3000, length)
    mask = chain(rng, lengths)
    assert mask.reshape(3000, length).all(axis=1).any()
    _, made = there_and_back({"a": holed(mask)}, set(), lengths)
    assert list(made) == [MISSING + "'a'"]


def test_among_short_and_long_sequences_only_the_long_are_absent():
    rng = np.random.default_rng(0)
    lengths = np.resize([2, 30], 2000)
    absent = (rng.random(2000) < 0.05) & (lengths == 30)
    mask = chain(rng, lengths) | np.repeat(absent, lengths)
    _, made = there_and_back({"a": holed(mask)}, set(), lengths)
    np.testing.assert_array_equal(made[ABSENT + "'a'"], absent)


@given(st.data())
def test_masks_come_back(data):
    lengths = np.array(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=8)))
    names = data.draw(st.lists(st.one_of(st.integers(0, 3), st.sampled_from("ab0")), unique=True, max_size=5))
    statics = set(data.draw(st.lists(st.sampled_from(names), unique=True))) if names else set()
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    shared = rng.random(int(lengths.sum())) < 0.4
    parts = {}
    for name in names:
        if name in statics:
            mask = rng.random(len(lengths)) < rng.choice([0, 0.3, 1])
        else:
            own = rng.random(int(lengths.sum())) < rng.choice([0, 0.2, 0.8])
            whole = np.repeat(rng.random(len(lengths)) < 0.5, lengths)
            mask = [shared, own, own | whole, whole][rng.integers(4)]
        parts[name] = holed(mask)
    there_and_back(parts, statics, lengths)


def fitted(mask, lengths, **more):
    mask = np.asarray(mask, dtype=bool)
    parts = {"a": holed(mask), "b": holed(mask), "c": holed(np.zeros(len(mask), dtype=bool)), **more}
    return Missing.fit(parts, set(), np.asarray(lengths)), parts


def test_a_broken_group_counts_as_missing_where_one_is():
    missing, parts = fitted([0, 1, 0, 0, 0, 0], [3, 3])
    parts["b"] = holed(np.array([0, 0, 1, 0, 0, 0], dtype=bool))
    text = r"columns 'a', 'b' were always missing together when fitted, but are not here; 2 values count as missing"
    with pytest.warns(TsganWarning, match=text):
        made = missing.forward(parts, np.array([3, 3]))
    np.testing.assert_array_equal(made[MISSING + "'a'"], [0, 1, 1, 0, 0, 0])


def test_gaps_where_there_were_none_are_an_error():
    missing, parts = fitted([0, 1, 0, 0, 0, 0], [3, 3])
    parts["c"] = holed(np.array([0, 0, 1, 0, 1, 0], dtype=bool))
    text = (
        r"column 'c' is missing in 2 of 6 rows, first in row 2, but had no gaps when fitted; fill it .*or fit a table"
    )
    with pytest.raises(InputError, match=text):
        missing.forward(parts, np.array([3, 3]))


def test_values_where_there_were_none_are_an_error():
    missing, parts = fitted([0, 1, 0, 0, 0, 0], [3, 3], d=holed(np.ones(6, dtype=bool)))
    parts["d"] = holed(np.array([1, 1, 0, 1, 1, 1], dtype=bool))
    with pytest.raises(InputError, match=r"column 'd' has a value in row 2, but had none at all when fitted; set it"):
        missing.forward(parts, np.array([3, 3]))


def test_gaps_in_steps_where_whole_sequences_had_them_are_an_error():
    missing, parts = fitted([1, 1, 1, 0, 0, 0], [3, 3])
    parts |= {name: holed(np.array([0, 0, 0, 0, 1, 0], dtype=bool)) for name in "ab"}
    text = (
        r"column 'a' is missing in step 1 of sequence 1, but when fitted it was missing only in whole sequences; fill"
    )
    with pytest.raises(InputError, match=text):
        missing.forward(parts, np.array([3, 3]))


@pytest.mark.parametrize("name", [MISSING + "'a'", ABSENT + "x"])
def test_a_name_of_a_mask_is_refused(name):
    with pytest.raises(SchemaError, match=r"missing:|absent:.* has a name that tsgan keeps for its own use; rename it"):
        Missing.fit({name: holed([False])}, set(), np.array([1]))
