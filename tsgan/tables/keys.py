"""Entity keys: new ones in the form of the real ones, and never one of them.

Only the form is kept, not the keys: a saved model holds no real key. A form is one of

- numbers, dates and periods: counted on from above the largest, a round number that does not tell which it was;
- text that ends in a number, perhaps with an ending after it ("patient_007", "7-b"): the number is counted on;
- text of one length, where each place has characters of one class ("AB-1234"), see `_free_places`; a UUID (RFC 9562,
  https://www.rfc-editor.org/rfc/rfc9562) keeps its version and its variant, and comes back as the object that it was;
- else ``synthetic_000001`` and so on, which no real key begins with.
"""

from __future__ import annotations

import itertools
import math
import operator
import string
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..bundle import PLACES, saved
from ..errors import ParameterError
from .dtypes import INT64_MAX, Token, dump, label, load, temporal, ticks, untick

NUMBERED = r"^(?s:(.*?))([0-9]{1,18})(\D*)$"
_HEX = "[0-9a-fA-F]"
UUID = rf"^(?:urn:uuid:)?\{{?({_HEX}{{8}}-?{_HEX}{{4}}-?[1-8]{_HEX}{{3}}-?[89abAB]{_HEX}{{3}}-?{_HEX}{{12}})\}}?$"
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
MAX_LENGTH = 64  # characters of a key that has a pattern: longer ones are sentences
MIN_ROOM = 10**6  # keys that a pattern must leave free, else there would soon be none
MAX_COUNTED = 2**31  # keys that the last places tell apart: products with their multiplier fit 64 bits


