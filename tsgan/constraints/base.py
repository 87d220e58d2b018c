"""What every constraint is."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from ..errors import ConstraintError
from .grain import Kind, kind_of
from .rows import Bools, Name, Rows


class Constraint(ABC):
    """Something that holds in every row of a table, by the names of its columns.

    A member is a plain object: two with the same arguments are equal, `repr` shows how to write it, and `to_dict` and
    `from_dict` carry it through JSON. A row in which an operand is missing breaks nothing.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def columns(self) -> tuple[Name, ...]:
        """The columns that it names."""

    @abstractmethod
    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that make this constraint: by position, and by name where they differ from the usual."""

    @abstractmethod
    def check(self, rows: Rows) -> None:
        """Refuse columns of a wrong kind.

        Raises
        ------
        ConstraintError
            Naming the column, its dtype and what is allowed.
        """

    @abstractmethod
    def broken(self, rows: Rows) -> Bools:
        """Return which rows break it, `(rows,)`."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""

    @classmethod
    @abstractmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild it from `to_dict`."""

    @property
    def text(self) -> str:
        """The constraint in the words of mathematics."""
        return repr(self)

    def operands(self, known: Iterable[Name]) -> tuple[Name, ...]:
        """Return the columns that it looks at, of those that are there."""
        return tuple(name for name in self.columns if name in set(known))

    def unknown(self, known: Iterable[Name]) -> list[Name]:
        """Return the columns that it names and that are not there."""
        there = set(known)
        return [name for name in self.columns if name not in there and name not in self.operands(there)]

    def __repr__(self) -> str:
        places, names = self.arguments()
        return f"{type(self).__name__}({', '.join([*map(repr, places), *(f'{k}={v!r}' for k, v in names.items())])})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.arguments() == other.arguments()

    def __hash__(self) -> int:
        return hash(repr(self))


def nearest(name: Name, known: Iterable[Name]) -> str:
    """Return the end of a message: which columns there are, and which is the nearest."""
    names = list(known)
    near = difflib.get_close_matches(str(name), [str(one) for one in names], n=1)
    return f"; there are {names[:30]}." + (f" Did you mean {near[0]!r}?" if near else "")


def names_of(columns: Iterable[Any], constraint: str, least: int) -> tuple[Name, ...]:
    """Return column names, checked.

    Raises
    ------
    ConstraintError
        If one is neither a string nor an integer, comes twice, or there are too few.
    """
    names = tuple(columns)
    for name in names:
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise ConstraintError(f"{constraint}: {name!r} is no column name; pass strings or integers, one by one")
    if len(names) < least:
        raise ConstraintError(
            f"{constraint}: {len(names)} columns {list(names)} are too few; it needs at least {least}"
        )
    if len(set(names)) < len(names):
        raise ConstraintError(f"{constraint}: a column comes twice in {list(names)}; name each once")
    return names


def numeric(constraint: Constraint, rows: Rows, allowed: Iterable[Kind] = ("whole", "real", "moment", "span")) -> None:
    """Refuse columns that hold no numbers, and columns of kinds that cannot be compared.

    Raises
    ------
    ConstraintError
        Naming the column and its dtype.
    """
    kinds: dict[Name, str] = {}
    words = {"whole": "numbers", "real": "numbers", "moment": "datetimes", "span": "timedeltas"}
    told = list(dict.fromkeys(words[kind] for kind in allowed))
    for name in constraint.operands(rows.columns):
        series = rows.columns[name]
        kind = kind_of(series)
        if kind is None or kind not in allowed:
            raise ConstraintError(
                f"{constraint!r}: column {name!r} is of dtype {series.dtype}; allowed are {', '.join(told)}. "
                "Convert it, or leave the constraint out"
            )
        zone = " with a zone" if (kind == "moment" and "," in str(series.dtype)) or "tz=" in str(series.dtype) else ""
        kinds[name] = words[kind] + zone
    if len(set(kinds.values())) > 1:
        told = [f"{name!r} holds {kind}" for name, kind in kinds.items()]
        raise ConstraintError(f"{constraint!r}: {', '.join(told)}, which cannot be compared; convert them to one kind")
