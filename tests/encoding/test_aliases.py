"""Columns that repeat others and columns that count: found where the rows are many enough, and put back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from through_json import through_json

from tsgan.encoding.aliases import Aliases

HOSPITAL = Path(__file__).parents[3] / "shared" / "data" / "hospital_log.csv.gz"
LENGTHS = np.array([7, 3, 9, 5, 4, 8, 6, 2, 9, 5, 7, 6, 8, 4, 9])
ROWS = int(LENGTHS.sum())
OF = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
STEP = np.arange(ROWS) - np.repeat(np.cumsum(LENGTHS) - LENGTHS, LENGTHS)
KEYS = pd.Index([1000 + 7 * i**2 for i in range(len(LENGTHS))])
STAMPS = pd.DatetimeIndex(
    pd.Timestamp("2020-01-05 10:00:42", tz="UTC") + pd.to_timedelta(3601 * STEP + 86_400 * OF, unit="s")
)


def draws(seed=0):
    return np.random.default_rng(seed)


WORDS = pd.Series(draws().choice(["visit", "scan", "surgery", "home"], ROWS))
REAL = pd.Series(draws(1).normal(size=ROWS))


def find(parts, **changes):
    return Aliases.fit(parts, changes.pop("keys", KEYS), changes.pop("stamps", STAMPS), LENGTHS, **changes)


def check_round_trip(parts, found):
    again = through_json(found)
    assert again == found
    learned = {name: series.array for name, series in again.forward(parts, LENGTHS).items()}
    assert not set(learned) & set(found.names)
    made = again.inverse(learned, KEYS, STAMPS, LENGTHS)
    assert set(made) == set(parts)
    for name, series in parts.items():
        pd.testing.assert_series_equal(pd.Series(made[name], dtype=made[name].dtype), series, check_names=False)


REPEATS = {
    "number": (REAL, REAL.copy()),
    "number as text": (pd.Series(WORDS.map(len)), WORDS.map(len).astype("string")),
    "whole number as float": (pd.Series(STEP**2 + OF % 3), pd.Series(STEP**2 + OF % 3).astype("float32")),
    "with missing values": (REAL.mask(OF % 4 == 0), REAL.mask(OF % 4 == 0).astype("Float64")),
    "text as category": (WORDS, WORDS.astype("category")),
    "category as text": (WORDS.astype("category"), WORDS),
    "moments as text": (pd.Series(STAMPS), pd.Series(STAMPS.strftime("%d.%m.%Y %H:%M:%S"))),
    "text as moments": (pd.Series(STAMPS.strftime("%Y-%m-%d %H:%M:%S")), pd.Series(STAMPS.tz_localize(None))),
    "moments of another unit": (pd.Series(STAMPS), pd.Series(STAMPS.as_unit("ms"))),
}
RENAMED = {
    "text": (WORDS, WORDS.str.upper()),
    "codes": (WORDS, WORDS.map({"visit": 3, "scan": 1, "surgery": 9, "home": 4})),
    "flags": (pd.Series(REAL > 0), pd.Series(np.where(REAL > 0, "no", "yes"), dtype="str")),
    "missing ones": (WORDS.mask(OF % 5 == 0), WORDS.str.upper().mask(OF % 5 == 0)),
}


class TestRepeats:
    @pytest.mark.parametrize("case", REPEATS)
    def test_an_equal_column_repeats(self, case):
        one, other = REPEATS[case]
        parts = {"one": one, "other": other}
        found = find(parts, stamps=None)
        assert found.names == ("other",)
        assert found["other"].describe() == "repeats 'one'"
        check_round_trip(parts, found)

    @pytest.mark.parametrize("case", RENAMED)
    def test_a_one_to_one_renaming(self, case):
        one, other = RENAMED[case]
        parts = {"one": one, "other": other}
        found = find(parts)
        assert found["other"].describe() == "renames 'one'"
        check_round_trip(parts, found)

    def test_other_missing_values_make_another_column(self):
        assert find({"one": REAL, "other": REAL.mask(OF == 3)}).names == ()

    def test_a_value_column_repeats_a_static_one(self):
        sex = pd.Series(draws(2).integers(0, 1000, len(LENGTHS)))
        parts = {"again": sex.take(OF).reset_index(drop=True), "sex": sex, "twice": sex.astype("float64")}
        found = find(parts, static=["sex", "twice"])
        assert (found["again"].source, found["twice"].source) == ("sex", "sex")
        check_round_trip(parts, found)

    def test_columns_that_are_kept(self):
        assert find({"one": REAL, "other": REAL.copy()}, keep=["other"]).names == ()

    @pytest.mark.parametrize("dtype", ["int64", "float64", "str", "Int32"])
    def test_the_key(self, dtype):
        parts = {"case": pd.Series(KEYS).astype(dtype), "row": pd.Series(KEYS.take(OF)).astype(dtype), "x": REAL}
        found = find(parts, static=["case"])
        assert {found[name].describe() for name in ("case", "row")} == {"repeats the entity"}
        check_round_trip(parts, found)
        new = found.inverse({"x": REAL.array}, KEYS + 10_000, STAMPS, LENGTHS)
        assert set(pd.Series(new["row"]).astype(float)) == set(KEYS + 10_000.0)

    @pytest.mark.parametrize("stamps", [STAMPS, pd.Index(STAMPS.strftime("%Y-%m-%dT%H:%M:%S+00:00"))])
    def test_the_time(self, stamps):
        parts = {
            "text": pd.Series(STAMPS.strftime("%Y-%m-%dT%H:%M:%S+00:00")),
            "moment": pd.Series(STAMPS),
            "local": pd.Series(STAMPS.tz_convert("Asia/Tokyo")),
        }
        found = find(parts, stamps=stamps)
        assert [alias.describe() for alias in found.found] == ["repeats the time"] * 3
        made = found.inverse({}, KEYS, stamps, LENGTHS)
        for name, series in parts.items():
            assert (pd.Series(made[name]) == series).all()
            assert made[name].dtype == series.dtype


class TestChance:
    def test_two_flags_that_agree_on_five_rows(self):
        flag = pd.Series([True, False, True, True, False])
        few = Aliases.fit({"a": flag, "b": flag.copy()}, None, None, np.array([5]))
        assert few.names == ()

    def test_numbers_that_agree_on_ten_rows_and_on_fourteen(self):
        for rows, names in ((10, ()), (14, ("b",))):
            x = pd.Series(draws().normal(size=rows))
            assert Aliases.fit({"a": x, "b": x.copy()}, None, None, np.array([rows])).names == names

    def test_a_flag_that_rarely_changes(self):
        flag = pd.Series(np.arange(5000) > 4000)
        assert Aliases.fit({"a": flag, "b": flag.copy()}, None, None, np.array([5000])).names == ()

    def test_all_distinct_columns_are_no_renaming(self):
        names = pd.Series([f"n{i}" for i in draws().permutation(ROWS)])
        assert find({"a": pd.Series(draws().permutation(9 * ROWS)[:ROWS]), "b": names}).names == ()

    @given(st.integers(0, 2**20), st.integers(2, 60), st.integers(2, 4))
    @settings(max_examples=60, deadline=None)
    def test_unrelated_columns_stay(self, seed, rows, levels):
        x = {name: pd.Series(draws(seed + i).integers(0, levels, rows)) for i, name in enumerate("abcd")}
        assert Aliases.fit(x, None, None, np.array([rows])).names == ()


class TestCounters:
    def test_steps_sequences_and_rows(self):
        order = draws(5).permutation(ROWS)
        parts = {
            "visit": pd.Series(STEP + 1),
            "hours": pd.Series(24.0 * STEP),
            "case": pd.Series(np.arange(len(LENGTHS)) + 5),
            "case of row": pd.Series(OF, dtype="int16"),
            "line": pd.Series(np.arange(ROWS), dtype="Int64"),
            "x": REAL,
        }
        found = find(parts, static=["case"])
        told = {alias.name: alias.describe() for alias in found.found}
        assert told == {
            "visit": "counts the steps of a sequence from 1",
            "hours": "counts the steps of a sequence from 0 by 24",
            "case": "counts the sequences from 5",
            "case of row": "counts the sequences from 0",
            "line": "counts the rows from 0",
        }
        check_round_trip(parts, found)
        assert find({"line": pd.Series(order)}, order=order)["line"].of == "row"
        assert find({"line": pd.Series(order)}).names == ()

    def test_pieces_go_on_counting(self):
        found = find({"case": pd.Series(OF), "line": pd.Series(np.arange(ROWS)), "x": REAL})
        made = found.inverse({"x": REAL.array}, KEYS, STAMPS, LENGTHS, rows_before=100, sequences_before=20)
        assert (made["line"][0], made["case"][0], made["case"][-1]) == (100, 20, 34)

    def test_one_long_series_counts_its_steps(self):
        found = Aliases.fit({"t": pd.Series(np.arange(50))}, None, None, np.array([50]))
        assert found["t"].of == "step"

    @pytest.mark.parametrize(
        "x", [np.arange(9), np.append(np.arange(48), [50, 49]), np.arange(50) / 10, np.repeat([1], 50)]
    )
    def test_what_does_not_count(self, x):
        assert Aliases.fit({"t": pd.Series(x)}, None, None, np.array([len(x)])).names == ()


@pytest.mark.skipif(not HOSPITAL.exists(), reason=f"the hospital log is not at {HOSPITAL}")
def test_the_hospital_log():
    log = pd.read_csv(HOSPITAL)
    codes, keys = pd.factorize(log["case:concept:name"])
    order, lengths = np.argsort(codes, kind="stable"), np.bincount(codes)
    rows = log.take(order).reset_index(drop=True)
    static = [name for name in log if name.startswith("case:") and name != "case:concept:name"] + ["protected"]
    first = np.cumsum(lengths) - lengths
    parts = {
        name: rows[name].take(first).reset_index(drop=True) if name in static else rows[name]
        for name in log
        if name not in ("case:concept:name", "time")
    }
    found = Aliases.fit(parts, pd.Index(keys), pd.Index(rows["time"]), lengths, static=static, order=order)
    assert {alias.name: alias.describe() for alias in found.found} == {
        "case:@@case_index": "counts the sequences from 0",
        "case:case": "repeats the entity",
        "concept:name": "repeats 'activity'",
        "time:timestamp": "repeats the time",
        "@@index": "counts the rows from 0",
    }
    learned = {name: series.array for name, series in found.forward(parts, lengths).items()}
    made = found.inverse(learned, pd.Index(keys), pd.Index(rows["time"]), lengths)
    for name in parts:
        assert (pd.Series(made[name]) == parts[name]).all()


def test_counter_that_starts_anywhere_is_a_static_number():
    start = draws(7).integers(0, 900, len(LENGTHS))
    parts = {"age": pd.Series(start[OF] + 3 * STEP)}
    found = find(parts)
    assert found["age"].describe() == "counts the steps of a sequence by 3 from where the sequence starts"
    assert found.starts == {"age"}
    learned = found.forward(parts, LENGTHS)["age"]
    np.testing.assert_array_equal(learned, start)
    made = found.inverse({"age": learned.array}, KEYS, STAMPS, LENGTHS)["age"]
    pd.testing.assert_series_equal(pd.Series(made), parts["age"], check_names=False)


def test_start_of_a_counter_is_told_by_any_known_row():
    start = draws(7).integers(0, 900, len(LENGTHS))
    whole = pd.Series(start[OF] + 3.0 * STEP)
    found = find({"age": whole})
    np.testing.assert_array_equal(
        found.forward({"age": whole.mask(STEP == 0)}, LENGTHS)["age"][LENGTHS > 1], start[LENGTHS > 1]
    )


def test_column_that_does_not_move_or_moves_unevenly_is_no_counter():
    start = draws(7).integers(0, 900, len(LENGTHS))
    for parts in ({"x": pd.Series(start[OF])}, {"x": pd.Series(start[OF] + STEP**2)}):
        assert not find(parts).starts
