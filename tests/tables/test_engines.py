"""Tables of engines are known by their names and methods, and come as frames; what is written on the way goes again."""

import errno
import tempfile

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN
from tsgan.errors import InputError
from tsgan.tables.engines import engine_of
from tsgan.tables.sources import in_parts


class Partition:
    def __init__(self, frame):
        self.frame = frame

    def compute(self):
        return self.frame


class Table:
    """As a DataFrame of Dask looks from outside."""

    def __init__(self, frames):
        self.partitions = [Partition(frame) for frame in frames]
        self.npartitions = len(frames)


Table.__module__ = "dask.dataframe.table"
SERIES = pd.DataFrame({"x": np.random.default_rng(0).normal(size=90).cumsum()}, index=pd.RangeIndex(90))
QUICK = {"steps": 0, "hidden": 4, "units": 8, "random_state": 0}


@pytest.fixture
def room(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_is_a_table_of_an_engine():
    table = Table([SERIES])
    assert engine_of(table) == "dask"
    assert in_parts(table)
    assert engine_of(SERIES) == engine_of(Partition(SERIES)) == ""
    del table.npartitions  # another class of that library
    assert engine_of(table) == ""


def test_partitions_are_one_table(room):
    drawn = RecurrentGAN(**QUICK).fit(Table([SERIES[:40], SERIES[40:]])).sample(1, 50)
    pd.testing.assert_frame_equal(drawn, RecurrentGAN(**QUICK).fit([SERIES]).sample(1, 50))
    assert list(room.iterdir()) == []


def test_partitions_of_other_columns(room):
    with pytest.raises(
        InputError, match=r"part 2: the columns are not those of part 1: missing \['x'\], not known \['y'"
    ):
        RecurrentGAN(**QUICK).fit(Table([SERIES, SERIES.rename(columns={"x": "y"})]))
    with pytest.raises(InputError, match="part 1 is a Table; every part must be a pandas DataFrame"):
        RecurrentGAN(**QUICK).fit(Table([Table([])]))
    with pytest.raises(InputError, match="there are no parts"):
        RecurrentGAN(**QUICK).fit(Table([]))
    assert list(room.iterdir()) == []


def test_no_space_is_left(room, monkeypatch):
    from pyarrow import parquet

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parquet.ParquetWriter, "write_table", full)
    with pytest.raises(InputError, match=r"part-0.parquet: cannot be written: No space left on device"):
        RecurrentGAN(**QUICK).fit(Table([SERIES]))
    assert list(room.iterdir()) == []
