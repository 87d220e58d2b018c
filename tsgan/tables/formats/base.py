"""The contract of a format: data of another library to a long table with roles, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pandas as pd

from ...bundle import saved
from ...errors import InputError, SchemaError
from ..dtypes import Name


@saved
@dataclass(frozen=True)
class Format(ABC):
    """How data were laid out that became a long table: one row for each sequence and step.

    Attributes
    ----------
    entity, time : str or int
        Columns (or index levels) of the long table.
    static : tuple of str or int
        Its columns with one value per sequence.
    """

    name: ClassVar[str]
    looks: ClassVar[str]  # what data of it are, as an error says it
    framed: ClassVar[bool] = False  # whether it is a DataFrame

    entity: Name
    time: Name
    static: tuple[Name, ...] = ()

    @property
    def numbered(self) -> bool:
        """Whether sequences have no keys of their own, only a place."""
        return False

    @classmethod
    def fits(cls, data: Any) -> bool:
        """Return whether data show by themselves that they are of this format."""
        return False

    @classmethod
    def may_be(cls, data: Any) -> bool:
        """Return whether data can be read that are known to be of this format; a plain long frame is none of these."""
        return cls.fits(data)

    @classmethod
    @abstractmethod
    def read(cls, data: Any, entity: Name | None = None, time: Name | None = None) -> tuple[pd.DataFrame, Self]:
        """Return data as a long table, and how they were laid out.

        `entity` and `time` are what was asked for: a format with dimensions that have names is told by them which is
        which, every other one refuses names that are not its own (`agree`).

        Raises
        ------
        SchemaError
            Naming the place, if the data hold what a long table cannot.
        """

    @classmethod
    def of(cls, table: pd.DataFrame, entity: Name, time: Name, static: Sequence[Name]) -> Self:
        """Return how a long table that never was of this format is to be laid out."""
        return cls(entity, time, tuple(static))

    @abstractmethod
    def write(self, table: pd.DataFrame) -> Any:
        """Return a long table in this format.

        Raises
        ------
        InputError
            If the library is not installed.
        """

    def agree(self, entity: Name | None, time: Name | None) -> None:
        """Refuse roles that were asked for and are not those that the format gives.

        Raises
        ------
        SchemaError
            Naming them.
        """
        for role, asked, own in (("entity", entity, self.entity), ("time", time, self.time)):
            if asked is not None and asked != own:
                raise SchemaError(
                    f"{role}={asked!r} does not go with {self.name} data, whose {role} is {own!r}; leave it out"
                )

    def values(self, table: pd.DataFrame) -> list[Any]:
        """Return the columns of a long table without a role, in their order."""
        return [name for name in table.columns if name not in (self.entity, self.time, *self.static)]

    def sequences(self, table: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
        """Yield each sequence of a long table, in order of appearance, with its key."""
        roles = [name for name in (self.entity, self.time) if name not in table.columns]
        table = table.reset_index(level=roles) if roles else table
        yield from table.groupby(self.entity, sort=False, observed=True)


@dataclass(frozen=True)
class Long:
    """Data of another library as a long table, and the way back.

    Attributes
    ----------
    frame : DataFrame
        One row for each sequence and step.
    format : Format
    """

    frame: pd.DataFrame
    format: Format

    @property
    def roles(self) -> dict[str, Any]:
        """What `RecurrentGAN` and `evaluate` are to be told where the frame alone is passed on."""
        return {"entity": self.format.entity, "time": self.format.time, "static": list(self.format.static)}

    def back(self, table: pd.DataFrame | None = None) -> Any:
        """Return a table with the same columns, or the frame itself, in the format it came from."""
        return self.format.write(self.frame if table is None else table)


def moments(times: pd.Series[Any]) -> pd.Series[Any]:
    """Return periods as the moments at which they begin, all else as it is."""
    return times.dt.to_timestamp() if isinstance(times.dtype, pd.PeriodDtype) else times


def missing_library(one: str, install: str, error: ImportError) -> InputError:
    """Return the error that says which library gives data back."""
    return InputError(
        f"data of {one} are given back by {one}, which is not installed ({error}); install it with: pip install "
        f"{install}"
    )


def agreeing(what: str, found: Sequence[Any], name: str) -> Any:
    """Return what all items have in common.

    Raises
    ------
    SchemaError
        Naming the first item that differs.
    """
    for number, one in enumerate(found):
        if one != found[0]:
            raise SchemaError(
                f"{name} {number} has {what} {one!r}, {name} 0 has {found[0]!r}; all must have the same one, "
                "fit those that differ apart"
            )
    return found[0]


def distinct(names: Collection[Any], what: str) -> None:
    """Refuse columns of a long table that would have one name.

    Raises
    ------
    SchemaError
        Naming them.
    """
    double = sorted({str(one) for one in names if list(names).count(one) > 1})
    if double:
        raise SchemaError(f"{what}: more than one column would be named {double}; rename them")
