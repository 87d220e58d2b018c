"""Tables on disk: csv and parquet, chosen by the file's ending.

A csv says nothing about types, so reading one takes care to lose nothing: identifiers with leading zeros stay text,
"NA" in a column of words stays a word, decimals are read to the last digit. Writing goes to a file beside the target
and renames it, so that a crash never leaves half a table. A table that is larger than memory is written by pieces
(`Writer`) and, as parquet, read by pieces (`batches`).
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import importlib.util
import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

import numpy as np
import pandas as pd

from ..errors import InputError, ParameterError, SchemaError, TsganWarning
from ..unfinished import beside, sweep
from .dialect import HEAD, Dialect, moments, older, sniff, with_commas
from .dtypes import PER_SECOND
from .flat import informative, named

ENDINGS = (".csv", ".csv.gz", ".parquet")
STANDARD = "-"
RUN = ("=", "+", "-", "@", "\t", "\r")  # with which formulas begin
_MISSING = frozenset({"", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "null", "NULL", "None", "#N/A"})
_EXACT = {"float_precision": "round_trip"} if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1) else {}


def read(
    path: str | Path, time: str | None = None, dialect: Dialect | None = None, like: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str or Path
        Ends in .csv, .csv.gz or .parquet; "-" is standard input, as csv.
    time : str or None
        A column that holds moments: if it is text and every value parses, it comes back as datetime.
    dialect : Dialect or None
        What is known of how a csv is written; the rest is sniffed. The table carries all of it (`Dialect.of`).
    like : DataFrame or None
        A table that was read before, whose way to write the time is tried first.

    Returns
    -------
    DataFrame
        Of a csv: columns of whole numbers (nullable ones where cells are empty), decimals and True/False are typed,
        all else stays text; empty cells are missing, and in a column that otherwise holds numbers so are NA, NaN, null
        and the like.

    Raises
    ------
    InputError
        If the file is missing, empty, of another ending, or cannot be read; or the time does not fit the dialect.
    SchemaError
        If two columns have the same name, or there is no column `time`.
    """
    parquet = _ending(path) == ".parquet"
    frame, found = (_read_parquet(Path(path)), None) if parquet else _read_csv(path, dialect or Dialect())
    if time is not None:
        index = [name for name in frame.index.names if name is not None]
        if time not in frame.columns and time not in index:
            raise SchemaError(f"{path}: there is no column {time!r}; its columns are {list(frame.columns)}")
        if time in frame.columns and dialect is not None and dialect.time_format is not None:
            numbers = pd.api.types.is_integer_dtype(frame[time].dtype)  # 20240131
            frame[time] = frame[time].astype(str) if numbers else frame[time]
        if time in frame.columns and pd.api.types.infer_dtype(frame[time], skipna=True) == "string":
            first = None if like is None else Dialect.of(like).time_format
            frame[time], found = moments(frame[time], time, found or dialect or Dialect(), first)
    if found is not None and not parquet:
        found.put(frame)
    return frame


