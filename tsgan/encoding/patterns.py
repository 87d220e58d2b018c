"""Text keys of one length: which class of characters each place has, and new keys of the same pattern.

Each place of a key has a class: the one character that all keys have there, or digits, hexadecimal digits, letters and
so on, and so the places that vary are the digits of a number of mixed radix. The leading ones, as many as it takes,
are held at a combination that no real key has (the smallest), so that no new key is a real one. The last ones count,
scattered by a multiplication, so that keys differ; those between are filled by a hash of the count.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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

    def to_dict(self) -> dict[str, Any]:
        """Return the pattern as JSON-ready values."""
        return {**asdict(self), "classes": list(self.classes), "held": list(self.held)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild the pattern from `to_dict`."""
        return cls(tuple(data["classes"]), tuple(data["held"]), data["counting"])


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
