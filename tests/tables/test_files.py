"""Reading loses nothing, writing is whole or not at all, and each thing that can go wrong has its own words."""

import gzip
import importlib.util
import io
import os
import re
import sys

import numpy as np
import pandas as pd
import pytest

from tsgan.errors import InputError, ParameterError, SchemaError, TsganWarning
from tsgan.tables import files as tables


def _csv(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": ["007", "012", "100"],
            "when": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-04"]),
            "value": rng.standard_normal(3) * 1e-7,
            "count": [1, 2, 3],
            "flag": [True, False, True],
            "land": ["NA", "DE", "None"],
        }
    )


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "T.CSV"])
def test_what_is_written_comes_back(frame, tmp_path, name):
    tables.write(frame, tmp_path / name)
    pd.testing.assert_frame_equal(tables.read(tmp_path / name, time="when"), frame, check_dtype=False, check_exact=True)
    assert tables.read(tmp_path / name, time="when")["when"].dtype.kind == "M"
    assert os.listdir(tmp_path) == [name]


def test_csv_types(tmp_path):
    text = "code,zip,mixed,gap,share,word,yes,big\n1,01234,1,,NA,NA,True,0.1\n2,99999,x,3,0.5,null,False,1e300\n"
    frame = tables.read(_csv(tmp_path, text))
    assert frame["code"].tolist() == [1, 2]
    assert frame["zip"].tolist() == ["01234", "99999"]
    assert frame["mixed"].tolist() == ["1", "x"]
    assert frame["gap"].isna().tolist() == [True, False]
    assert frame["share"].dtype == "float64"
    assert frame["share"].isna().tolist() == [True, False]
    assert frame["word"].tolist() == ["NA", "null"]
    assert frame["yes"].dtype == bool
    assert frame["big"].tolist() == [0.1, 1e300]


def test_decimals_are_read_to_the_last_digit(tmp_path):
    rng = np.random.default_rng(1)
    values = rng.standard_normal(20_000) * 10.0 ** rng.integers(-20, 20, 20_000)
    tables.write(pd.DataFrame({"x": values}), tmp_path / "x.csv")
    np.testing.assert_array_equal(tables.read(tmp_path / "x.csv")["x"], values)


@pytest.mark.parametrize(
    ("texts", "moments"),
    [
        (["2024-01-01", "2024-01-02"], ["2024-01-01", "2024-01-02"]),
        (["2024-01-01", "2024-01-02 12:30"], ["2024-01-01", "2024-01-02 12:30"]),
        (["2012/01/31", "2012/02/01"], ["2012-01-31", "2012-02-01"]),
        (["31.12.2023", "01.01.2024"], ["2023-12-31", "2024-01-01"]),
        (["01/12/2023", "31/12/2023"], ["2023-12-01", "2023-12-31"]),
    ],
)
def test_a_time_column_that_parses_completely_becomes_moments(tmp_path, texts, moments):
    frame = tables.read(_csv(tmp_path, "t,x\n" + "".join(f"{text},1\n" for text in texts)), time="t")
    assert frame["t"].tolist() == [pd.Timestamp(moment) for moment in moments]


@pytest.mark.parametrize(
    ("cells", "expected"), [(["3", "1"], [3, 1]), (["2024-01-01", "soon"], ["2024-01-01", "soon"])]
)
def test_a_time_column_that_does_not_parse_stays_as_it_is(tmp_path, cells, expected):
    frame = tables.read(_csv(tmp_path, "t,x\n" + "".join(f"{cell},1\n" for cell in cells)), time="t")
    assert frame["t"].tolist() == expected


@pytest.mark.parametrize(
    ("index", "columns"),
    [
        (pd.RangeIndex(2), ["x"]),
        (pd.RangeIndex(2, name="row"), ["row", "x"]),
        (pd.date_range("2024", periods=2), ["time", "x"]),
        (pd.MultiIndex.from_product([[0], [0, 1]], names=["sequence", None]), ["sequence", "step", "x"]),
        (pd.MultiIndex.from_product([[0], pd.date_range("2024", periods=2)], names=["x_", "day"]), ["x_", "day", "x"]),
    ],
)
def test_the_index_is_written_when_it_carries_something(tmp_path, index, columns):
    frame = pd.DataFrame({"x": [1, 2]}, index=index)
    tables.write(frame, tmp_path / "t.csv")
    assert list(tables.read(tmp_path / "t.csv")) == columns
    tables.write(frame, tmp_path / "t.parquet")
    back = tables.read(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(back, frame, check_dtype=False, check_index_type=False, check_freq=False)


def test_an_unnamed_index_takes_a_name_that_is_free(tmp_path):
    tables.write(pd.DataFrame({"time": [1, 2]}, index=pd.date_range("2024", periods=2)), tmp_path / "t.csv")
    assert list(tables.read(tmp_path / "t.csv")) == ["time_1", "time"]


def test_row_numbers_that_pandas_wrote_are_left_out_with_a_warning(tmp_path, frame):
    frame.to_csv(tmp_path / "t.csv")
    with pytest.warns(TsganWarning, match="the first column has no name and counts the rows"):
        assert list(tables.read(tmp_path / "t.csv")) == list(frame)


def test_standard_input_and_output(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"id,x\n01,1.5\n02,2.5\n")))
    frame = tables.read("-")
    assert frame["id"].tolist() == ["01", "02"]
    tables.write(frame, "-")
    assert capsys.readouterr().out == "id,x\n01,1.5\n02,2.5\n"


