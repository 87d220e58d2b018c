"""A csv in any dialect is read as the same table, and written in the dialect that was read."""

import codecs
import io
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsgan import RecurrentGAN
from tsgan.errors import InputError
from tsgan.tables import files as tables
from tsgan.tables.dialect import Dialect

FORMATS = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%d/%m/%Y %I:%M:%S %p"]
ENCODINGS = ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"]


def _frame(seed, rows=30):
    rng = np.random.default_rng(seed)
    gaps = rng.random(rows) < 0.3
    gaps[0] = True
    return pd.DataFrame(
        {
            "zeit": pd.date_range("2024-01-01 03:00", periods=rows, freq="27h").as_unit("us"),
            "x": rng.normal(size=rows).round(3),
            "n": pd.array(np.where(gaps, None, rng.integers(-(2**62), 2**62, rows)), dtype="Int64"),
            "k": rng.integers(0, 9, rows),
            "wort": rng.choice(["grün", "a b", 'a "b"', "süß"], rows),
        }
    )


def _written(frame, path, sep, decimal, encoding, time_format):
    """Write a table by other means than those under test."""
    plain = frame.assign(zeit=frame["zeit"].dt.strftime(time_format))
    text = plain.to_csv(index=False, sep=sep, decimal=decimal, lineterminator="\n")
    path.write_bytes(text.encode(encoding))
    return path


@settings(max_examples=40, deadline=None)
@given(
    sep=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    encoding=st.sampled_from(ENCODINGS),
    time_format=st.sampled_from(FORMATS),
    seed=st.integers(0, 9),
    told=st.booleans(),
)
def test_a_table_in_any_dialect_is_read_as_it_is_and_written_as_it_was(
    tmp_path_factory, sep, decimal, encoding, time_format, seed, told
):
    sep = ";" if sep == "," and decimal == "," else sep
    folder = tmp_path_factory.mktemp("dialects")
    frame = _frame(seed)
    path = _written(frame, folder / "a.csv", sep, decimal, encoding, time_format)
    asked = Dialect(sep, decimal, encoding, time_format) if told else Dialect()
    read = tables.read(path, "zeit", asked)
    pd.testing.assert_frame_equal(read.astype({"wort": object}), frame.astype({"wort": object}), check_exact=True)
    tables.write(read, folder / "b.csv")
    assert (folder / "b.csv").read_bytes() == path.read_bytes()


def test_pieces_are_written_in_the_dialect_that_the_first_carries(tmp_path):
    path = _written(_frame(0), tmp_path / "a.csv", ";", ",", "utf-16", "%m/%d/%Y %I:%M %p")
    read = tables.read(path, "zeit")
    with tables.Writer(tmp_path / "b.csv") as out:
        out.write(read.iloc[:11])
        out.write(read.iloc[11:])
    assert (tmp_path / "b.csv").read_bytes() == path.read_bytes()


def test_a_model_keeps_the_dialect_and_draws_in_it(tmp_path):
    path = _written(_frame(0, 80), tmp_path / "a.csv", ";", ",", "latin-1", "%d.%m.%Y %H:%M")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = RecurrentGAN(time="zeit", steps=0, verbose=False, random_state=0).fit(tables.read(path, "zeit"))
    model.save(tmp_path / "model")
    drawn = RecurrentGAN.load(tmp_path / "model").sample(1, length=20)
    tables.write(drawn, tmp_path / "b.csv")
    text = (tmp_path / "b.csv").read_text("latin-1")
    assert text.splitlines()[0] == "zeit;x;n;k;wort"
    assert Dialect.of(tables.read(tmp_path / "b.csv", "zeit")) == Dialect.of(tables.read(path, "zeit"))
    tables.write(drawn, tmp_path / "b.parquet")
    assert len(tables.read(tmp_path / "b.parquet")) == 20


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ("1,\n2,\n,\n", [1, 2, None]),
        ("NA,\n9007199254740993,\n", [None, 9007199254740993]),
        (",\n18446744073709551615,\n", [None, 18446744073709551615]),
        ("-1,\n,\n", [-1, None]),
    ],
)
def test_whole_numbers_with_gaps_stay_whole(tmp_path, cells, values):
    (tmp_path / "a.csv").write_text("x,y\n" + cells)
    x = tables.read(tmp_path / "a.csv")["x"]
    assert [None if pd.isna(value) else int(value) for value in x] == values
    assert str(x.dtype) == ("UInt64" if 18446744073709551615 in values else "Int64")
    tables.write(x.to_frame().assign(z=1), tmp_path / "b.csv")
    assert ".0" not in (tmp_path / "b.csv").read_text()


