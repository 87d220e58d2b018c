"""Entity keys: new ones in the form of the real ones, and never one of them.

Only the form is kept, not the keys: a saved model holds no real key. A form is one of

- numbers, dates and periods: counted on from above the largest;
- text that ends in a number, perhaps with an ending after it ("patient_007", "7-b"): the number is counted on;
- text of one length, where each place has characters of one class (a UUID, "AB-1234"), see `Pattern`;
- else ``synthetic_000001`` and so on, which no real key begins with.

Each place of a text key of one length has a class: the one character that all keys have there, or digits, hexadecimal
digits, letters and so on, and so the places that vary are the digits of a number of mixed radix. The leading ones, as
many as it takes, are held at a combination that no real key has (the smallest), so that no new key is a real one. The
last ones count, scattered by a multiplication, so that keys differ; those between are filled by a hash of the count.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..bundle import saved
from ..errors import ParameterError
from .dtypes import Token, dump, label, load, temporal, ticks, untick

DIGITS = 6
NUMBERED = r"^(?s:(.*?))([0-9]{1,18})(\D*)$"
LARGEST = int(np.iinfo(np.int64).max)


@saved
@dataclass(frozen=True)
class Keys:
    """How new keys are made.

    Attributes
    ----------
    dtype : str or dict
        Of the real keys.
    of : str or dict
        The same, of categories the dtype of their values.
    kind : {"number", "moment", "text", "pattern"}
    first : int
        The first new number; of moments in units of their dtype.
    step : int
        From one number to the next.
    room : int
        How many numbers are free from the first on.
    prefix, suffix : str
        What stands before and after the number of a text key.
    digits : int
        Text keys: to how many digits the number is filled with zeros.
    pattern : Pattern or None
        Of keys that are no numbered text.
    real : int
        How many real keys there were.
    """

    dtype: Token
    of: Token
    kind: Literal["number", "moment", "text", "pattern"]
    first: int
    real: int
    step: int = 1
    room: int = LARGEST
    prefix: str = ""
    suffix: str = ""
    digits: int = 1
    pattern: Pattern | None = None

    @classmethod
    def fit(cls, keys: pd.Index[Any]) -> Keys:
        """Learn the form from the distinct real keys."""
        dtype: Token = dump(keys.dtype)
        if isinstance(keys.dtype, pd.CategoricalDtype):
            ordered = bool(keys.dtype.ordered)
            keys = pd.Index(keys.astype(keys.dtype.categories.dtype))
            dtype = {"categories": [], "of": dump(keys.dtype), "ordered": ordered}
        of, count = dump(keys.dtype), len(keys)
        if types.is_numeric_dtype(keys.dtype) and not types.is_bool_dtype(keys.dtype):
            first, room = _free(keys)
            return cls(dtype, of, "number", first, count, room=room)
        dates = types.infer_dtype(keys, skipna=False) == "date"
        moments: Any = temporal(pd.DatetimeIndex(keys).as_unit("s") if dates else keys)
        if isinstance(moments, pd.DatetimeIndex | pd.TimedeltaIndex | pd.PeriodIndex):
            counted = ticks(moments)
            top, step = int(counted.max()), int(np.gcd.reduce(counted - counted[0])) or _unit(moments)
            made: Token = dump(moments.dtype) if dates else of
            return cls("date" if dates else dtype, made, "moment", top + step, count, step, (LARGEST - top) // step - 1)
        text = _text(dtype)
        return cls._of_text(text, text["of"] if isinstance(text, dict) and "of" in text else text, keys.map(str))

    @classmethod
    def _of_text(cls, dtype: Token, of: Token, keys: pd.Index[Any]) -> Keys:
        text = pd.Series(keys, dtype=object).str
        parts = text.extract(NUMBERED)
        prefix, number, suffix = (parts[i] for i in range(3))
        if number.notna().all() and prefix.nunique() == 1 and suffix.nunique() == 1:
            widths = number.str.len()
            width = int(widths.iloc[0]) if widths.nunique() == 1 else 1
            top = int(number.astype("int64").max())
            ends: Any = {"prefix": str(prefix.iloc[0]), "suffix": str(suffix.iloc[0])}
            return cls(dtype, of, "text", top + 1, len(keys), digits=width, **ends)
        pattern = Pattern.fit(keys)
        if pattern is not None:
            return cls(dtype, of, "pattern", 0, len(keys), pattern=pattern)
        begin = "synthetic_"
        while text.startswith(begin).any():
            begin += "_"
        return cls(dtype, of, "text", 1, len(keys), prefix=begin, digits=DIGITS)

    def make(self, count: int, skip: int = 0) -> pd.Index[Any]:
        """Return `count` new keys, in the dtype of the real ones (integers that do not fit it become int64).

        Parameters
        ----------
        count : int
        skip : int
            Keys that were given out before.

        Raises
        ------
        ParameterError
            If there are not that many free numbers.
        """
        if skip and self.pattern is None:
            by = self.step if self.kind == "moment" else 1
            return replace(self, first=self.first + by * skip, room=self.room - skip).make(count)
        if skip + count > self.room:
            raise ParameterError(
                f"{count} new keys were asked for, but keys such as the real ones ({label(self.dtype)}) leave room for "
                f"{self.room}; draw fewer sequences at a time, or fit with keys of smaller numbers"
            )
        made = self._values(count, skip)
        if isinstance(self.dtype, dict) and "categories" in self.dtype:
            return pd.CategoricalIndex(made, categories=made, ordered=self.dtype["ordered"])
        return pd.Index([stamp.date() for stamp in made], dtype=object) if self.dtype == "date" else made

    def _values(self, count: int, skip: int = 0) -> pd.Index[Any]:
        dtype = load(self.of)
        made: pd.Index[Any]
        if self.kind == "number":
            kind = np.uint64 if self.first + count > LARGEST else np.int64
            return as_index(np.arange(count, dtype=kind) + kind(self.first), dtype)
        if self.kind == "moment":
            made = pd.Index(untick(self.first + self.step * np.arange(count), dtype))
            return made
        if self.pattern is not None:
            made = pd.Index(self.pattern.make(count, skip).astype(object), dtype=dtype)
            return made
        numbers = np.strings.zfill(np.arange(self.first, self.first + count).astype(np.str_), self.digits)
        text = np.strings.add(np.strings.add(np.str_(self.prefix), numbers), np.str_(self.suffix))
        made = pd.Index(text.astype(object), dtype=dtype)
        return made

    def describe(self) -> str:
        """Return in a few words what new keys are like."""
        if self.kind == "number":
            return "new numbers"
        return f"new keys {self._values(1)[0]} .."


def _free(keys: pd.Index[Any]) -> tuple[int, int]:
    """Return a number above which there is room, and how much: above the largest key, else in the widest gap."""
    if not types.is_integer_dtype(keys.dtype):
        first = int(np.floor(keys.max())) + 1
        return first, max(2**53 - first, 0)
    unsigned = str(keys.dtype).lower().startswith("uint64")
    top, limit = int(keys.max()), 2**64 - 1 if unsigned else LARGEST
    if limit - top > 2**32:
        return top + 1, limit - top
    numbers = np.sort(keys.to_numpy(dtype=np.uint64 if unsigned else np.int64))
    below = np.append(numbers[:1] * 0, numbers[numbers >= 0]) if numbers[0] >= 0 else numbers
    gaps = np.diff(below.astype(np.float64))
    widest = int(gaps.argmax())
    return int(below[widest]) + 1, max(int(below[widest + 1]) - int(below[widest]) - 1, limit - top)


def as_index(numbers: NDArray[Any], dtype: Any) -> pd.Index[Any]:
    """Return numbers as an index of the dtype, or as they are where it is too narrow."""
    name = str(getattr(dtype, "numpy_dtype", dtype)).lower()
    if name.startswith(("int", "uint")) and len(numbers) and int(numbers[-1]) > np.iinfo(name).max:
        dtype = numbers.dtype
    made: pd.Index[Any] = pd.Index(numbers).astype(dtype)
    return made


def _unit(moments: Any) -> int:
    """Return one day (of periods, one of them) in units of the moments."""
    return 1 if isinstance(moments, pd.PeriodIndex) else int(pd.Timedelta(1, "D") / pd.Timedelta(1, moments.unit))


def _text(dtype: Token) -> Token:
    """Return the dtype of text keys; keys that were neither numbers nor text come back as text objects."""
    of = dtype["of"] if isinstance(dtype, dict) and "of" in dtype else dtype
    text = isinstance(of, dict) and of.get("arrow", "string") in ("string", "large_string", "string_view")
    if text or of in ("object", "str"):
        return dtype
    return {**dtype, "of": "object"} if isinstance(dtype, dict) and "of" in dtype else "object"


HEXADECIMAL = string.digits + "abcdef"
CLASSES = (
    string.digits,
    HEXADECIMAL,
    HEXADECIMAL.upper(),
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.digits + string.ascii_lowercase,
    string.digits + string.ascii_uppercase,
    string.ascii_letters,
    string.digits + string.ascii_letters,
)
ENOUGH = 10**6
MOST = 2**31


@saved
@dataclass(frozen=True)
class Pattern:
    """The form of keys of one length.

    Attributes
    ----------
    classes : tuple of str
        The characters of each place.
    held : tuple of int
        For the leading places that vary, which of their characters new keys have.
    counting : int
        How many of the last places that vary count.
    """

    classes: tuple[str, ...]
    held: tuple[int, ...]
    counting: int

    @classmethod
    def fit(cls, keys: pd.Index[Any]) -> Self | None:
        """Learn the pattern, None if there is none or it leaves room for less than a million new keys."""
        text = np.asarray(keys, dtype=np.str_)
        length = text.dtype.itemsize // 4
        if len(text) < 2 or length > 64 or (np.strings.str_len(text) != length).any():
            return None
        letters = text.view(np.uint32).reshape(len(text), length)
        classes = tuple(_class(np.unique(letters[:, place]), len(text)) for place in range(length))
        vary = [place for place in range(length) if len(classes[place]) > 1]
        numbers, product = np.zeros(len(text), dtype=np.int64), 1
        held: tuple[int, ...] | None = None
        for used, place in enumerate(vary, start=1):
            radix = len(classes[place])
            if product * radix >= 2**62:
                return None
            product *= radix
            numbers = numbers * radix + _digits(letters[:, place], classes[place])
            taken = np.unique(numbers)
            if len(taken) < product:
                gap = np.flatnonzero(taken != np.arange(len(taken)))
                free = int(gap[0]) if len(gap) else len(taken)
                held = _places(free, [len(classes[p]) for p in vary[:used]])
                break
        if held is None:
            return None
        made = cls(classes, held, 0)
        counting = 0
        while counting < len(made._radices) and math.prod(made._radices[len(made._radices) - counting - 1 :]) <= MOST:
            counting += 1
        made = cls(classes, held, counting)
        return made if made.room >= ENOUGH else None

    @property
    def _radices(self) -> list[int]:
        """Of the places that vary and are not held."""
        return [len(c) for c in self.classes if len(c) > 1][len(self.held) :]

    @property
    def room(self) -> int:
        """How many keys of the very pattern there are."""
        return math.prod(self._radices[len(self._radices) - self.counting :])

    def make(self, count: int, skip: int = 0) -> NDArray[np.str_]:
        """Return `count` distinct keys after the first `skip` ones.

        Those beyond `room` have an ending, "_2" and so on, and so another length.
        """
        number = np.arange(skip, skip + count, dtype=np.uint64)
        room = np.uint64(self.room)
        radices = self._radices
        between = len(radices) - self.counting
        chosen: list[Any] = list(self.held)
        for place in range(between):
            chosen.append(_scatter(number + np.uint64(place << 40)) % np.uint64(radices[place]))
        left = (number % room) * np.uint64(_coprime(int(room))) % room
        tail = []
        for radix in reversed(radices[between:]):
            tail.append(left % np.uint64(radix))
            left //= np.uint64(radix)
        chosen += reversed(tail)
        letters = np.empty((count, len(self.classes)), dtype=np.uint32)
        varying = iter(chosen)
        for place, characters in enumerate(self.classes):
            table = np.array([ord(c) for c in characters], dtype=np.uint32)
            letters[:, place] = table[next(varying)] if len(table) > 1 else table[0]
        made: NDArray[np.str_] = letters.view(f"U{len(self.classes)}").reshape(count)
        if skip + count > room:
            more = np.strings.add("_", (number // room + np.uint64(1)).astype(np.str_))
            made = np.strings.add(made, np.where(number >= room, more, ""))
        return made


def _class(codes: NDArray[np.uint32], keys: int) -> str:
    """Return the smallest class that holds all these characters, without what many keys would have shown."""
    seen = "".join(map(chr, codes))
    known = next((known for known in CLASSES if set(seen) <= set(known)), seen)
    return seen if len(seen) == 1 or keys >= 16 * len(known) else known


def _digits(letters: NDArray[np.uint32], characters: str) -> NDArray[np.int64]:
    table = np.array([ord(c) for c in characters])
    order = np.argsort(table)
    return np.asarray(order[np.searchsorted(table[order], letters)], dtype=np.int64)


def _places(number: int, radices: list[int]) -> tuple[int, ...]:
    found = []
    for radix in reversed(radices):
        number, rest = divmod(number, radix)
        found.append(rest)
    return tuple(reversed(found))


def _coprime(room: int) -> int:
    """Return a number near the golden section of `room` that has no factor with it, so that multiples visit all."""
    near = int(room * 0.6180339887498949)
    return next(number for number in range(near, 2 * room) if math.gcd(number, room) == 1)


def _scatter(number: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the mix of SplitMix64.

    "Fast splittable pseudorandom number generators" (Steele, Lea & Flood, 2014,
    https://doi.org/10.1145/2660193.2660195).
    """
    mixed = number * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