def test_gzip_bytes_depend_on_the_table_alone(tmp_path, frame):
    tables.write(frame, tmp_path / "a.csv.gz")
    tables.write(frame, tmp_path / "b.csv.gz")
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).startswith(b"id,when")
    assert (tmp_path / "a.csv.gz").read_bytes()[4:8] == (tmp_path / "b.csv.gz").read_bytes()[4:8] == bytes(4)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_a_crash_while_writing_leaves_the_old_table_whole(tmp_path, frame, monkeypatch, name):
    tables.write(frame, tmp_path / name)
    before = (tmp_path / name).read_bytes()

    def crash(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(InputError, match=re.escape(f"{name}: cannot be written: No space left on device")):
        tables.write(frame.head(1), tmp_path / name)
    assert (tmp_path / name).read_bytes() == before
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", InputError, "table.csv: the file is empty"),
        ("\n\n", InputError, "the file is empty"),
        ("a,b\n", InputError, "the table has a header but no rows"),
        ("a,b\n1,2\n1,2,3\n", InputError, "cannot be read as csv: .*Expected 2 fields in line 3, saw 3"),
        ("a,b\n1,2,3\n4,5,6\n", InputError, "cannot be read as csv: Length of header or names does not match"),
        ('a,b\n"1,2\n', InputError, "cannot be read as csv: .*EOF inside string"),
        ("a,b,a\n1,2,3\n", SchemaError, r"columns with the same name: \['a'\]; rename them"),
    ],
)
def test_a_malformed_csv_is_refused_in_words(tmp_path, text, kind, words):
    with pytest.raises(kind, match=words):
        tables.read(_csv(tmp_path, text))


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_bytes_that_are_no_table_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\xfe\x00\x81 no table")
    kind = "parquet" if name == "t.parquet" else "csv"
    with pytest.raises(InputError, match=f"{name}: cannot be read as {kind}: "):
        tables.read(tmp_path / name)


def test_an_empty_parquet_is_refused(tmp_path):
    pd.DataFrame({"x": []}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="the table has no rows"):
        tables.read(tmp_path / "t.parquet")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_missing_file_a_folder_and_an_unknown_ending(tmp_path, frame, name):
    with pytest.raises(InputError, match=f"{name}: no such file"):
        tables.read(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=f"{name}: is a folder, not a table"):
        tables.read(tmp_path / name)
    words = re.escape("t.xlsx: unknown kind of table; the name must end in .csv, .csv.gz, .parquet (or be - for csv)")
    with pytest.raises(InputError, match=words):
        tables.read("t.xlsx")
    with pytest.raises(InputError, match=words):
        tables.write(frame, "t.xlsx")


def test_writing_into_a_folder_that_is_not_there(tmp_path, frame):
    with pytest.raises(InputError, match=r"t\.csv: cannot be written: "):
        tables.write(frame, tmp_path / "absent" / "t.csv")


def test_an_unknown_time_column_is_named(tmp_path):
    with pytest.raises(SchemaError, match=re.escape("there is no column 'when'; its columns are ['a', 'b']")):
        tables.read(_csv(tmp_path, "a,b\n1,2\n"), time="when")


def test_without_pyarrow_the_error_says_what_to_install(tmp_path, frame, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "pyarrow" else find(name, *a))
    (tmp_path / "t.parquet").write_bytes(b"")
    words = re.escape("parquet needs pyarrow; install it with: pip install tsgan[parquet]")
    with pytest.raises(InputError, match=words):
        tables.read(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=words):
        tables.write(frame, tmp_path / "t.parquet")


RISKY = {"note": ["=1+1", "+2", "-x", "@me", "\tx", "a=b", "-"], "=name": [-1.5, 2, 3, 4, 5, 6, 7]}
SAFE = ["'=1+1", "'+2", "'-x", "'@me", "'\tx", "a=b", "'-"]


@pytest.mark.parametrize("kind", ["str", "object", "category"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_on_request(tmp_path, kind):
    frame = pd.DataFrame(RISKY).astype({"note": kind})
    tables.write(frame, tmp_path / "plain.csv")
    assert tables.read(tmp_path / "plain.csv")["note"].tolist() == RISKY["note"]
    with tables.Writer(tmp_path / "safe.csv", safe=True) as out:
        out.write(frame.assign(lasts=pd.to_timedelta([-1] * 7, unit="h")))
    made = tables.read(tmp_path / "safe.csv")
    assert made["note"].tolist() == SAFE
    assert made["'=name"].tolist() == RISKY["=name"]
    assert made["lasts"].iloc[0] == "-1 days +23:00:00"
    assert frame["note"].tolist() == RISKY["note"]


def test_parquet_is_not_made_safe(tmp_path):
    with pytest.raises(
        ParameterError, match=r"t.parquet: only a csv can be made safe for spreadsheets; parquet has no"
    ):
        tables.Writer(tmp_path / "t.parquet", safe=True)


def test_an_index_named_as_a_column_is_written_beside_it(tmp_path):
    frame = pd.DataFrame({"when": ["a", "b"]}, index=pd.Index([3, 4], name="when"))
    tables.write(frame, tmp_path / "t.csv")
    assert tables.read(tmp_path / "t.csv").to_dict("list") == {"when_1": [3, 4], "when": ["a", "b"]}


def test_parquet_whose_names_are_categories_is_refused(tmp_path):
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]})
    frame.set_axis(pd.CategoricalIndex(["a", "b"]), axis=1).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"t.parquet: cannot be read as parquet: data type 'categorical' not"):
        tables.read(tmp_path / "t.parquet")