def write(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table, whole or not at all.

    The index is written when it carries something: a name, moments, or several levels. See `Writer`.
    """
    with Writer(path) as out:
        out.write(frame)


class Writer:
    """A table written piece by piece, whole or not at all; it reads back as the pieces put together would.

    The file takes its name when the `with` block ends, and is taken away if an error or an interruption ends it.
    A parquet file whose later pieces need wider types than the first (whole numbers that outgrow theirs, a column
    that was empty so far) is copied once into the wider ones. Moments in a csv are written to the digit that the
    finest of them needs so far, so that a later piece may show more digits, never fewer.

    Parameters
    ----------
    path : str or Path
        Ends in .csv, .csv.gz or .parquet; "-" is standard output, as csv.
    safe : bool
        Whether text that a spreadsheet would run as a formula gets an apostrophe before it, see `_not_run`.

    Attributes
    ----------
    rows : int
        Written so far.

    Raises
    ------
    InputError
        If the ending is another, the file cannot be written, no piece is, or a piece does not fit those before it.
    ParameterError
        If a parquet file is to be safe: it has no formulas.
    """

    def __init__(self, path: str | Path, *, safe: bool = False) -> None:
        ending = _ending(path)
        if safe and ending == ".parquet":
            raise ParameterError(f"{path}: only a csv can be made safe for spreadsheets; parquet has no formulas")
        self.rows = 0
        self._name = str(path)
        self._target = None if str(path) == STANDARD else Path(path)
        self._columns: list[Any] | None = None
        self._stack = contextlib.ExitStack()
        if self._target is None:
            self._to: _CsvAppender | _ParquetAppender = _CsvAppender(lambda _: sys.stdout, safe)
            return
        sweep(self._target.parent)
        self._beside = beside(self._target)
        if ending == ".parquet":
            _need_pyarrow(self._target)
            self._to = self._stack.enter_context(contextlib.closing(_ParquetAppender(self._beside, self._name)))
            return
        with self._named_errors():
            raw: IO[bytes] = self._stack.enter_context(self._beside.open("wb"))
            if ending == ".csv.gz":
                raw = cast("IO[bytes]", self._stack.enter_context(gzip.GzipFile("", "wb", fileobj=raw, mtime=0)))

        def opened(encoding: str) -> IO[str]:
            return self._stack.enter_context(io.TextIOWrapper(raw, encoding, newline=""))

        self._to = _CsvAppender(opened, safe)

    def write(self, frame: pd.DataFrame) -> None:
        """Append rows, which have the columns, and the levels of the index that are written, of the first piece."""
        columns = named(frame.head(0)).columns.tolist()
        if self._columns is not None and columns != self._columns:
            raise InputError(f"{self._name}: a piece has the columns {columns}, the pieces before it {self._columns}")
        self._columns = columns
        with self._named_errors():
            self._to.write(frame)
        self.rows += len(frame)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._target is None:
            return
        try:
            with self._named_errors() if kind is None else contextlib.suppress(OSError):
                self._stack.close()
            if kind is None and self._columns is None:
                raise InputError(f"{self._name}: no piece was written, so there is no table")
            if kind is None:
                with self._named_errors():
                    os.replace(self._beside, self._target)
        finally:
            self._beside.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self._target is None:
                raise
            raise InputError(f"{self._name}: cannot be written: {error.strerror or error}") from error


class _CsvAppender:
    """Appends frames to a text, which is opened with the encoding that the first carries; it brings the header, too."""

    def __init__(self, opened: Callable[[str], IO[str]], safe: bool) -> None:
        self._opened, self._safe = opened, safe
        self._text: IO[str] | None = None
        self._dialect = Dialect()
        self._finest: dict[int, pd.Series[Any]] = {}

    def write(self, frame: pd.DataFrame) -> None:
        """Append rows; moments with as many digits as the finest so far needs."""
        header = self._text is None
        if self._text is None:
            self._dialect = Dialect.of(frame)
            self._text = self._opened(self._dialect.encoding or "utf-8")
        frame = named(frame).copy(deep=False)
        frame = _not_run(frame) if self._safe else frame
        finest, dialect = self._finest, self._dialect
        for place, kind in enumerate(frame.dtypes):
            if not (isinstance(kind, pd.DatetimeTZDtype) or (isinstance(kind, np.dtype) and kind.kind in "mM")):
                continue
            column = frame.iloc[:, place]
            text = dialect.written(column) if frame.columns[place] == dialect.time else None
            if text is not None:
                frame.isetitem(place, text.array)
                continue
            if place in finest:  # pandas writes as many digits as a column needs: let it see what came before
                both = pd.concat([finest[place], column])
                frame.isetitem(place, both.astype(str).where(both.notna()).iloc[len(finest[place]) :])
                column = both
            finest[place] = _finest(column)
        marks: dict[str, Any] = {"sep": dialect.sep or ",", "decimal": dialect.decimal or "."}
        frame.to_csv(self._text, index=False, header=header, lineterminator="\n", **marks)


def _not_run(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with an apostrophe before each text, names too, that a spreadsheet would take for a formula.

    Those are texts that begin with one of = + - @ or a tab or a return ("CSV Injection", OWASP,
    https://owasp.org/www-community/attacks/CSV_Injection). Numbers stay as they are.
    """

    def safe(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(RUN) else value

    for place, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind) and getattr(kind, "kind", "O") == "O":
            frame.isetitem(place, frame.iloc[:, place].astype(object).map(safe).array)
    return frame.set_axis([safe(name) for name in frame.columns], axis=1)


def _finest(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the one row of a column of moments or durations that needs the most digits; none if all are missing."""
    known = column.dropna()
    second = PER_SECOND[str(known.dt.unit)]
    ticks = known.astype("int64").to_numpy()
    steps = [step for step in (86_400 * second, second, second // 1000, second // 10**6) if step > 1]
    digits = (ticks[:, None] % steps != 0).sum(axis=1)
    return known.iloc[[int(digits.argmax())]] if len(known) else known


class _ParquetAppender:
    """Appends frames to a parquet file as row groups; `name` is the file's name in messages."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._writer: Any = None
        self._schema: Any = None
        self._levels: dict[Any, list[Any]] = {}

    def write(self, frame: pd.DataFrame) -> None:
        """Append rows; InputError if parquet knows no such type, or types or ordered levels do not fit those before."""
        import pyarrow

        for name, kind in frame.dtypes.items():
            if isinstance(kind, pd.CategoricalDtype) and kind.ordered:
                levels = kind.categories.tolist()
                if self._levels.setdefault(name, levels) != levels:
                    raise InputError(
                        f"{self._name}: column {name!r} is an ordered category with the levels {levels[:10]}, in the "
                        f"pieces before {self._levels[name][:10]}; give all pieces the same"
                    )
        try:
            table = pyarrow.Table.from_pandas(frame, preserve_index=informative(frame.index))
        except pyarrow.ArrowException as error:
            raise InputError(f"{self._name}: cannot be written as parquet: {_line(error)}") from error
        table = table.cast(_wide_codes(table.schema))
        if self._writer is None:
            self._open(table.schema)
        elif not table.schema.equals(self._schema):
            self._widen(table.schema)
        self._writer.write_table(table.cast(self._schema))

    def _open(self, schema: Any) -> None:
        from pyarrow import parquet

        self._schema = schema
        self._writer = parquet.ParquetWriter(self._path, schema)

    def _widen(self, schema: Any) -> None:
        """Copy what has been written into types that hold the new piece, too."""
        import pyarrow
        from pyarrow import parquet

        try:
            wider = pyarrow.unify_schemas([self._schema, schema], promote_options="permissive")
        except pyarrow.ArrowException as error:
            raise InputError(f"{self._name}: a piece does not fit those before it: {_line(error)}") from error
        if wider.equals(self._schema):
            return
        own, new = (json.loads(known.metadata[b"pandas"]) for known in (self._schema, schema))
        new_notes = {note["field_name"]: note for note in new["columns"]}
        own["columns"] = [
            new_notes[note["field_name"]] if wider.field(at).type == schema.field(at).type else note
            for at, note in enumerate(own["columns"])
        ]
        self.close()
        before = self._path.with_name(f"{self._path.name}.before")
        os.replace(self._path, before)
        try:
            self._open(wider.with_metadata({b"pandas": json.dumps(own).encode()}))
            with parquet.ParquetFile(before) as file:
                for group in range(file.num_row_groups):
                    self._writer.write_table(file.read_row_group(group).cast(self._schema))
        finally:
            before.unlink()

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _wide_codes(schema: Any) -> Any:
    """Return a schema whose categories have codes of 32 bits, so that later pieces may bring more levels."""
    import pyarrow

    for at, field in enumerate(schema):
        if pyarrow.types.is_dictionary(field.type):
            kind = pyarrow.dictionary(pyarrow.int32(), field.type.value_type, field.type.ordered)
            schema = schema.set(at, field.with_type(kind))
    return schema


def batches(path: str | Path, rows: int = 65_536) -> Iterator[pd.DataFrame]:
    """Yield a parquet file as frames of at most `rows` rows, one after the other in memory."""
    with _parquet_file(Path(path)) as file:
        for batch in file.iter_batches(batch_size=rows):
            yield batch.to_pandas()


def fields(path: str | Path) -> dict[str, str]:
    """Return the columns of a parquet file, index levels included, and their types in words."""
    words = {}
    with _parquet_file(Path(path)) as file:
        from pyarrow.types import is_dictionary

        for field in file.schema_arrow:
            text = f"category of {field.type.value_type}" if is_dictionary(field.type) else str(field.type)
            words[field.name] = text.replace("large_", "").replace("_view", "")
    return words


@contextlib.contextmanager
def _parquet_file(path: Path) -> Iterator[Any]:
    with _reading_parquet(path):
        from pyarrow import parquet

        with parquet.ParquetFile(path, pre_buffer=False) as file:
            yield file


@contextlib.contextmanager
def _reading_parquet(path: Path) -> Iterator[None]:
    """Raise an InputError if the file is missing or cannot be read as parquet."""
    _exists(path)
    _need_pyarrow(path)
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read as parquet: {_line(error)}") from error


def _ending(path: str | Path) -> str:
    if str(path) == STANDARD:
        return ".csv"
    for ending in ENDINGS:
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
    with _reading_parquet(path):
        try:
            frame = pd.read_parquet(path, engine="pyarrow")
        except (TypeError, ValueError) as error:  # of pandas, which does not know its own notes in the file
            raise InputError(f"{path}: cannot be read as parquet: {_line(error)}") from error
    if frame.empty:
        raise InputError(f"{path}: the table has no rows")
    return frame


def _read_csv(path: str | Path, asked: Dialect) -> tuple[pd.DataFrame, Dialect]:
    source: Path | bytes
    if str(path) == STANDARD:
        source, name, packing = sys.stdin.buffer.read(), "standard input", None
    else:
        source, name, packing = Path(path), str(path), "infer"
        _exists(source)

    def parse(**options: Any) -> pd.DataFrame:
        handle: Any = io.BytesIO(source) if isinstance(source, bytes) else source
        settings: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "compression": packing}
        settings |= {"sep": dialect.sep, "encoding": dialect.encoding}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return cast("pd.DataFrame", pd.read_csv(handle, low_memory=False, **(settings | options)))

    dialect = asked
    try:
        head = _head(source)
        dialect = sniff(head, asked)
        try:
            header, frame = parse(header=None, nrows=1, dtype=str).iloc[0], parse(index_col=False, **_EXACT)
        except UnicodeDecodeError:
            other = older(source if isinstance(source, bytes) else head)
            if asked.encoding is not None or other is None:
                raise
            dialect = replace(dialect, encoding=other)
            header, frame = parse(header=None, nrows=1, dtype=str).iloc[0], parse(index_col=False, **_EXACT)
        maybe = [i for i, (_, column) in enumerate(frame.items()) if _may_be_whole(column)]
        digits = parse(usecols=maybe, dtype=str) if maybe else frame.iloc[:, :0]
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{name}: the file is empty") from error
    except UnicodeError as error:
        raise InputError(
            f"{name}: cannot be read as csv: {_line(error)}; name its encoding with --encoding, for instance latin-1"
        ) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error, OSError, EOFError) as error:
        sep = f"; name the separator with --sep if it is not {dialect.sep!r}" if dialect.sep else ""
        raise InputError(f"{name}: cannot be read as csv: {_line(error)}{sep}") from error
    twice = header[header.duplicated()].dropna().tolist()
    if twice:
        raise SchemaError(f"{name}: columns with the same name: {twice}; rename them")
    if frame.empty:
        raise InputError(f"{name}: the table has a header but no rows")
    texts = [column for column in frame.columns if pd.api.types.infer_dtype(frame[column], skipna=True) == "string"]
    if dialect.decimal is None:
        some = [frame[column].mask(frame[column].isin(_MISSING)) for column in texts]
        points = any((column.dropna() % 1 != 0).any() for _, column in frame.select_dtypes("float").items())
        commas = dialect.sep != "," and with_commas(some, points)
        dialect = replace(dialect, decimal="," if commas else ".")
    for column in frame.columns:
        if column in texts:
            frame[column] = _numbers(frame[column], str(dialect.decimal))
        elif column in digits.columns:
            frame[column] = _whole(frame[column], digits[column])
    first = frame.columns[0]
    if pd.isna(header.iloc[0]) and len(frame.columns) > 1 and list(frame[first]) == list(range(len(frame))):
        text = f"{name}: the first column has no name and counts the rows; it is taken as row numbers and left out"
        warnings.warn(text, TsganWarning, stacklevel=3)
        frame = frame.drop(columns=first)
    return frame, dialect


