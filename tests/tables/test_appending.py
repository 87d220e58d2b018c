"""A table written by pieces is the table written whole, or is not there at all."""

import os
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsgan.errors import InputError
from tsgan.tables import files as tables

ENDINGS = ["t.csv", "t.csv.gz", "t.parquet"]


def _frame(rows=60):
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=rows, freq="12h", name="when")
    frame = pd.DataFrame(
        {
            "x": rng.standard_normal(rows),
            "few": pd.array(rng.integers(0, 9, rows), dtype="Int64"),
            "small": rng.integers(0, 9, rows).astype("int8"),
            "hole": np.where(rng.random(rows) < 0.5, np.nan, rng.standard_normal(rows)),
            "word": rng.choice(["a", "b,\nc", 'd"'], rows),
            "kind": pd.Categorical(rng.choice(["b", "a"], rows), categories=["b", "a", "never"]),
            "grade": pd.Categorical(rng.choice(["lo", "hi"], rows), categories=["lo", "mid", "hi"], ordered=True),
            "flag": rng.random(rows) < 0.5,
            "span": pd.to_timedelta(rng.integers(0, 4, rows) * 12, unit="h"),
            "zoned": days.tz_localize("Europe/Berlin"),
        },
        index=days,
    )
    frame.loc[frame.index[:3], "few"] = pd.NA
    return frame


def _by_pieces(frame, path, cuts):
    with tables.Writer(path) as out:
        for a, b in zip([0, *cuts], [*cuts, len(frame)], strict=True):
            out.write(frame.iloc[a:b])
    assert out.rows == len(frame)


@pytest.mark.parametrize("name", ENDINGS)
@given(cuts=st.lists(st.integers(0, 60), max_size=4).map(sorted))
def test_pieces_read_back_as_the_whole(tmp_path_factory, name, cuts):
    folder = tmp_path_factory.mktemp("out")
    frame = _frame()
    tables.write(frame, folder / name)
    whole = tables.read(folder / name, time="when")
    _by_pieces(frame, folder / name, cuts)
    pd.testing.assert_frame_equal(tables.read(folder / name, time="when"), whole)
    assert os.listdir(folder) == [name]


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(6),
        pd.RangeIndex(3, 9, name="row"),
        pd.period_range("2024", periods=6, freq="M"),
        pd.MultiIndex.from_product([[0, 1], pd.date_range("2024", periods=3)], names=["sequence", None]),
        pd.MultiIndex.from_product([["p", "q"], [0, 1, 2]], names=["patient", "step"]),
    ],
)
@pytest.mark.parametrize("name", ENDINGS)
def test_the_index_goes_on(tmp_path, index, name):
    frame = pd.DataFrame({"x": np.arange(6.0)}, index=index)
    tables.write(frame, tmp_path / name)
    whole = tables.read(tmp_path / name)
    _by_pieces(frame, tmp_path / name, [2, 4])
    pd.testing.assert_frame_equal(tables.read(tmp_path / name), whole)


def _write(path, pieces, error=None):
    with tables.Writer(path) as out:
        for piece in pieces:
            out.write(piece)
        if error is not None:
            raise error


