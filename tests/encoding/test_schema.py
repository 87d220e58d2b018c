"""A schema is a table to read."""

import numpy as np
import pandas as pd
import pytest

from tsgan.encoding.encoder import Encoder


@pytest.fixture
def schema():
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {
            "who": np.repeat(["a1", "a2", "a3"], 40),
            "day": np.tile(pd.date_range("2020-01-01", periods=40), 3),
            "sex": np.repeat(["f", "m", "f"], 40),
            "x": rng.normal(size=120).round(2),
            "n": rng.integers(0, 5, 120),
            "unit": "mm",
        }
    )
    return Encoder(entity="who", time="day", static=["sex"]).fit(data).stages.schema


def test_it_prints_as_an_aligned_table(schema):
    lines = str(schema).splitlines()
    assert lines[0].split() == ["column", "role", "kind", "dtype", "decimals", "range", "scaler", "reason"]
    assert lines[2].split()[:3] == ["who", "entity", "key"]
    assert "new keys a10 .." in lines[2]
    assert "from 2020-01-01 00:00:00" in lines[3]
    assert lines[3].endswith("every D")
    assert lines[4].split()[-3:] == ["levels", "f,", "m"]
    assert lines[5].split()[:5] == ["x", "value", "float", "float64", "2"]
    assert lines[6].endswith("standard  5 distinct values")
    assert "one value" in lines[7]
    at = lines[0].index("scaler")
    assert lines[5][at:].startswith("standard")


def test_lines_are_found_by_name_and_role(schema):
    assert len(schema) == 6
    assert [line.name for line in schema] == ["who", "day", "sex", "x", "n", "unit"]
    assert schema["n"].kind == "integer"
    assert (schema["n"].low, schema["n"].high) == (0, 4)
    assert schema["sex"].levels == 2
    assert [line.name for line in schema if line.role == "value"] == ["x", "n", "unit"]
    assert [line.name for line in schema if line.role == "static"] == ["sex"]
    with pytest.raises(KeyError):
        schema["y"]


def test_an_index_without_a_name_has_a_line():
    data = pd.DataFrame({"x": np.arange(30) % 7}, index=pd.date_range("2020", periods=30, freq="h"))
    schema = Encoder().fit(data).stages.schema
    assert [line.name for line in schema if line.role == "time"] == [None]
    assert str(schema).splitlines()[2].startswith("(index)")
