"""What each channel of a panel means: the contract between the half that knows columns and the half that knows tensors.

A panel's channels fall into blocks. A *continuous* block holds real numbers of about unit variance. A *softmax* block
holds the probabilities (in real data: the one-hot code) of a category's K levels. A *length* block, only among the
statics, holds one real number that stands for the number of steps of the sequence.

Categories and lengths also have a *latent* form for the linear-Gaussian process: one standard normal number whose
`cuts` divide the line into one interval per level, each with that level's observed probability (an ordered probit:
"Generating random samples from a Gaussian copula with ordinal margins", Zhao & Udell, 2020,
https://arxiv.org/abs/1910.12845). So a process of latents has one dimension for each continuous channel and one for
each softmax or length block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from .panel import Floats

MOST = 20  # levels of a static category that the law of a window tells apart

BlockKind = Literal["continuous", "softmax", "length"]


@dataclass(frozen=True)
class Block:
    """A run of channels with one meaning.

    Attributes
    ----------
    name : str
        The column (or columns) behind it, for messages.
    kind : {"continuous", "softmax", "length"}
    size : int
        Number of channels: K for a softmax block of K levels, 1 for a length block.
    cuts : tuple of float
        Softmax and length blocks: the interior cut points of the latent, increasing. A softmax block has K - 1; a
        length block has `len(levels) - 1`.
    levels : tuple of int
        Length blocks only: the lengths that exist, increasing.
    """

    name: str
    kind: BlockKind
    size: int
    cuts: tuple[float, ...] = ()
    levels: tuple[int, ...] = ()

    @property
    def latents(self) -> int:
        """Dimensions of the block in the process."""
        return self.size if self.kind == "continuous" else 1


@dataclass(frozen=True)
class Layout:
    """The blocks of a panel, per step and per sequence (static), in channel order.

    Attributes
    ----------
    blocks, statics : tuple of Block
    covariates : int
        Numbers that are known of every step beforehand.
    """

    blocks: tuple[Block, ...]
    statics: tuple[Block, ...] = field(default=())
    covariates: int = 0

    @property
    def channels(self) -> int:
        """Number of channels per step."""
        return sum(block.size for block in self.blocks)

    @property
    def static_channels(self) -> int:
        """Number of channels per sequence."""
        return sum(block.size for block in self.statics)

    @property
    def latents(self) -> int:
        """Number of process dimensions per step."""
        return sum(block.latents for block in self.blocks)

    @property
    def length_block(self) -> Block | None:
        """The static block that holds the sequence's length, if lengths are learned that way."""
        return next((block for block in self.statics if block.kind == "length"), None)

    def lengths_of(self, statics: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the lengths that static channels `(sequences, static_channels)` stand for."""
        block = self.length_block
        if block is None:
            raise ValueError("this layout has no length block")
        at = sum(other.size for other in self.statics[: self.statics.index(block)])
        return np.asarray(block.levels, dtype=np.int64)[np.searchsorted(block.cuts, statics[:, at])]

    def to_dict(self) -> dict[str, Any]:
        """Return the layout as JSON-ready values."""

        def plain(block: Block) -> dict[str, Any]:
            return {
                "name": block.name,
                "kind": block.kind,
                "size": block.size,
                "cuts": list(block.cuts),
                "levels": list(block.levels),
            }

        return {
            "blocks": [plain(block) for block in self.blocks],
            "statics": [plain(block) for block in self.statics],
            "covariates": self.covariates,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Layout:
        """Rebuild a layout from `to_dict`."""

        def block(item: Mapping[str, Any]) -> Block:
            cuts = tuple(float(c) for c in item["cuts"])
            levels = tuple(int(n) for n in item["levels"])
            return Block(item["name"], item["kind"], int(item["size"]), cuts, levels)

        return cls(
            tuple(block(b) for b in data["blocks"]), tuple(block(b) for b in data["statics"]), int(data["covariates"])
        )


def static_features(statics: Floats, blocks: tuple[Block, ...]) -> Floats:
    """Return static channels `(n, static_channels)` as numbers that tell the sequences apart, `(n, features)`.

    Of a category the most frequent level is left out, which the others imply, and all but the `MOST` next ones.
    """
    chosen, at = [], 0
    for block in blocks:
        order = np.arange(block.size)
        if block.kind == "softmax":
            edges = ndtr(np.concatenate([[-np.inf], block.cuts, [np.inf]]))
            order = np.argsort(-np.diff(edges), kind="stable")[1 : MOST + 1]
        chosen.append(at + order)
        at += block.size
    return statics[:, np.concatenate([np.empty(0, dtype=np.int64), *chosen])]


def middles(block: Block) -> Floats:
    """Return the latent that stands for each level of a softmax block: the middle, by probability, of its interval."""
    edges = ndtr(np.concatenate([[-np.inf], block.cuts, [np.inf]]))
    return ndtri((edges[1:] + edges[:-1]) / 2).astype(np.float32)


def to_latents(values: Floats, blocks: tuple[Block, ...]) -> Floats:
    """Turn channels into process latents, `(rows, channels)` to `(rows, latents)`.

    A softmax block becomes one number per row, in the middle (by probability) of its level's interval; 0 where its
    level is unknown (NaN).
    """
    parts, at = [], 0
    for block in blocks:
        part = values[:, at : at + block.size]
        if block.kind == "softmax":
            part = np.where(np.isnan(part[:, :1]), np.float32(0), middles(block)[part.argmax(axis=1)][:, None])
        parts.append(part)
        at += block.size
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(values), 0), dtype=np.float32)


def to_channels(latents: Floats, blocks: tuple[Block, ...]) -> Floats:
    """Turn process latents into channels, `(rows, latents)` to `(rows, channels)`: the inverse of `to_latents`."""
    parts, at = [], 0
    for block in blocks:
        part = latents[:, at : at + block.latents]
        if block.kind == "softmax":
            part = np.eye(block.size, dtype=np.float32)[np.searchsorted(block.cuts, part[:, 0])]
        parts.append(part)
        at += block.latents
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(latents), 0), dtype=np.float32)