@saved
@dataclass(frozen=True)
class Keys:
    """How new keys are made."""

    dtype: Token  # of the real keys
    of: Token  # the same, of categories the dtype of their values
    kind: Literal["number", "moment", "text", "pattern"]
    first: int  # the first new number; of moments in units of their dtype
    real: int  # how many real keys there were
    step: int = 1  # from one number to the next
    room: int = INT64_MAX  # how many numbers are free from the first on
    prefix: str = ""  # what stands before the number of a text key
    suffix: str = ""  # and after it
    digits: Annotated[int, PLACES] = 1  # to how many digits that number is filled with zeros
    places: tuple[str, ...] = ()  # of a pattern, the characters that each place of a new key may have

    @classmethod
    def fit(cls, keys: pd.Index[Any]) -> Keys:
        """Learn the form from the distinct real keys."""
        dtype: Token
        if isinstance(keys.dtype, pd.CategoricalDtype):
            ordered = bool(keys.dtype.ordered)
            keys = pd.Index(keys.astype(keys.dtype.categories.dtype))
            dtype = {"categories": [], "of": dump(keys.dtype), "ordered": ordered}
        else:
            dtype = dump(keys.dtype)
        of, count = dump(keys.dtype), len(keys)
        if types.is_numeric_dtype(keys.dtype) and not types.is_bool_dtype(keys.dtype):
            first, room = _free_numbers(keys)
            return cls(dtype, of, "number", first, count, room=room)
        dates = types.infer_dtype(keys, skipna=False) == "date"
        moments: Any = temporal(pd.DatetimeIndex(keys).as_unit("s") if dates else keys)
        if isinstance(moments, pd.DatetimeIndex | pd.TimedeltaIndex | pd.PeriodIndex):
            counted = ticks(moments)
            top, step = int(counted.max()), int(np.gcd.reduce(counted - counted[0])) or _day(moments)
            top = (_above(top // step, INT64_MAX // step) - 1) * step + top % step
            made: Token = dump(moments.dtype) if dates else of
            return cls(
                "date" if dates else dtype, made, "moment", top + step, count, step, (INT64_MAX - top) // step - 1
            )
        if types.infer_dtype(keys, skipna=False) == "mixed" and all(isinstance(key, uuid.UUID) for key in keys):
            ids: Token = {**dtype, "of": "uuid"} if isinstance(dtype, dict) else "uuid"
            return cls._of_text(ids, "object", keys.map(str))
        text = of.get("arrow", "string") in ("string", "large_string", "string_view") if isinstance(of, dict) else False
        if not text and of not in ("object", "str"):  # keys that are neither numbers nor text become text
            of = "object"
            dtype = {**dtype, "of": of} if isinstance(dtype, dict) and "of" in dtype else of
        return cls._of_text(dtype, of, keys.map(str))

    @classmethod
    def _of_text(cls, dtype: Token, of: Token, keys: pd.Index[Any]) -> Keys:
        text = pd.Series(keys, dtype=object).str
        uuids = _uuid_places(keys) if len(keys) else None
        if uuids is not None:
            return cls(dtype, of, "pattern", 0, len(keys), places=_held(uuids, keys))
        parts = text.extract(NUMBERED)
        prefix, number, suffix = (parts[i] for i in range(3))
        if number.notna().all() and prefix.nunique() == 1 and suffix.nunique() == 1:
            widths = number.str.len()
            width = int(widths.iloc[0]) if widths.nunique() == 1 else 1
            top = int(number.astype("int64").max())
            ends: Any = {"prefix": str(prefix.iloc[0]), "suffix": str(suffix.iloc[0])}
            return cls(dtype, of, "text", _above(top), len(keys), digits=width, **ends)
        places = _free_places(keys)
        if places is not None:
            return cls(dtype, of, "pattern", 0, len(keys), places=places)
        begin = "synthetic_"
        while text.startswith(begin).any():
            begin += "_"
        return cls(dtype, of, "text", 1, len(keys), prefix=begin, digits=6)

    def make(self, count: int, skip: int = 0) -> pd.Index[Any]:
        """Return `count` new keys after `skip` ones that were given out before, in the dtype of the real ones.

        Integers that do not fit it become int64. ParameterError if there are not that many free numbers.
        """
        if skip + count > self.room:
            raise ParameterError(
                f"{count} new keys were asked for, but keys such as the real ones ({label(self.dtype)}) leave room for "
                f"{self.room - skip}; draw fewer sequences at a time, or fit with keys of smaller numbers"
            )
        made = self._values(count, skip)
        levels = self.dtype if isinstance(self.dtype, dict) and "categories" in self.dtype else None
        kind = self.dtype if levels is None else levels["of"]
        convert: Any = {"date": lambda stamp: stamp.date(), "uuid": uuid.UUID}.get(str(kind))
        if convert is not None:
            made = pd.Index([convert(value) for value in made], dtype=object)
        return made if levels is None else pd.CategoricalIndex(made, categories=made, ordered=levels["ordered"])

    def _values(self, count: int, skip: int = 0) -> pd.Index[Any]:
        first = self.first + self.step * skip
        wide = np.uint64 if first + count > INT64_MAX else np.int64
        numbers = np.arange(count, dtype=wide) * wide(self.step) + wide(first)
        if self.kind == "number":
            return as_index(numbers, load(self.of))
        made: Any
        if self.kind == "moment":
            made = untick(numbers, load(self.of))
        elif self.kind == "pattern":
            made = pd.Index(_spelled(self.places, count, skip).astype(object), dtype=load(self.of))
        else:
            filled = np.strings.zfill(numbers.astype(np.str_), self.digits)
            text = np.strings.add(np.strings.add(np.str_(self.prefix), filled), np.str_(self.suffix))
            made = pd.Index(text.astype(object), dtype=load(self.of))
        index: pd.Index[Any] = pd.Index(made)
        return index

    def describe(self) -> str:
        """Return in a few words what new keys are like."""
        if self.kind == "number":
            return "new numbers"
        return f"new keys {self._values(1)[0]} .."


def _above(top: int, limit: int = INT64_MAX) -> int:
    """Return a round number above another: the next multiple of its largest power of ten, near a limit of a smaller."""
    digits = max(len(str(abs(top))) - 1, 1)
    multiples = (top // 10**power * 10**power + 10**power for power in range(digits, -1, -1))
    return next((int(first) for first in multiples if limit - first >= MIN_ROOM), top + 1)


def _free_numbers(keys: pd.Index[Any]) -> tuple[int, int]:
    """Return a number above which there is room, and how much: above the largest key, else in the widest gap."""
    if not types.is_integer_dtype(keys.dtype):
        first = _above(int(np.floor(keys.max())), 2**53)
        return first, max(2**53 - first, 0)
    unsigned = str(keys.dtype).lower().startswith("uint64")
    top, limit = int(keys.max()), 2**64 - 1 if unsigned else INT64_MAX
    if limit - top > 2**32:
        first = _above(top, limit)
        return first, limit - first + 1
    numbers = np.sort(keys.to_numpy(dtype=np.uint64 if unsigned else np.int64))
    below = np.append(numbers[:1] * 0, numbers[numbers >= 0]) if numbers[0] >= 0 else numbers
    gaps = np.diff(below.astype(np.float64))
    widest = int(gaps.argmax())
    first = _above(int(below[widest]), int(below[widest + 1]) - 1)
    return first, max(int(below[widest + 1]) - first, limit - top)


def as_index(numbers: NDArray[Any], dtype: Any) -> pd.Index[Any]:
    """Return numbers as an index of the dtype, or as they are where it is too narrow."""
    name = str(getattr(dtype, "numpy_dtype", dtype)).lower()
    if name.startswith(("int", "uint")) and len(numbers) and int(numbers[-1]) > np.iinfo(name).max:
        dtype = numbers.dtype
    made: pd.Index[Any] = pd.Index(numbers).astype(dtype)
    return made


def _day(moments: Any) -> int:
    """Return one day (of periods, one of them) in units of the moments."""
    return 1 if isinstance(moments, pd.PeriodIndex) else int(pd.Timedelta(1, "D") / pd.Timedelta(1, moments.unit))


def _uuid_places(keys: pd.Index[Any]) -> tuple[str, ...] | None:
    """Return the characters of each place of keys that are UUIDs, of their version and variant; None for other keys."""
    digits = pd.Series(keys, dtype=object).str.extract(UUID)[0]
    upper = any(key != key.lower() for key in keys)
    if digits.isna().any() or (upper and any(key != key.upper() for key in keys)):
        return None
    letters = _letters(keys)
    if letters is None:
        return None
    kept = ["".join(sorted(set(map(chr, codes)))) for codes in letters.T]
    hexes = [place for place, codes in enumerate(letters.T) if chr(codes[0]) in string.hexdigits][-32:]
    for every in (False, True):  # all digits where too few vary
        places = list(kept)
        for at, place in enumerate(hexes):
            if at not in (12, 16) and (every or len(kept[place]) > 1):  # the version and the variant
                places[place] = HEXADECIMAL.upper() if upper else HEXADECIMAL
        if math.prod(_counted(_held(tuple(places), keys))) >= MIN_ROOM:
            break
    return tuple(places)


def _letters(keys: pd.Index[Any]) -> NDArray[np.uint32] | None:
    """Return the characters of keys of one length, `(keys, length)`; None if they have several, or are too long."""
    text = np.asarray(keys, dtype=np.str_)
    length = text.dtype.itemsize // 4
    letters: NDArray[np.uint32] = text.view(np.uint32).reshape(len(text), length)
    if length > MAX_LENGTH or (letters == 0).any():  # a shorter key is filled with zeros
        return None
    return letters


def _free_places(keys: pd.Index[Any]) -> tuple[str, ...] | None:
    """Return the characters of each place of keys of one length, such that no key that they allow is a real one.

    A place has the one character that all keys have there, or digits, hexadecimal digits, letters and so on. None if
    keys have several lengths, or less than a million new ones would be left.
    """
    letters = _letters(keys)
    if letters is None or len(keys) < 2:
        return None
    places = _held(tuple(_class(np.unique(codes), len(letters)) for codes in letters.T), keys)
    return places if math.prod(_counted(places)) >= MIN_ROOM else None


def _held(allowed: tuple[str, ...], keys: pd.Index[Any]) -> tuple[str, ...]:
    """Return the places with the leading ones that vary, as many as it takes, held at characters that no key has."""
    letters, places = np.asarray(keys, dtype=np.str_).view(np.uint32).reshape(len(keys), -1), list(allowed)
    vary = [place for place in range(len(places)) if len(places[place]) > 1]
    for used in range(1, len(vary) + 1):
        taken = set(np.ascontiguousarray(letters[:, vary[:used]]).view(f"U{used}").ravel().tolist())
        if len(taken) < math.prod(len(places[place]) for place in vary[:used]):
            every = itertools.product(*(places[place] for place in vary[:used]))
            free = next(characters for characters in every if "".join(characters) not in taken)
            for place, character in zip(vary, free, strict=False):
                places[place] = character
            break
    return tuple(places)


def _class(codes: NDArray[np.uint32], keys: int) -> str:
    """Return the smallest class that holds all these characters, without what many keys would have shown."""
    seen = "".join(map(chr, codes))
    known = next((known for known in CLASSES if set(seen) <= set(known)), seen)
    return seen if len(seen) == 1 or keys >= 16 * len(known) else known


def _counted(places: tuple[str, ...] | list[str]) -> list[int]:
    """Return how many characters each of the last places that vary has, as far as they count new keys."""
    sizes = [len(characters) for characters in places if len(characters) > 1]
    products = itertools.accumulate(reversed(sizes), operator.mul)
    return sizes[len(sizes) - sum(product <= MAX_COUNTED for product in products) :]


def _spelled(places: tuple[str, ...], count: int, skip: int) -> NDArray[np.str_]:
    """Return `count` distinct keys after the first `skip` ones.

    The last places that vary are the digits of a number of mixed radix, the count of the keys, scattered by a
    multiplication; those before are a hash of the count. Where these are used up, keys have an ending, "_2" and so on,
    and so another length.
    """
    number = np.arange(skip, skip + count, dtype=np.uint64)
    counted = _counted(places)
    room = np.uint64(math.prod(counted))
    vary = [place for place, characters in enumerate(places) if len(characters) > 1]
    letters = np.empty((count, len(places)), dtype="U1")
    letters[:] = [characters[0] for characters in places]
    hashed, digits = vary[: len(vary) - len(counted)], vary[len(vary) - len(counted) :]
    for turn, place in enumerate(hashed):
        mixed = pd.util.hash_array((number + np.uint64((turn << 40) + 1)) * np.uint64(0x9E3779B97F4A7C15))
        letters[:, place] = np.array(list(places[place]))[mixed % np.uint64(len(places[place]))]
    left = (number % room) * np.uint64(_coprime(int(room))) % room
    for place in reversed(digits):
        left, digit = np.divmod(left, np.uint64(len(places[place])))
        letters[:, place] = np.array(list(places[place]))[digit]
    made: NDArray[np.str_] = letters.view(f"U{len(places)}").reshape(count)
    if skip + count > room:
        more = np.strings.add("_", (number // room + np.uint64(1)).astype(np.str_))
        made = np.strings.add(made, np.where(number >= room, more, ""))
    return made


def _coprime(room: int) -> int:
    """Return a number near the golden section of `room` that has no factor with it, so that multiples visit all."""
    near = int(room * 0.6180339887498949)
    return next(number for number in range(near, 2 * room) if math.gcd(number, room) == 1)
