"""Categories and booleans: a softmax block with one channel per level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from ...errors import InputError, SchemaError
from ...layout import Block
from ..dtypes import Name, Token, dump, label, load, plain
from ..scalers.base import Bools, State
from ..schema import ColumnSchema, Kind, Role
from .base import Column, Request

MOST = 200


class CategoryColumn(Column):
    """A column of observed levels.

    Attributes
    ----------
    levels : list of str, int, float or bool
        Observed levels in the order of the block: their own order if the category is ordered, else one in which
        levels that follow one another often are neighbours.
    share : list of float
        Observed probability of each level.
    """

    kind: ClassVar[Kind] = "category"

    def __init__(self, name: Name, role: Role, dtype: Token, levels: list[Any], share: list[float]) -> None:
        self.name, self.role, self.dtype, self.levels, self.share = name, role, dtype, levels, share

    @classmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Learn the levels, their order and their frequencies.

        Raises
        ------
        SchemaError
            For more than 200 levels.
        """
        codes, unique = pd.factorize(series, sort=False)
        if len(unique) > MOST:
            raise SchemaError(
                f"column {request.name!r} has {len(unique)} levels, more than the {MOST} that a category may have. "
                "If it names the sequence, pass it as entity=; if it is the date or time, pass it as time= or parse "
                "it with pd.to_datetime; otherwise group rare levels or drop the column"
            )
        order = cls.order(series, codes, unique, request.follows)
        counts = np.bincount(codes, minlength=len(unique))[order]
        levels = [plain(v) for v in pd.Index(unique)[order].astype(object)]
        return cls(
            request.name, request.role, dump(series.dtype, request.name), levels, (counts / len(series)).tolist()
        )

    @classmethod
    def order(cls, series: pd.Series[Any], codes: NDArray[np.intp], unique: Any, follows: Bools) -> NDArray[np.intp]:
        """Return the order of the levels in the block, as positions in `unique`."""
        if isinstance(series.dtype, pd.CategoricalDtype) and series.dtype.ordered:
            return np.argsort(series.dtype.categories.get_indexer(pd.Index(unique)), kind="stable")
        return seriate(codes, len(unique), follows)

    @property
    def width(self) -> int:
        """One channel per level."""
        return len(self.levels)

    def encode(self, series: pd.Series[Any]) -> NDArray[np.floating]:
        """Return the one-hot code, `(rows, levels)`.

        Raises
        ------
        InputError
            Naming column and value, if a category was never seen.
        """
        codes = pd.Index(self.levels, dtype=object).get_indexer(pd.Index(series.astype(object)))
        if (codes < 0).any():
            unseen = sorted({repr(v) for v in series[codes < 0]})
            raise InputError(
                f"column {self.name!r} holds {', '.join(unseen[:5])}{' ...' if len(unseen) > 5 else ''}, never seen "
                f"when fitting; known are {self.levels[:20]}{' ...' if len(self.levels) > 20 else ''}. "
                "Fit on a table that has all levels, or map the new ones to known ones"
            )
        return np.asarray(np.eye(self.width, dtype=np.float32)[codes])

    def decode(self, channels: NDArray[np.floating]) -> Any:
        """Return the most probable level of each row."""
        return self.take(channels.argmax(axis=1))

    def take(self, codes: NDArray[np.intp]) -> Any:
        """Return the levels with these positions, in the column's dtype."""
        dtype = load(self.dtype)
        if isinstance(dtype, pd.CategoricalDtype):
            place = dtype.categories.get_indexer(pd.Index(self.levels))
            return pd.Categorical.from_codes(place[codes], dtype=dtype)
        if isinstance(dtype, np.dtype):
            return np.array(self.levels, dtype=dtype)[codes]
        return pd.array(self.levels, dtype=dtype).take(codes)

    def block(self) -> Block:
        """Return the softmax block; its cuts divide the line into the observed probabilities."""
        cuts = ndtri(np.cumsum(self.share)[:-1])
        return Block(str(self.name), "softmax", self.width, tuple(float(c) for c in cuts))

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        shown = ", ".join(str(v) for v in self.levels)
        reason = shown if len(shown) <= 40 else shown[:37] + "..."
        return ColumnSchema(
            self.name, self.role, self.kind, label(self.dtype), levels=self.width, scaler="one-hot", reason=reason
        )

    def state(self) -> State:
        """Return levels and shares."""
        data = {"name": self.name, "role": self.role, "dtype": self.dtype, "levels": self.levels, "share": self.share}
        return data, {}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""
        return cls(data["name"], data["role"], data["dtype"], list(data["levels"]), list(data["share"]))


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
    together, the order is by falling frequency.
    """
    frequency = np.argsort(-np.bincount(codes, minlength=levels), kind="stable")
    after = np.flatnonzero(follows)
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
