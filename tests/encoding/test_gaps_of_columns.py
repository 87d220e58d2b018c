"""What gaps are like is told, and another table may have gaps only where the fitted one had some."""

import numpy as np
import pandas as pd
import pytest
from decoding import decoded
from through_json import through_json

from tsgan.encoding.encoder import Encoder
from tsgan.encoding.missing import Gaps, Missing
from tsgan.errors import InputError
from tsgan.holders import Sharing


def holed(mask, values=None):
    return pd.Series(np.where(mask, np.nan, 1.0 if values is None else values))


def fit(parts, statics, lengths):
    return through_json(Missing.fit(parts, statics, np.array(lengths), Sharing(np.array(lengths), 0)))


def test_without_gaps_there_is_nothing():
    assert fit({"a": holed([False] * 4)}, set(), [4]) == Missing((), {})


def test_columns_that_miss_together_are_told():
    mask = np.array([0, 1, 1, 0, 0, 1, 0, 0], dtype=bool)
    parts = {
        "a": holed(mask),
        "b": pd.Series(np.where(mask, None, "x"), dtype=object),
        "c": holed(~mask),
        3: pd.Series(pd.array(np.where(mask, 0, 5), dtype="Int64")).mask(pd.Series(mask)),
        "whole": pd.Series([1.0] * 8),
    }
    gaps = fit(parts, set(), [4, 4]).gaps
    assert list(gaps) == ["a", "b", "c", 3]
    assert gaps["b"] == Gaps(3 / 8, 2, 0, ("a", 3))
    assert str(gaps["b"]) == "37.5 % missing, runs of up to 2, together with 'a', 3"


def test_runs_end_with_their_sequence():
    mask = np.array([0, 1, 1, 1, 0, 0, 1, 1], dtype=bool)
    gap = fit({"a": holed(mask)}, set(), [3, 3, 2]).gaps["a"]
    assert (gap.longest, gap.throughout) == (2, 1)
    assert str(gap) == "62.5 % missing, runs of up to 2, throughout in 1 sequences"


def test_statics_have_gaps_of_sequences():
    mask = np.array([1, 0, 0], dtype=bool)
    gaps = fit({"x": holed(np.repeat(mask, 2)), "s": holed(mask)}, {"s"}, [2, 2, 2]).gaps
    assert gaps["s"] == Gaps(1 / 3, 1, 1)
    assert gaps["x"].together == ()


def test_a_column_without_values_is_empty():
    found = fit({"a": holed([True] * 4), "s": holed([True] * 2), "b": holed([False] * 4)}, {"s"}, [2, 2])
    assert found.empty == ("a", "s")
    assert str(found.gaps["a"]) == "always missing"


def test_gaps_where_there_were_none_are_an_error():
    found = fit({"a": holed([0, 1, 0, 0, 0, 0]), "c": holed([0] * 6)}, set(), [3, 3])
    text = (
        r"column 'c' is missing in 2 of 6 rows, first in row 2, but had no gaps when fitted; fill it .*or fit a table"
    )
    with pytest.raises(InputError, match=text):
        found.check({"a": holed([0] * 6), "c": holed([0, 0, 1, 0, 1, 0])})
    found.check({"a": holed([1, 0, 0, 1, 0, 0]), "c": holed([0] * 6)})


def test_values_where_there_were_none_are_an_error():
    found = fit({"a": holed([0, 1, 0]), "d": holed([1] * 3)}, set(), [3])
    with pytest.raises(InputError, match=r"column 'd' has a value in row 2, but had none at all when fitted; set it"):
        found.check({"a": holed([0, 1, 0]), "d": holed([1, 1, 0])})


class TestCells:
    """A missing value is NaN in its cell, and the cell says that it may be missing, and with which other."""

    def table(self):
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(rng.normal(size=(60, 4)).round(2), columns=list("abcd"))
        frame["k"] = rng.choice(["u", "v"], 60)
        frame["one"] = 7.0
        both = rng.random(60) < 0.3
        frame.loc[both, ["b", "d", "k", "one"]] = None
        frame.loc[rng.random(60) < 0.3, "c"] = np.nan
        return frame

    def test_they_say_so(self):
        encoder = Encoder().fit(self.table())
        told = {cell.name: (cell.missing, cell.together) for cell in encoder.stages.layout.cells}
        assert told == {
            "k": (True, -1), "one": (False, -1), "a": (False, -1), "b": (True, 0), "c": (True, -1), "d": (True, 0),
        }  # fmt: skip
        assert encoder.stages.layout.cells[1].levels == 2

    def test_gaps_come_back_where_they_fell(self):
        frame = self.table()
        encoder = Encoder().fit(frame)
        panel = encoder.encode(frame)
        names = ["a", "b", "c", "d", "k"]
        own = panel.values[:, [encoder.stages.cells.place(name) for name in names]]
        np.testing.assert_array_equal(np.isnan(own), frame[names].isna())
        pd.testing.assert_frame_equal(decoded(encoder, panel, squeeze=True), frame, check_exact=True)

    def test_other_gaps_come_back_too(self):
        frame = self.table()
        encoder = Encoder().fit(frame)
        other = frame.copy()
        other.loc[3:9, "b"] = np.nan
        other.loc[5:7, "k"] = None
        pd.testing.assert_frame_equal(decoded(encoder, encoder.encode(other), squeeze=True), other, check_exact=True)

    def test_statics_too(self):
        frame = pd.DataFrame({"who": np.repeat(np.arange(40), 3), "x": np.random.default_rng(0).normal(size=120)})
        frame["age"] = np.repeat(np.where(np.arange(40) % 3 == 0, np.nan, np.arange(40.0)), 3)
        frame["ward"] = np.repeat(np.where(np.arange(40) % 3 == 0, None, np.arange(40) % 2 > 0), 3)
        encoder = Encoder(entity="who", static=["age", "ward"]).fit(frame)
        assert [(cell.missing, cell.together) for cell in encoder.stages.layout.statics] == [(True, -1), (True, 0)]
        panel = encoder.encode(frame)
        np.testing.assert_array_equal(np.isnan(panel.statics[:, 0]), np.arange(40) % 3 == 0)
        made = decoded(encoder, panel)[["age", "ward"]]
        pd.testing.assert_frame_equal(made, frame[["age", "ward"]], check_exact=True)
