"""Categories and booleans: the code of a level; and what becomes of rare levels.

A level that only a few hold (see `Holders`) tells of them. It is not kept; nor is one that a single sequence holds in a
category of many levels, so that no id is learned by heart. Such levels count as one, "other". On the way back "other"
is one of the levels that are kept, drawn by the observed shares, or a word that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ...arrays import Bools, Doubles, Ints
from ...bundle import Held, saved
from ...errors import InputError, SchemaError
from ...holders import Holders, without_levels
from ...layout import Category
from ...tables.dtypes import Name, Token, blank, dump, load, marker, plain
from ..schema import ColumnSchema, Kind, Role
from .base import Column, Request


@saved
@dataclass(eq=False)
class CategoryColumn(Column):
    """A column of observed levels, each with a code of its own; those that are not kept share the last.

    Attributes
    ----------
    levels : list of str, int, float or bool
        By code: in their own order if the category is ordered, else by falling frequency.
    share : list of float
        Observed probability of each code.
    dropped : int
        How many levels are not kept. Where there are any, they and levels that were never seen have one more code,
        "other", which comes back as a level that is kept.
    other : str or None
        What it comes back as instead.
    """

    kind: ClassVar[Kind] = "category"

    name: Name
    role: Role
    dtype: Token
    levels: list[Any]
    share: Annotated[list[float], Held(least=1)]
    dropped: int = 0
    missing: bool = False
    marker: str = ""
    other: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.share) != len(self.levels) + bool(self.dropped):
            raise ValueError(f"{len(self.levels)} levels cannot have {len(self.share)} shares")

    @classmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Learn the levels, their order and their frequencies; missing values are left out.

        Raises
        ------
        SchemaError
            For ids, free text and more than 5000 levels.
        """
        codes, unique = pd.factorize(series, sort=False)
        counts = np.bincount(codes[codes >= 0], minlength=len(unique))
        holders = count_holders(codes, request.follows, len(unique))
        refuse_ids(counts, holders, request.name)
        kept = np.argsort(-counts, kind="stable")
        kept = kept if len(counts) <= MAX_KEPT else kept[holders[kept] > 1]
        kept = kept[request.holders.count(codes, len(unique))[kept] >= request.holders.least]
        kept = kept[~pd.Index(unique).astype(object).isin(list(request.hidden))[kept]]
        if not len(kept):
            raise SchemaError(
                f"column {request.name!r} holds {len(counts)} levels, none of them in {request.holders.least} entities "
                "(of few entities: stretches of rows), so that none may be told; fit on more rows, leave it out with "
                f"exclude=[{request.name!r}], group its values, or pass protect=0 if they may be told of single ones"
            )
        dropped, names = len(counts) - len(kept), pd.Index(unique)
        kept = kept[cls.order(series, names[kept])]
        share = (counts[kept] / counts.sum()).tolist()
        if dropped:
            share.append(1.0 - sum(share))
        levels = [plain(v) for v in names.astype(object)[kept]]
        hidden = names.delete(kept)
        other = request.other if dropped and types.infer_dtype(levels) == "string" else None
        token, gone = dump(without_levels(series.dtype, hidden, other), request.name), bool((codes < 0).any())
        return cls(request.name, request.role, token, levels, share, dropped, gone, marker(series), other)

    @classmethod
    def order(cls, series: pd.Series[Any], unique: Any) -> NDArray[np.intp]:
        """Return the order of levels that come by falling frequency, as positions in `unique`."""
        if isinstance(series.dtype, pd.CategoricalDtype) and series.dtype.ordered:
            return np.argsort(series.dtype.categories.get_indexer(unique), kind="stable")
        return np.arange(len(unique))

    def cell(self) -> Category:
        """Return a cell of as many levels as there are codes."""
        return Category(str(self.name), len(self.share), self.missing)

    def encode(self, series: pd.Series[Any]) -> Doubles:
        """Return the codes, `(rows,)`; NaN where the value is missing.

        Raises
        ------
        InputError
            Naming column and value, if a category was never seen and has no code.
        """
        codes = pd.Index(self.levels, dtype=object).get_indexer(pd.Index(series.astype(object)))
        if self.other is not None:
            codes = np.where(series == self.other, len(self.levels), codes)
        missing = series.isna().to_numpy(dtype=bool)
        if self.dropped:
            codes = np.where(codes < 0, len(self.levels), codes)
        if (codes[~missing] < 0).any():
            unseen = sorted({repr(plain(v)) for v in series[(codes < 0) & ~missing]})
            raise InputError(
                f"column {self.name!r} holds {', '.join(unseen[:5])}{' ...' if len(unseen) > 5 else ''}, never seen "
                f"when fitting; known are {self.levels[:20]}{' ...' if len(self.levels) > 20 else ''}. "
                "Fit on a table that has all levels, or map the new ones to known ones"
            )
        return np.where(missing, np.nan, codes)

    def learned(self, series: pd.Series[Any]) -> Doubles:
        """Return the codes to learn from: each level that is not kept counts as one that is, by the observed shares."""
        codes = self.encode(series)
        rare = np.flatnonzero(codes == len(self.levels))
        if self.other is None and len(rare):
            texts = pd.Series([str(plain(level)) for level in series.iloc[rare]], dtype=object)
            codes[rare] = self._kept(pd.util.hash_pandas_object(texts, index=False).to_numpy() / 2.0**64)
        return codes

    def _kept(self, share: Doubles) -> NDArray[np.intp]:
        """Return the levels that are kept at shares (0 to 1) of all that hold one."""
        reach = np.cumsum(self.share[: len(self.levels)])
        return np.asarray(np.minimum(np.searchsorted(reach, share * reach[-1], side="right"), len(reach) - 1))

    def decode(self, values: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return the level of each code; where that is "other", a level by the observed shares."""
        gone = np.isnan(values)
        codes = np.where(gone, 0, values).astype(np.intp)
        other = codes == len(self.levels)
        if self.other is None and other.any():
            rng = np.random.default_rng(0) if rng is None else rng
            codes[other] = self._kept(rng.random(int(other.sum())))
        return blank(self._take(codes), gone, self.marker)

    def _take(self, codes: NDArray[np.intp]) -> Any:
        """Return the levels of codes, in the column's dtype."""
        dtype, levels = load(self.dtype), [*self.levels, *([] if self.other is None else [self.other])]
        if isinstance(dtype, pd.CategoricalDtype):
            place = dtype.categories.get_indexer(pd.Index(levels))
            return pd.Categorical.from_codes(place[codes], dtype=dtype)
        if isinstance(dtype, np.dtype):
            return np.array(levels, dtype=dtype)[codes]
        return pd.array(levels, dtype=dtype).take(codes)

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        shown = ", ".join(str(v) for v in self.levels)
        reason = shown if len(shown) <= 40 else shown[:37] + "..."
        if self.dropped:
            back = "are not given back" if self.other is None else f"come back as {self.other!r}"
            reason = f"{100 * self.share[-1]:.3g} % in {self.dropped} levels that too few have, which {back}"
        values = (*self.levels, *([] if self.other is None else [self.other]))
        return self.line(levels=len(self.levels), scaler="levels", reason=reason, values=values)


@saved
class BooleanColumn(CategoryColumn):
    """A column of True and False."""

    kind = "boolean"

    @classmethod
    def order(cls, series: pd.Series[Any], unique: Any) -> NDArray[np.intp]:
        """Put False first."""
        return np.argsort(np.asarray(unique, dtype=bool), kind="stable")


MAX_KEPT = 200  # levels that are all kept
MAX_LEVELS = 5000
MIN_IDS, ID_ROWS = 30, 0.9  # levels of one holder that make ids, and their share of the rows
ID_ROWS_OF_MANY = 0.5  # the same where there are more than `MAX_KEPT` levels


def refuse_ids(counts: Ints, holders: Ints, name: Name) -> None:
    """Refuse columns that name rows or sequences rather than group them, by the rows and holders of each level.

    Raises
    ------
    SchemaError
        If at least 30 levels have one holder each and together 90 % of the rows; for more than 200 levels if those with
        one holder have half of the rows; and for more than 5000 levels in any case.
    """
    rows, levels, ids = int(counts.sum()), len(counts), are_ids(counts, holders)
    if not ids and levels <= MAX_LEVELS:
        return
    why = "like ids or free text" if ids else f"more than the {MAX_LEVELS} that a category may have"
    raise SchemaError(
        f"column {name!r} holds {levels} distinct values in {rows} rows, {why}; they are never learned by heart. "
        f"Leave it out with exclude=[{name!r}]; or pass it as entity= if it names the sequence, as time= if it is the "
        "date or time; or group its rare values"
    )


def are_ids(counts: Ints, holders: Ints) -> bool:
    """Return whether levels name rows or sequences, by the rows and holders of each; see `refuse_ids`."""
    rows, levels, alone = int(counts.sum()), len(counts), holders == 1
    lone, held = int(alone.sum()), int(counts[alone].sum())
    return (lone >= MIN_IDS and held >= ID_ROWS * rows) or (levels > MAX_KEPT and held >= ID_ROWS_OF_MANY * rows)


def count_holders(codes: NDArray[np.intp], follows: Bools, levels: int) -> Ints:
    """Return how many sequences hold each level; how many rows, where there is one sequence.

    Codes are -1 where a level is missing; `follows` says whether a row is the next step of the row before it.
    """
    number: Any = np.cumsum(~follows)
    of = np.arange(len(codes)) if number[-1] == number[0] else number
    return Holders(of, 1).count(codes, levels)