def _head(source: Path | bytes) -> bytes:
    """Return the first bytes of a csv, unpacked."""
    if isinstance(source, bytes):
        return source[:HEAD]
    opened: Any = gzip.open if source.name.lower().endswith(".gz") else open
    with opened(source, "rb") as file:
        return cast("bytes", file.read(HEAD))


def _may_be_whole(column: pd.Series[Any]) -> bool:
    """Whether the digits of a column that was read must be looked at: whole numbers, perhaps with gaps."""
    if pd.api.types.is_integer_dtype(column.dtype):
        return True
    if not pd.api.types.is_float_dtype(column.dtype) or not column.isna().any():
        return False
    known = column.dropna()
    return bool(len(known)) and bool((known == known.round()).all())


def _whole(column: pd.Series[Any], digits: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers as nullable integers where that is what their digits are; text where zeros lead."""
    if digits.str.match(r"[+-]?0\d").any():
        return digits
    return column if pd.api.types.is_integer_dtype(column.dtype) else _integers(digits, column)


def _integers(digits: pd.Series[Any], otherwise: pd.Series[Any]) -> pd.Series[Any]:
    """Return text as nullable integers, or something else where it holds other things, or too large ones."""
    known = digits.dropna()
    if known.str.fullmatch(r"[+-]?\d{1,20}").all():
        gone = digits.isna().to_numpy(dtype=bool)
        for kind in (np.int64, np.uint64):
            with contextlib.suppress(ValueError, OverflowError):
                whole = digits.where(~gone, "0").to_numpy(dtype=object).astype(kind)
                return pd.Series(pd.arrays.IntegerArray(whole, gone), index=digits.index)
    return otherwise


def _numbers(column: pd.Series[Any], decimal: str) -> pd.Series[Any]:
    """Return a text column as numbers if, but for marks of missing values, it holds nothing else."""
    missing = column.isna() | column.isin(_MISSING)
    known = column[~missing]
    if decimal == "," and known.str.contains(",", regex=False).any() and not known.str.contains(".", regex=False).any():
        known = known.str.replace(",", ".", regex=False)
    elif missing.all() or not missing.any():
        return column
    try:
        numbers = known.astype("float64").reindex(column.index)
    except ValueError:
        return column
    return _integers(known.reindex(column.index), numbers)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
