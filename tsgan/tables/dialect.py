"""How a csv is written: its separator, decimal mark, encoding and dates; sniffed from its beginning where nobody says.

A table that was read carries its dialect in `DataFrame.attrs`, a model keeps it with the form of the table, and what is
drawn carries it again: so it is written as the table was that went in.
"""

from __future__ import annotations

import codecs
import csv
import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from ..bundle import saved
from ..errors import InputError
from .text import Text, forms_of, guessed

ATTRIBUTE = "csv"  # under which a table carries its dialect
SEPARATORS = (",", ";", "\t", "|")
HEAD = 2**16  # bytes that are looked at
_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_OFFSET = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")
_COMMA = r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?"
_NUMBER = r"[+-]?\d+(?:[eE][+-]?\d+)?"


@saved
@dataclass(frozen=True)
class Dialect:
    """How a csv is, or is to be, read and written; None where it is to be sniffed.

    Parameters
    ----------
    sep : str, optional
        What stands between cells: one character, or "tab".
    decimal : str, optional
        The decimal mark of numbers, "." or ",".
    encoding : str, optional
        Encoding of the text, for instance utf-8 or latin-1.
    time_format : str, optional
        How the time is written, for instance "%d.%m.%Y %H:%M".
    zone : str, optional
        Time zone that the time is taken to, for instance Europe/Berlin; UTC where offsets vary and none is named.
    """

    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    time_format: str | None = None
    zone: str | None = None
    # What reading adds: the column that holds the time, and how it is written if not in the way of pandas.
    time: str | None = dataclasses.field(default=None, repr=False)
    text: Text | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.sep in ("tab", "\\t"):
            object.__setattr__(self, "sep", "\t")
        if self.sep is not None and len(self.sep) != 1:
            raise InputError(f"--sep {self.sep!r} is not one character; give for instance ';', '|' or tab")
        if self.decimal not in (None, ".", ","):
            raise InputError(f"--decimal {self.decimal!r} is neither '.' nor ','")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError as error:
                raise InputError(
                    f"--encoding {self.encoding!r} is not known; give for instance utf-8, utf-16, latin-1 or cp1252"
                ) from error
        if self.zone is not None:
            try:
                pd.Timestamp(0, tz=self.zone)
            except Exception as error:  # of whichever library looks zones up
                raise InputError(
                    f"--zone {self.zone!r} is not known; give for instance UTC or Europe/Berlin"
                ) from error

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        """Return the dialect that a table carries, the plain one if it carries none."""
        kept = dict(frame.attrs.get(ATTRIBUTE, {}))
        text = kept.pop("text", None)
        return cls(**kept, text=None if text is None else Text(**text))

    def put(self, frame: pd.DataFrame) -> None:
        """Let a table carry this dialect."""
        frame.attrs[ATTRIBUTE] = dataclasses.asdict(self)

    def written(self, column: pd.Series[Any]) -> pd.Series[Any] | None:
        """Return moments as text in the way of the time that was read; None where there is none, or it loses hours."""
        index = pd.DatetimeIndex(column)
        if self.text is None or index.hasnans:
            return None
        hours = any(sign in self.text.base for sign in ("%H", "%I"))
        if not hours and (index != index.normalize()).any():
            return None
        return pd.Series(self.text.write(index), index=column.index, dtype=object)

    def taken(self, asked: Dialect) -> str:
        """Return in words what was sniffed beyond what was asked for and differs from a plain csv, "" if nothing."""
        marks = {"\t": "tab"}
        plain = {"sep": (",",), "decimal": (".",), "encoding": ("utf-8", "utf-8-sig"), "time_format": (None,)}
        found = [
            f"--{name.replace('_', '-')} {marks.get(value, value)!r}"
            for name, usual in plain.items()
            if getattr(asked, name) is None and (value := getattr(self, name)) not in usual
        ]
        if asked.zone is None and self.zone is not None:
            found.append(f"times of several offsets as {self.zone} (name their place with --zone, as Europe/Berlin)")
        return ", ".join(found)


def sniff(head: bytes, asked: Dialect) -> Dialect:
    """Return the dialect with separator and encoding told from the first bytes of a csv."""
    encoding = asked.encoding or _encoding(head)
    if asked.sep is not None:
        return dataclasses.replace(asked, encoding=encoding)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    lines = text.splitlines()[: 50 if len(head) < HEAD else -1][:50]
    counts: dict[str, tuple[float, int]] = {}
    for sep in SEPARATORS:
        rows = [len(row) for row in csv.reader(lines, delimiter=sep) if row]
        if rows and rows[0] > 1:
            counts[sep] = float(np.mean([cells == rows[0] for cells in rows])), rows[0]
    best = max(counts, key=lambda sep: counts[sep], default=",")
    return dataclasses.replace(asked, encoding=encoding, sep=best)


