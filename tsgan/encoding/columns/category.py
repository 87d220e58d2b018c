"""Categories and booleans: a softmax block with one channel per level, or per frequent level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from ...errors import InputError
from ...layout import Block
from ..dtypes import Name, Token, dump, label, load, plain
from ..scalers.base import Bools, State
from ..schema import ColumnSchema, Kind, Role
from .base import Column, Request
from .rare import count_holders, refuse_ids, resolve, split


class CategoryColumn(Column):
    """A column of observed levels, at most 200 with a channel each; of more, the rare ones share one, see `rare`.

    Attributes
    ----------
    levels : list of str, int, float or bool
        Levels with a channel of their own, in the order of the block: their own order if the category is ordered, else
        one in which levels that follow one another often are neighbours. The channel of the rare ones comes last.
    share : list of float
        Observed probability of each channel.
    tail : list of str, int, float or bool
        Rare levels, in falling frequency.
    tail_share : list of float
        Observed probability of each.
    dropped : int
        How many levels are not kept, as a single sequence (or row) holds each; they are "other" when encoded.
    """

    kind: ClassVar[Kind] = "category"

    def __init__(
        self,
        name: Name,
        role: Role,
        dtype: Token,
        levels: list[Any],
        share: list[float],
        tail: Sequence[Any] = (),
        tail_share: Sequence[float] = (),
        dropped: int = 0,
    ) -> None:
        self.name, self.role, self.dtype, self.levels, self.share = name, role, dtype, levels, share
        self.tail, self.tail_share, self.dropped = list(tail), list(tail_share), dropped

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
        heads, tail, dropped = split(counts, holders)
        place = np.full(len(unique), -1)
        place[heads] = np.arange(len(heads))
        kept = np.where(codes >= 0, place[codes], -1)
        order = heads[cls.order(series, kept, pd.Index(unique)[heads], request.follows)]
        names, rows = pd.Index(unique).astype(object), int(counts.sum())
        share = (counts[order] / rows).tolist()
        if len(heads) < len(unique):
            share.append(1.0 - sum(share))
        return cls(
            request.name,
            request.role,
            dump(series.dtype, request.name),
            [plain(v) for v in names[order]],
            share,
            [plain(v) for v in names[tail]],
            (counts[tail] / rows).tolist(),
            dropped,
        )

    @classmethod
    def order(cls, series: pd.Series[Any], codes: NDArray[np.intp], unique: Any, follows: Bools) -> NDArray[np.intp]:
        """Return the order of the levels in the block, as positions in `unique`; code -1 is none of them."""
        if isinstance(series.dtype, pd.CategoricalDtype) and series.dtype.ordered:
            return np.argsort(series.dtype.categories.get_indexer(pd.Index(unique)), kind="stable")
        return seriate(codes, len(unique), follows)

    @property
    def width(self) -> int:
        """One channel per level of its own, and one for all others."""
        return len(self.share)

    @property
    def known(self) -> list[Any]:
        """All levels that can come back."""
        return self.levels + self.tail

    def encode(self, series: pd.Series[Any]) -> NDArray[np.floating]:
        """Return the one-hot code, `(rows, width)`; NaN where the value is missing.

        Where rare levels share a channel, so do levels that were never seen.

        Raises
        ------
        InputError
            Naming column and value, if a category was never seen and has no channel.
        """
        codes = pd.Index(self.levels, dtype=object).get_indexer(pd.Index(series.astype(object)))
        missing = series.isna().to_numpy(dtype=bool)
        if self.width > len(self.levels):
            codes = np.where(codes < 0, self.width - 1, codes)
        if (codes[~missing] < 0).any():
            unseen = sorted({repr(plain(v)) for v in series[(codes < 0) & ~missing]})
            raise InputError(
                f"column {self.name!r} holds {', '.join(unseen[:5])}{' ...' if len(unseen) > 5 else ''}, never seen "
                f"when fitting; known are {self.levels[:20]}{' ...' if len(self.levels) > 20 else ''}. "
                "Fit on a table that has all levels, or map the new ones to known ones"
            )
        channels = np.eye(self.width, dtype=np.float32)[codes]
        channels[missing] = np.nan
        return np.asarray(channels)

    def decode(self, channels: NDArray[np.floating], rng: np.random.Generator | None = None) -> Any:
        """Return the most probable level of each row; where that is "other", a rare level by the observed shares."""
        codes = channels.argmax(axis=1)
        other = codes == len(self.levels)
        if other.any():
            # Without a level that may come back, "other" is any of the frequent ones.
            first, shares = (len(self.levels), self.tail_share) if self.tail else (0, self.share[:-1])
            codes[other] = resolve(other, first, shares, rng)
        return self.take(codes)

    def take(self, codes: NDArray[np.intp]) -> Any:
        """Return the levels with these positions, in the column's dtype."""
        dtype = load(self.dtype)
        if isinstance(dtype, pd.CategoricalDtype):
            place = dtype.categories.get_indexer(pd.Index(self.known))
            return pd.Categorical.from_codes(place[codes], dtype=dtype)
        if isinstance(dtype, np.dtype):
            return np.array(self.known, dtype=dtype)[codes]
        return pd.array(self.known, dtype=dtype).take(codes)

    def block(self) -> Block:
        """Return the softmax block; its cuts divide the line into the observed probabilities."""
        cuts = ndtri(np.cumsum(self.share)[:-1])
        return Block(str(self.name), "softmax", self.width, tuple(float(c) for c in cuts))

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        shown = ", ".join(str(v) for v in self.levels)
        reason = shown if len(shown) <= 40 else shown[:37] + "..."
        if self.width > len(self.levels):
            reason = f"{100 * self.share[-1]:.3g} % in {len(self.tail)} rare levels, which share one channel"
            reason += f"; {self.dropped} levels of a single row or sequence are not given back" * bool(self.dropped)
        return ColumnSchema(
            self.name, self.role, self.kind, label(self.dtype), levels=len(self.known), scaler="one-hot", reason=reason
        )

    def state(self) -> State:
        """Return levels and shares."""
        data = {"name": self.name, "role": self.role, "dtype": self.dtype, "levels": self.levels, "share": self.share}
        return {**data, "tail": self.tail, "tail_share": self.tail_share, "dropped": self.dropped}, {}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""
        levels, share = list(data["levels"]), list(data["share"])
        tail = data["tail"], data["tail_share"], int(data["dropped"])
        return cls(data["name"], data["role"], data["dtype"], levels, share, *tail)