def test_decimals_with_gaps_stay_decimals(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1.0,1\n,2\n3.0,3\n")
    assert tables.read(tmp_path / "a.csv")["x"].dtype == "float64"


OFFSETS = "t,x\n2021-03-28 00:00:00+01:00,1\n2021-03-28 01:00:00+01:00,2\n2021-03-28 03:00:00+02:00,3\n"


@pytest.mark.parametrize(("zone", "taken"), [(None, "UTC"), ("Europe/Berlin", "Europe/Berlin")])
def test_offsets_across_daylight_saving_are_one_zone(tmp_path, zone, taken):
    (tmp_path / "a.csv").write_text(OFFSETS)
    read = tables.read(tmp_path / "a.csv", "t", Dialect(zone=zone))
    assert str(read["t"].dt.tz) == taken
    assert (read["t"].diff().dropna() == pd.Timedelta("1h")).all()
    assert ("as UTC" in Dialect.of(read).taken(Dialect(zone=zone))) == (zone is None)
    tables.write(read, tmp_path / "b.csv")
    again = tables.read(tmp_path / "b.csv", "t", Dialect(zone=zone))
    assert again["t"].tolist() == read["t"].tolist()


def test_a_wall_clock_takes_a_zone_and_goes_back_to_the_wall(tmp_path):
    wall = pd.date_range("2021-10-30 12:00", periods=30, freq="h", tz="Europe/Berlin").tz_localize(None)
    text = "t,x\n" + "".join(f"{moment:%d.%m.%Y %H:%M},1\n" for moment in wall)
    (tmp_path / "a.csv").write_text(text)
    read = tables.read(tmp_path / "a.csv", "t", Dialect(zone="Europe/Berlin"))
    assert (read["t"].diff().dropna() == pd.Timedelta("1h")).all()
    tables.write(read, tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text() == text


def test_days_and_months_are_those_of_the_table_beside_it(tmp_path):
    (tmp_path / "a.csv").write_text("t,x\n13/01/2024,1\n14/01/2024,2\n")
    (tmp_path / "b.csv").write_text("t,x\n01/02/2024,1\n02/02/2024,2\n")
    real = tables.read(tmp_path / "a.csv", "t")
    assert tables.read(tmp_path / "b.csv", "t", like=real)["t"].tolist() == list(pd.date_range("2024-02-01", periods=2))


def test_grouped_numbers_stay_text_for_the_model_to_read(tmp_path):
    (tmp_path / "a.csv").write_text('x,p\n1,"1,234.50"\n2,"2,000.00"\n')
    assert tables.read(tmp_path / "a.csv")["p"].tolist() == ["1,234.50", "2,000.00"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sep": ";;"}, "--sep ';;' is not one character"),
        ({"decimal": "x"}, "--decimal 'x' is neither"),
        ({"encoding": "klingon"}, "--encoding 'klingon' is not known; give for instance utf-8"),
        ({"zone": "Europe/Nowhere"}, "--zone 'Europe/Nowhere' is not known"),
    ],
)
def test_a_wrong_dialect_is_refused_by_its_flag(arguments, words):
    with pytest.raises(InputError, match=words):
        Dialect(**arguments)


@pytest.mark.parametrize(
    ("data", "dialect", "words"),
    [
        (b"t,x\n2024-01-01,1\n", Dialect(time_format="%d.%m.%Y"), "not all written as --time-format '%d.%m.%Y' says"),
        (b"t,x\nsoon,1\n", Dialect(zone="UTC"), "such as 'soon', which is no moment; .* --time-format"),
        (b"t,x\n\xe4,1\n", Dialect(encoding="ascii"), "name its encoding with --encoding, for instance latin-1"),
        (b't,x\n"a,1\nb;2,3,4\n', Dialect(), "name the separator with --sep if it is not ','"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_flag(tmp_path, data, dialect, words):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(InputError, match=words):
        tables.read(tmp_path / "a.csv", "t", dialect)


@pytest.mark.parametrize(
    ("text", "values", "decimal"),
    [
        ("a;b\n1,234;1.5\n2,345;2.5\n", {"a": ["1,234", "2,345"], "b": [1.5, 2.5]}, "."),
        ("a;b\n1,234;7\n2,345;8\n", {"a": [1.234, 2.345], "b": [7, 8]}, ","),
        ("a;b\n1.234,56;1,5\n234,50;2,5\n", {"a": ["1.234,56", "234,50"], "b": [1.5, 2.5]}, ","),
        ("a;b\n1,5;x\nNA;y\n3;z\n", {"a": [1.5, None, 3.0], "b": ["x", "y", "z"]}, ","),
        ("a,b\nTrue,1\n,2\n", {"a": [True, None], "b": [1, 2]}, "."),
        ('a,b\n"x;y",1\n"z;w",2\n', {"a": ["x;y", "z;w"], "b": [1, 2]}, "."),
    ],
)
def test_marks_are_told_apart(tmp_path, text, values, decimal):
    (tmp_path / "a.csv").write_text(text)
    read = tables.read(tmp_path / "a.csv")
    assert {name: [None if pd.isna(one) else one for one in column] for name, column in read.items()} == values
    assert Dialect.of(read).decimal == decimal


def test_a_date_of_digits_alone_is_a_date_where_its_format_is_given(tmp_path):
    (tmp_path / "a.csv").write_text("t,x\n20240131,1\n20240201,2\n")
    read = tables.read(tmp_path / "a.csv", "t", Dialect(time_format="%Y%m%d"))
    assert read["t"].tolist() == list(pd.date_range("2024-01-31", periods=2))
    tables.write(read, tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "a.csv").read_text()


def test_standard_input_is_sniffed_like_a_file(monkeypatch):
    data = io.TextIOWrapper(io.BytesIO(codecs.BOM_UTF8 + "ä;b\n1,5;2\n".encode()))
    monkeypatch.setattr("sys.stdin", data)
    read = tables.read("-")
    assert read.to_dict("list") == {"ä": [1.5], "b": [2]}
    assert Dialect.of(read).taken(Dialect()) == "--sep ';', --decimal ','"