def test_the_text_of_a_csv_by_pieces_is_that_of_the_whole(tmp_path, capsys):
    frame = _frame()
    tables.write(frame, tmp_path / "whole.csv")
    _by_pieces(frame, tmp_path / "pieces.csv", [2, 30])
    assert (tmp_path / "pieces.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    _by_pieces(frame, "-", [7])
    assert capsys.readouterr().out == (tmp_path / "whole.csv").read_text()


def test_moments_of_a_csv_get_digits_when_a_piece_needs_them_and_keep_them(tmp_path):
    stamps = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-02 06:30", "2024-01-03", None], format="ISO8601")
    frame = pd.DataFrame({"t": stamps, "x": range(5)})
    _by_pieces(frame, tmp_path / "t.csv", [2, 3])
    texts = [line.split(",")[0] for line in (tmp_path / "t.csv").read_text().splitlines()[1:]]
    assert texts == ["2024-01-01", "2024-01-02", "2024-01-02 06:30:00", "2024-01-03 00:00:00", ""]
    pd.testing.assert_series_equal(tables.read(tmp_path / "t.csv", time="t")["t"], frame["t"])


def test_categories_that_differ_from_piece_to_piece_are_united(tmp_path):
    with tables.Writer(tmp_path / "t.parquet") as out:
        for keys in (["p1", "p2"], ["p3"], [f"q{i}" for i in range(300)]):
            out.write(pd.DataFrame({"key": pd.Categorical(keys)}))
    back = tables.read(tmp_path / "t.parquet")["key"]
    assert isinstance(back.dtype, pd.CategoricalDtype)
    assert back.tolist()[:4] == ["p1", "p2", "p3", "q0"]
    assert len(back.cat.categories) == 303
    assert back.cat.codes.dtype == "int16"


def test_later_pieces_may_need_wider_types(tmp_path):
    pieces = [
        pd.DataFrame({"id": np.array([1, 2], "int8"), "note": [None, None], "x": [1, 2]}),
        pd.DataFrame({"id": np.array([300], "int64"), "note": ["late"], "x": [0.5]}),
        pd.DataFrame({"id": np.array([4], "int8"), "note": [None], "x": [7]}),
    ]
    _write(tmp_path / "t.parquet", pieces)
    back = tables.read(tmp_path / "t.parquet")
    assert back["id"].tolist() == [1, 2, 300, 4]
    assert back["id"].dtype == "int64"
    assert back["note"].tolist()[2] == "late"
    assert back["note"].isna().tolist() == [True, True, False, True]
    assert back["x"].tolist() == [1.0, 2.0, 0.5, 7.0]
    assert os.listdir(tmp_path) == ["t.parquet"]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"a": ["x"]}, "t.parquet: a piece does not fit those before it: Unable to merge: Field a has incompatible"),
        ({"b": [1]}, "t.parquet: a piece has the columns ['b'], the pieces before it ['a']"),
    ],
)
def test_a_piece_that_does_not_fit_is_refused_and_nothing_is_left(tmp_path, second, words):
    with pytest.raises(InputError, match=re.escape(words)):
        _write(tmp_path / "t.parquet", [pd.DataFrame({"a": [1]}), pd.DataFrame(second)])
    assert os.listdir(tmp_path) == []


def test_an_ordered_category_keeps_its_levels(tmp_path):
    def piece(levels):
        return pd.DataFrame({"g": pd.Categorical(["lo"], categories=levels, ordered=True)})

    words = "column 'g' is an ordered category with the levels ['hi', 'lo'], in the pieces before ['lo', 'hi']; give"
    with pytest.raises(InputError, match=re.escape(words)):
        _write(tmp_path / "t.parquet", [piece(["lo", "hi"]), piece(["hi", "lo"])])


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_interruption_leaves_the_old_table(tmp_path, name, kind):
    tables.write(_frame(), tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(kind):
        _write(tmp_path / name, [_frame(9)], kind())
    assert (tmp_path / name).read_bytes() == before
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ENDINGS)
def test_no_piece_is_no_table(tmp_path, name):
    with pytest.raises(InputError, match="no piece was written, so there is no table"):
        _write(tmp_path / name, [])
    assert os.listdir(tmp_path) == []


def test_parquet_is_read_by_bounded_frames(tmp_path):
    frame = _frame()
    tables.write(frame, tmp_path / "t.parquet")
    parts = list(tables.batches(tmp_path / "t.parquet", rows=25))
    assert [len(part) for part in parts] == [25, 25, 10]
    pd.testing.assert_frame_equal(pd.concat(parts), frame, check_freq=False)
    fields = tables.fields(tmp_path / "t.parquet")
    assert list(fields) == [*frame.columns, "when"]
    assert fields["kind"] == "category of string"
    assert fields["small"] == "int8"
    with pytest.raises(InputError, match=r"u\.parquet: no such file"):
        next(tables.batches(tmp_path / "u.parquet"))
    (tmp_path / "u.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match=r"u\.parquet: cannot be read as parquet: "):
        tables.fields(tmp_path / "u.parquet")


def test_a_column_of_mixed_objects_is_told(tmp_path):
    with pytest.raises(InputError, match=r"t\.parquet: cannot be written as parquet: .*Conversion failed for column o"):
        tables.write(pd.DataFrame({"o": [1, "x"]}, dtype=object), tmp_path / "t.parquet")
    assert os.listdir(tmp_path) == []
