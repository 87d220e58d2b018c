"""Dates as text: how they are written, and written again in the same way.

A form is a `strftime` pattern for the wall clock, the digits of a fraction of a second, and whatever stands at the end
of every stamp (an offset such as ``+01:00``, or ``Z``). Patterns of ISO 8601 (https://www.iso.org/standard/70907.html)
are written by numpy, many times faster than `strftime`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.api import guess_datetime_format

from ..bundle import saved
from ..errors import SchemaError

ISO: dict[str, str] = {
    "%Y-%m-%d": "D",
    "%Y-%m-%dT%H": "h",
    "%Y-%m-%d %H": "h",
    "%Y-%m-%dT%H:%M": "m",
    "%Y-%m-%d %H:%M": "m",
    "%Y-%m-%dT%H:%M:%S": "s",
    "%Y-%m-%d %H:%M:%S": "s",
}
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?P<h>(?P<sep>[T ])\d{2}(?P<m>:\d{2}(?P<s>:\d{2}(\.(?P<f>\d{1,9}))?)?)?)?"
    r"(?P<z>Z|[+-]\d{2}:?\d{2})?"
)
_OFFSET = re.compile(r"(?: ?)(?:Z|[+-]\d{2}:?\d{2})$")
_HALF = re.compile(r"( ?)([AP]M)$", re.IGNORECASE)
_BARE = "\x01"
_LOWER = "\x02"


@saved
@dataclass(frozen=True)
class Text:
    """How stamps are written."""

    # A `strftime` pattern without fraction and offset; a byte 1 marks a number without leading zeros, a byte 2 small
    # letters.
    base: str
    digits: int = 0  # of the fraction of a second after `base`
    short: bool = False  # whether a fraction of zero is left out
    end: str = ""  # what follows in every stamp

    def write(self, moments: pd.DatetimeIndex) -> NDArray[np.object_]:
        """Return what the clock on the wall shows at moments as text."""
        wall = moments.tz_localize(None)
        exact: Any = wall.to_numpy()
        unit: Any = ISO.get(self.base)
        if unit is not None:
            whole = np.datetime_as_string(exact, unit=unit, casting="unsafe")
            if " " in self.base:
                whole = np.strings.replace(whole, "T", " ")
        else:
            whole = wall.strftime(self.base).to_numpy(dtype=object)
            if _BARE in self.base:
                whole = np.array(
                    [text.replace(_BARE + "0", "").replace(_BARE, "") for text in whole.tolist()], dtype=object
                )
            if _LOWER in self.base:
                whole = np.array([text.replace(_LOWER, "").lower() for text in whole.tolist()], dtype=object)
        texts = pd.Series(whole.astype(object))
        if self.digits:
            unit = ("ms", "us", "ns")[(self.digits - 1) // 3]
            longer = pd.Series(np.datetime_as_string(exact.astype(f"M8[{unit}]"), unit=unit).astype(object))
            fraction = longer.str.slice(19, 20 + self.digits)
            if self.short:
                fraction = fraction.where(fraction.str.strip(".0") != "", "")
            texts = texts + fraction.astype(object)
        return (texts + self.end if self.end else texts).to_numpy(dtype=object)

    def read(self, text: str) -> pd.Timestamp | None:
        """Return the moment of one stamp in this form, None if it is in another."""
        if self.digits or not text.endswith(self.end):
            return None
        try:
            clock = datetime.strptime(text.removesuffix(self.end), self.base.replace(_BARE, "").replace(_LOWER, ""))
        except ValueError:
            return None
        return pd.Timestamp(clock).tz_localize(pd.Timestamp(f"2000-01-01{self.end.strip()}").tz)


def read_text(stamps: pd.Index[Any], name: Hashable) -> tuple[pd.DatetimeIndex, Text] | None:
    """Return the moments and their form, or None where the text holds no dates.

    SchemaError, naming the column, if the stamps have different offsets, or are dates in several forms.
    """
    texts = stamps.to_numpy(dtype=object)
    near: pd.DatetimeIndex | None = None
    for pattern, forms in guessed(texts[0]):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                parsed = pd.DatetimeIndex(pd.to_datetime(pd.Index(texts, dtype=object), format=pattern))
        except (ValueError, TypeError, UserWarning, OverflowError) as error:
            if "ixed timezones" in str(error) or "ixed time zones" in str(error):
                raise SchemaError(_mixed(name, texts)) from error
            continue
        near = parsed
        for form in forms:
            if bool((form.write(parsed) == texts).all()):
                return parsed, form
    if near is None:
        return None
    again = form.write(near)
    odd = int(np.flatnonzero(again != texts)[0])
    raise SchemaError(
        f"the time {name!r} is written in several ways, such as {texts[0]!r} and {texts[odd]!r}; write all stamps in "
        "one, or parse them (pd.to_datetime)"
    )


def _iso(found: re.Match[str]) -> Iterator[tuple[str, list[Text]]]:
    part = found.groupdict()
    base = "%Y-%m-%d" + (
        f"{part['sep']}%H" + (":%M" if part["m"] else "") + (":%S" if part["s"] else "") if part["h"] else ""
    )
    digits, end = len(part["f"] or ""), part["z"] or ""
    forms = [Text(base, digits, False, end)]
    if part["s"]:
        forms += [Text(base, many, True, end) for many in (6, 3, 9)]
    yield "ISO8601", forms


def guessed(first: str) -> Iterator[tuple[str, list[Text]]]:
    """Yield patterns that a stamp may be written in and their forms: ISO 8601, or months first unless it has dots."""
    found = _ISO.fullmatch(first)
    if found is not None:
        yield from _iso(found)
        return
    half = _HALF.search(first)
    dotted = re.match(r"\d{1,2}\.", first) is not None
    for dayfirst in (dotted, not dotted):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pattern = guess_datetime_format(first if half is None else first[: half.start()], dayfirst=dayfirst)
        if pattern is not None and half is not None:
            pattern = pattern.replace("%H", "%I") + f"{half[1]}%p"
        if pattern is not None:
            yield pattern, forms_of(pattern, first)


def forms_of(pattern: str, first: str) -> list[Text]:
    """Return the forms that a `strftime` pattern reads, with leading zeros or without; `first` is one stamp."""
    tail = _OFFSET.search(first)
    base, end = (pattern, "") if tail is None else (re.sub(r" ?%z$", "", pattern), tail.group())
    digits = 0
    if base.endswith(".%f"):
        base, digits = base.removesuffix(".%f"), len(first.removesuffix(end).rpartition(".")[2])
    if "%p" in base and first.lower() == first:
        base = base.replace("%p", _LOWER + "%p")
    spelled = (re.sub(f"(%[{bare}])", _BARE + r"\1", base) for bare in ("dm", "HI", "dmHI"))
    return [Text(each, digits, False, end) for each in dict.fromkeys((base, *spelled))]


def _mixed(name: Hashable, texts: NDArray[np.object_]) -> str:
    ends = pd.unique(pd.Series(texts[:100_000]).str.extract(f"({_OFFSET.pattern})", expand=False).dropna())[:3].tolist()
    return (
        f"the time {name!r} mixes time zones ({', '.join(map(repr, ends))}); bring it to one, for instance by "
        "pd.to_datetime(..., utc=True).dt.tz_convert('Europe/Berlin')"
    )
