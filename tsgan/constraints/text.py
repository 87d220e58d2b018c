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
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
MOMENT = re.compile(r"\d{4}-\d\d(-\d\d)?([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?")
WORDS = ("monotone", "fixed", "whole")


def read_rule(text: str) -> Constraint:
    """Return the constraint that a text says.

    Raises
    ------
    ConstraintError
        With the text and how constraints are written.
    """
    word, colon, rest = text.partition(":")
    if colon and not rest.startswith("=") and word.strip().lower() in WORDS:
        return _worded(text, word.strip().lower(), [_name(text, one) for one in _split(rest, ",")])
    if ":=" in text:
        column, _, formula = text.partition(":=")
        return Derived(_name(text, column), formula.strip())
    parts = _split(text, "<=|>=|<|>|=")
    signs = _signs(text)
    if signs == ["="]:
        return FixedSum(_name(text, parts[0]), [_name(text, one) for one in _split(parts[1], r"\+")])
    if not signs or len(set(signs)) > 1 or "=" in signs:
        raise ConstraintError(f"{text!r} is no constraint; {SYNTAX}")
    if signs[0].startswith(">"):
        parts, signs = parts[::-1], [sign.replace(">", "<") for sign in signs]
    ends = [_end(part) for part in parts]
    strict = signs[0] == "<"
    if all(end is None for end in ends):
        return Inequality(*(_name(text, part) for part in parts), strict=strict)
    return _range(text, parts, ends, strict)


def _range(text: str, parts: list[str], ends: list[Any], strict: bool) -> Constraint:
    columns = [i for i, end in enumerate(ends) if end is None]
    if len(columns) != 1 or len(parts) > 3 or (len(parts) == 3 and columns != [1]):
        raise ConstraintError(f"{text!r} mixes columns and numbers; write one constraint for each, such as '0 <= x'")
    if strict:
        raise ConstraintError(f"{text!r}: a range holds its ends; write it with <=")
    at = columns[0]
    low, high = (ends[at - 1] if at else None), (ends[at + 1] if at + 1 < len(ends) else None)
    return Range(_name(text, parts[at]), low, high)


def _worded(text: str, word: str, names: list[str]) -> Constraint:
    if word == "fixed":
        return Fixed(*names)
    if word == "whole" and len(names) == 1:
        return Range(names[0], whole=True)
    odd = [name for name in names[1:] if name not in ("falling", "strict")]
    if word == "whole" or odd:
        raise ConstraintError(f"{text!r} names more than one column; write one constraint for each")
    return Monotone(names[0], increasing="falling" not in names[1:], strict="strict" in names[1:])


def _hidden(text: str) -> str:
    """Return the text with what is in backticks blotted out."""
    return re.sub(r"`[^`]*`", lambda found: "\0" * len(found[0]), text)


def _signs(text: str) -> list[str]:
    return re.findall("<=|>=|<|>|=", _hidden(text))


def _split(text: str, at: str) -> list[str]:
    parts, begin = [], 0
    for found in re.finditer(at, _hidden(text)):
        parts.append(text[begin : found.start()].strip())
        begin = found.end()
    return [*parts, text[begin:].strip()]


def _name(text: str, part: str) -> str:
    name = part.strip()
    quoted = re.fullmatch("`([^`]+)`", name)
    if not name:
        raise ConstraintError(f"{text!r} lacks a column; {SYNTAX}")
    return quoted[1] if quoted else name


def _end(part: str) -> Any:
    """Return a number or a moment, None for a column."""
    if NUMBER.fullmatch(part):
        return int(part) if re.fullmatch(r"[+-]?\d+", part) else float(part)
    return part if MOMENT.fullmatch(part) else None
