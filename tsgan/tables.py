"""Tables on disk: csv and parquet, chosen by the file's ending.

A csv says nothing about types, so reading one takes care to lose nothing: identifiers with leading zeros stay text,
"NA" in a column of words stays a word, decimals are read to the last digit. Writing goes to a file beside the target
and renames it, so that a crash never leaves half a table.
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import warnings
from pathlib import Path
from typing import Any, cast

import pandas as pd

from .errors import InputError, SchemaError, TsganWarning

ENDINGS = (".csv", ".csv.gz", ".parquet")
STANDARD = "-"
_MISSING = frozenset({"NA", "N/A", "n/a", "<NA>", "NaN", "nan", "null", "NULL", "None", "#N/A"})
_EXACT = {"float_precision": "round_trip"} if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1) else {}


def read(path: str | Path, time: str | None = None) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str or Path
        Ends in .csv, .csv.gz or .parquet; "-" is standard input, as csv.
    time : str or None
        A column that holds moments: if it is text and every value parses, it comes back as datetime.

    Returns
    -------
    DataFrame
        Of a csv: columns of whole numbers, decimals and True/False are typed, all else stays text; empty cells are
        missing, and in a column that otherwise holds numbers so are NA, NaN, null and the like.

    Raises
    ------
    InputError
        If the file is missing, empty, of another ending, or cannot be read.
    SchemaError
        If two columns have the same name, or there is no column `time`.
    """
    frame = _read_parquet(Path(path)) if _ending(path) == ".parquet" else _read_csv(path)
    if time is not None:
        index = [name for name in frame.index.names if name is not None]
        if time not in frame.columns and time not in index:
            raise SchemaError(f"{path}: there is no column {time!r}; its columns are {list(frame.columns)}")
        if time in frame.columns and pd.api.types.is_string_dtype(frame[time].dtype):
            frame[time] = _moments(frame[time])
    return frame


def write(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table, whole or not at all.

    The index is written when it carries something: a name, moments, or several levels.

    Parameters
    ----------
    frame : DataFrame
    path : str or Path
        Ends in .csv, .csv.gz or .parquet; "-" is standard output, as csv.

    Raises
    ------
    InputError
        If the ending is another, or the file cannot be written.
    """
    ending = _ending(path)
    if str(path) == STANDARD:
        _named(frame).to_csv(sys.stdout, index=False, lineterminator="\n")
        return
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if ending == ".parquet":
            _need_pyarrow(target)
            frame.to_parquet(beside, engine="pyarrow", index=_informative(frame.index))
        else:
            packing: Any = {"method": "gzip", "mtime": 0} if ending == ".csv.gz" else None
            _named(frame).to_csv(beside, index=False, lineterminator="\n", compression=packing)
        os.replace(beside, target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


def _ending(path: str | Path) -> str:
    if str(path) == STANDARD:
        return ".csv"
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if str(path).lower().endswith(ending):
            return ending
    raise InputError(f"{path}: unknown kind of table; the name must end in {', '.join(ENDINGS)} (or be - for csv)")


def _exists(path: Path) -> None:
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: is a folder, not a table")


def _need_pyarrow(path: Path) -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise InputError(f"{path}: parquet needs pyarrow; install it with: pip install tsgan[parquet]")


def _read_parquet(path: Path) -> pd.DataFrame:
    _exists(path)
    _need_pyarrow(path)
    import pyarrow

    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read as parquet: {_line(error)}") from error
    if frame.empty:
        raise InputError(f"{path}: the table has no rows")
    return frame


def _read_csv(path: str | Path) -> pd.DataFrame:
    source: Path | bytes
    if str(path) == STANDARD:
        source, name, packing = sys.stdin.buffer.read(), "standard input", None
    else:
        source, name, packing = Path(path), str(path), "infer"
        _exists(source)

    def parse(**options: Any) -> pd.DataFrame:
        handle: Any = io.BytesIO(source) if isinstance(source, bytes) else source
        settings: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "compression": packing}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return cast("pd.DataFrame", pd.read_csv(handle, low_memory=False, **(settings | options)))

    try:
        header = parse(header=None, nrows=1, dtype=str).iloc[0]
        frame = parse(index_col=False, **_EXACT)
        whole = [i for i, kind in enumerate(frame.dtypes) if pd.api.types.is_integer_dtype(kind)]
        digits = parse(usecols=whole, dtype=str) if whole else frame.iloc[:, :0]
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{name}: the file is empty") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError, OSError, EOFError) as error:
        raise InputError(f"{name}: cannot be read as csv: {_line(error)}") from error
    twice = header[header.duplicated()].dropna().tolist()
    if twice:
        raise SchemaError(f"{name}: columns with the same name: {twice}; rename them")
    if frame.empty:
        raise InputError(f"{name}: the table has a header but no rows")
    for column in frame.columns:
        if pd.api.types.is_string_dtype(frame[column].dtype):
            frame[column] = _numbers(frame[column])
        elif column in digits.columns and digits[column].str.match(r"[+-]?0\d").any():
            frame[column] = digits[column]
    first = frame.columns[0]
    if pd.isna(header.iloc[0]) and len(frame.columns) > 1 and list(frame[first]) == list(range(len(frame))):
        text = f"{name}: the first column has no name and counts the rows; it is taken as row numbers and left out"
        warnings.warn(text, TsganWarning, stacklevel=3)
        frame = frame.drop(columns=first)
    return frame


def _numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a text column as numbers if, but for marks of missing values, it holds nothing else."""
    missing = column.isna() | column.isin(_MISSING)
    if missing.all() or not missing.any():
        return column
    try:
        numbers = column[~missing].astype("float64")
    except ValueError:
        return column
    return numbers.reindex(column.index)


def _moments(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a text column as datetime if every value parses in one format, else as it is."""
    attempts: list[dict[str, Any]] = [{"format": "ISO8601"}, {}, {"dayfirst": True}]
    for options in attempts:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", message="Parsing dates in")
            try:
                return pd.to_datetime(column, **options)
            except (ValueError, TypeError, OverflowError, UserWarning, FutureWarning):
                continue
    return column


def _informative(index: pd.Index[Any]) -> bool:
    return isinstance(index, pd.MultiIndex | pd.DatetimeIndex | pd.PeriodIndex) or index.name is not None


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with an informative index as its first columns, each with a name of its own."""
    if not _informative(frame.index):
        return frame
    taken = {str(name) for name in [*frame.columns, *frame.index.names] if name is not None}
    names = []
    for level, name in enumerate(frame.index.names):
        if name is None:
            kind = frame.index.get_level_values(level)
            name = "time" if isinstance(kind, pd.DatetimeIndex | pd.PeriodIndex) else "step"
            while name in taken:
                name += "_"
            taken.add(name)
        names.append(name)
    return frame.reset_index(names=names)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