def _encoding(head: bytes) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if wide and len(head) % 2 == 0 else "utf-8"


def older(head: bytes) -> str | None:
    """Return the encoding of text that is no utf-8: that of Western Windows, or latin-1; None if it is no text."""
    if any(byte < 9 for byte in head):
        return None
    if any(0x80 <= byte < 0xA0 for byte in head):
        return None if any(byte in head for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)) else "cp1252"
    return "latin-1"


def with_commas(columns: list[pd.Series[Any]], points: bool) -> bool:
    """Whether columns of text, of a table whose cells are not parted by commas, are numbers with decimal commas.

    1,234 alone may be either: its comma parts thousands where `points` says that other numbers have decimal points.
    """
    known = [column.dropna() for column in columns]
    numbers = [one for one in known if len(one) and one.str.fullmatch(f"{_COMMA}|{_NUMBER}").all()]
    found = [one for one in numbers if one.str.contains(",", regex=False).any()]
    return bool(found) and (not points or any(one.str.contains(r",(?:\d{1,2}|\d{4,})$").any() for one in found))


def moments(
    column: pd.Series[Any], name: str, dialect: Dialect, like: str | None = None
) -> tuple[pd.Series[Any], Dialect]:
    """Return a text column as datetime if every value parses in one format, else as it is; and what was taken.

    The format `like` is tried first: days and months of one table are those of the table beside it.

    Raises
    ------
    InputError
        If a format or a zone was asked for, and a value does not fit it.
    """
    known = column.dropna()
    if not len(known):
        return column, dialect
    first = str(known.iloc[0])
    offsets = known.str.extract(f"({_OFFSET.pattern})", expand=False) if _ISO.match(first) else known.iloc[:0]
    several = offsets.nunique(dropna=False) > 1
    parsed = _parsed(column, name, dialect, first, several, like)
    if parsed is None:
        if dialect.zone is not None:
            raise InputError(
                f"the time {name!r} holds text such as {first!r}, which is no moment; say how it is written with "
                "--time-format, for instance '%d.%m.%Y %H:%M'"
            )
        return column, dialect
    made, pattern, forms = parsed
    texts = column.to_numpy(dtype=object)
    text = None
    if column.notna().all() and not several and (made.dt.tz is None or dialect.zone is None):
        index = pd.DatetimeIndex(made)
        text = next((form for form in forms if bool((form.write(index) == texts).all())), None)
    zone = dialect.zone or ("UTC" if several else None)
    if zone is not None:
        made = _in_zone(made, zone)
    format_ = dialect.time_format or (None if pattern == "ISO8601" else pattern)
    return made, dataclasses.replace(dialect, time=name, time_format=format_, zone=zone, text=text)


def _parsed(
    column: pd.Series[Any], name: str, dialect: Dialect, first: str, several: bool, like: str | None
) -> tuple[pd.Series[Any], str, list[Text]] | None:
    """Return moments, the pattern that they are written in, and the forms that it may have."""
    asked = dialect.time_format
    attempts = [(one, forms_of(one, first)) for one in (asked or like,) if one is not None]
    attempts += [] if asked is not None else [*guessed(first), ("ISO8601", [])]
    for pattern, forms in attempts:
        try:
            made = pd.to_datetime(column, format=pattern, utc=several)
        except (ValueError, TypeError, OverflowError) as error:
            if asked is not None:
                raise InputError(
                    f"the time {name!r} is not all written as --time-format {asked!r} says: "
                    f"{' '.join(str(error).split())}"
                ) from error
            continue
        if isinstance(made.dtype, pd.DatetimeTZDtype) or made.dtype.kind == "M":
            return made, pattern, forms
    return None


def _in_zone(made: pd.Series[Any], zone: str) -> pd.Series[Any]:
    """Return moments in a zone; an hour that comes twice is told apart by its order, else it is the first."""
    clock: Any = made.dt
    moved: pd.Series[Any]
    if clock.tz is not None:
        moved = clock.tz_convert(zone)
        return moved
    try:
        moved = clock.tz_localize(zone, ambiguous="infer", nonexistent="shift_forward")
    except ValueError:
        moved = clock.tz_localize(zone, ambiguous=np.ones(len(made), dtype=bool), nonexistent="shift_forward")
    return moved