class BooleanColumn(CategoryColumn):
    """A column of True and False."""

    kind = "boolean"

    @classmethod
    def order(cls, series: pd.Series[Any], codes: NDArray[np.intp], unique: Any, follows: Bools) -> NDArray[np.intp]:
        """Put False first."""
        return np.argsort(np.asarray(unique, dtype=bool), kind="stable")


def seriate(codes: NDArray[np.intp], levels: int, follows: Bools) -> NDArray[np.intp]:
    """Return an order of the levels in which those that follow one another often are neighbours.

    It is the order of the Fiedler vector (second eigenvector of the Laplacian) of the graph whose edges count how
    often one level is the next step of another: "A spectral algorithm for seriation and the consecutive ones problem"
    (Atkins, Boman & Hendrickson, 1998, https://doi.org/10.1137/S0097539795285771). Where that graph does not hang
    together, the order is by falling frequency. A code of -1 is no level.
    """
    seen = codes >= 0
    frequency = np.argsort(-np.bincount(codes[seen], minlength=levels), kind="stable")
    after = np.flatnonzero(follows & seen & np.append(False, seen[:-1]))
    if levels < 3 or not len(after):
        return frequency
    edges = np.bincount(codes[after - 1] * levels + codes[after], minlength=levels**2).reshape(levels, levels)
    edges = (edges + edges.T).astype(np.float64)
    np.fill_diagonal(edges, 0)
    values, vectors = np.linalg.eigh(np.diag(edges.sum(axis=0)) - edges)
    if values[1] <= 1e-9 * values[-1]:
        return frequency
    place = np.round(vectors[:, 1], 9)
    return np.argsort(place if place[frequency[0]] <= 0 else -place, kind="stable")
