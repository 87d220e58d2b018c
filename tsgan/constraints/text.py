"""Constraints written as text, for the command line.

======================================  =============================================================
``low <= open <= high``, ``low < high``  `Inequality`
``0 <= x``, ``x <= 5``, ``0 <= x <= 5``  `Range`; ends are numbers or moments (``2024-01-31``)
``whole: x``                             `Range` of whole numbers
``total = a + b``                        `FixedSum`
``x := a * b``                           `Derived`, with any formula of `expression`
``monotone: meter``                      `Monotone`; ``, falling`` and ``, strict`` may follow
``fixed: city, country``                 `Fixed`
======================================  =============================================================

Names may hold blanks; those that hold one of the signs are put in backticks.
"""

from __future__ import annotations

import re
from typing import Any

from ..errors import ConstraintError
from .base import Constraint
from .derived import Derived
from .fixed import Fixed
from .fixed_sum import FixedSum
from .inequality import Inequality
from .monotone import Monotone
from .ranges import Range

SYNTAX = (
    "write 'low <= high', '0 <= x', 'total = a + b', 'x := a * b', 'whole: x', 'monotone: meter' or "
    "'fixed: city, country'"
)
SIGN = "<=|>=|<|>|="
WHOLE_NUMBER = re.compile(r"[+-]?\d+")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
MOMENT = re.compile(r"\d{4}-\d\d(-\d\d)?([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?")


def read_rule(text: str) -> Constraint:
    """Return the constraint that a text says.

    Raises
    ------
    ConstraintError
        With the text and how constraints are written.
    """
    word, colon, rest = text.partition(":")
    word = word.strip().lower()
    if colon and not rest.startswith("=") and word in ("monotone", "fixed", "whole"):
        return _read_worded(text, word, [_name(text, one) for one in _split(rest, ",")[0]])
    if ":=" in text:
        column, _, formula = text.partition(":=")
        return Derived(_name(text, column), formula.strip())
    parts, signs = _split(text, SIGN)
    if signs == ["="]:
        return FixedSum(_name(text, parts[0]), [_name(text, one) for one in _split(parts[1], r"\+")[0]])
    if len(set(signs)) != 1 or "=" in signs:
        raise ConstraintError(f"{text!r} is no constraint; {SYNTAX}")
    if signs[0].startswith(">"):
        parts = parts[::-1]
    ends, strict = [_end(part) for part in parts], signs[0] in "<>"
    columns = [i for i, end in enumerate(ends) if end is None]
    if len(columns) == len(ends):
        return Inequality(*(_name(text, part) for part in parts), strict=strict)
    if len(columns) != 1 or len(parts) > 3 or (len(parts) == 3 and columns != [1]):
        raise ConstraintError(f"{text!r} mixes columns and numbers; write one constraint for each, such as '0 <= x'")
    if strict:
        raise ConstraintError(f"{text!r}: a range holds its ends; write it with <=")
    at = columns[0]
    return Range(_name(text, parts[at]), *([None, *ends, None][at : at + 3 : 2]))


def _read_worded(text: str, word: str, names: list[str]) -> Constraint:
    if word == "fixed":
        return Fixed(*names)
    more = set(names[1:])
    if more - ({"falling", "strict"} if word == "monotone" else set()):
        raise ConstraintError(f"{text!r} names more than one column; write one constraint for each")
    if word == "whole":
        return Range(names[0], whole=True)
    return Monotone(names[0], increasing="falling" not in more, strict="strict" in more)


def _split(text: str, at: str) -> tuple[list[str], list[str]]:
    """Return what stands between separators, and these; what is in backticks separates nothing."""
    hidden = re.sub(r"`[^`]*`", lambda found: "\0" * len(found[0]), text)
    found = list(re.finditer(at, hidden))
    begins, ends = [0, *(one.end() for one in found)], [*(one.start() for one in found), len(text)]
    return [text[i:j].strip() for i, j in zip(begins, ends, strict=True)], [one[0] for one in found]


def _name(text: str, part: str) -> str:
    name = part.strip()
    quoted = re.fullmatch("`([^`]+)`", name)
    if not name:
        raise ConstraintError(f"{text!r} lacks a column; {SYNTAX}")
    return quoted[1] if quoted else name


def _end(part: str) -> Any:
    """Return a number or a moment, None for a column."""
    if NUMBER.fullmatch(part):
        return int(part) if WHOLE_NUMBER.fullmatch(part) else float(part)
    return part if MOMENT.fullmatch(part) else None
