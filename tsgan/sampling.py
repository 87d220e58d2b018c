"""Drawing sequences: noise for the generator, in blocks with random streams of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .layout import Block, Layout
from .losses.base import Batch
from .networks.generator import Generator, Noise
from .panel import Floats, Ints, Panel
from .process import LinearGaussianProcess

BLOCK_VALUES = 2_000_000  # numbers that one block may hold
BLOCK = 256


@dataclass(frozen=True)
class NoiseSource:
    """What feeds a generator.

    Attributes
    ----------
    process : LinearGaussianProcess or None
        Colours the latents; None leaves continuous ones at zero and draws the others independently.
    layout : Layout
    sequence, step : int
        Sizes of the noise per sequence and per step.
    window : int
        Steps over which the noise per sequence stays as it is; in a longer series it turns slowly, at unit variance.
    """

    process: LinearGaussianProcess | None
    layout: Layout
    sequence: int
    step: int
    window: int

    def latents(self, n: int, length: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return latents `(n, length, D)` and static latents `(n, S)`."""
        if self.process is not None:
            return self.process.draw(n, length, rng)
        steps, statics = _discrete(self.layout.blocks), _discrete(self.layout.statics)
        return (
            rng.standard_normal((n, length, len(steps)), dtype=np.float32) * steps,
            rng.standard_normal((n, len(statics)), dtype=np.float32) * statics,
        )

    def draw(self, n: int, length: int, rng: np.random.Generator, device: torch.device) -> Noise:
        """Return noise for `n` sequences of `length` steps."""
        latents, statics = self.latents(n, length, rng)
        uniforms = sum(block.size for block in self.layout.blocks if block.kind == "softmax")
        static_uniforms = sum(block.size for block in self.layout.statics if block.kind == "softmax")
        parts = (
            latents,
            statics,
            rng.standard_normal((n, length, self.step), dtype=np.float32),
            self._sequence(n, length, rng),
            rng.random((n, length, uniforms), dtype=np.float32),
            rng.random((n, static_uniforms), dtype=np.float32),
        )
        return Noise(*(torch.from_numpy(part).to(device) for part in parts))

    def _sequence(self, n: int, length: int, rng: np.random.Generator) -> Floats:
        if length <= self.window:
            first = rng.standard_normal((n, 1, self.sequence), dtype=np.float32)
            return np.broadcast_to(first, (n, length, self.sequence)).copy()
        at = np.arange(length, dtype=np.float32) / (4 * self.window)
        anchors = rng.standard_normal((n, int(at[-1]) + 2, self.sequence), dtype=np.float32)
        turn, segment = (np.pi / 2) * (at % 1)[:, None], at.astype(int)
        turned = np.cos(turn) * anchors[:, segment] + np.sin(turn) * anchors[:, segment + 1]
        return turned.astype(np.float32)


def _discrete(blocks: tuple[Block, ...]) -> Floats:
    """Return 1 for each latent of a discrete block and 0 for each continuous one."""
    flags = [float(block.kind != "continuous") for block in blocks for _ in range(block.latents)]
    return np.array(flags, dtype=np.float32)


@dataclass(frozen=True)
class Faker:
    """Runs a generator on fresh noise: batches as a critic sees them.

    Attributes
    ----------
    source : NoiseSource
    lengths : int64 array of shape (windows,)
        Lengths of real windows, drawn from where lengths are not learned.
    rng : numpy.random.Generator
    device : torch.device
    """

    source: NoiseSource
    lengths: Ints
    rng: np.random.Generator
    device: torch.device

    def __call__(self, generator: nn.Module, count: int) -> tuple[Batch, Tensor]:
        """Return a batch of `count` windows and the corrections `(B, T, C)` that made them."""
        x, statics, correction = generator(self.source.draw(count, self.source.window, self.rng, self.device))
        layout = self.source.layout
        if layout.length_block is None:
            lengths = self.lengths[self.rng.integers(len(self.lengths), size=count)]
        else:
            lengths = layout.lengths_of(statics.detach().cpu().numpy())
        return Batch(x, statics, torch.from_numpy(lengths).to(self.device)), correction


def draw(
    make: Callable[[int, int, np.random.Generator], Panel],
    n: int,
    length: int,
    width: int,
    seed: np.random.SeedSequence,
) -> Iterator[Panel]:
    """Draw `n` sequences, block by block, each block from a random stream of its own.

    Parameters
    ----------
    make : callable
        Makes a panel from a number of sequences, a number of steps and a random generator.
    n : int
    length : int
        Largest number of steps of a sequence.
    width : int
        Numbers that one step takes; with `length` it decides how many sequences make a block.
    seed : numpy.random.SeedSequence

    Yields
    ------
    Panel
        At most `BLOCK` sequences each.
    """
    size = max(1, min(BLOCK, BLOCK_VALUES // max(width * length, 1)))
    for number, at in enumerate(range(0, n, size)):
        stream = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))
        yield make(min(size, n - at), length, np.random.default_rng(stream))


@torch.inference_mode()
def generate(
    generator: Generator, source: NoiseSource, n: int, length: int, rng: np.random.Generator, device: torch.device
) -> tuple[Floats, Floats]:
    """Run a generator on fresh noise: channels `(n, length, channels)` and statics `(n, static_channels)`."""
    x, statics, _ = generator(source.draw(n, length, rng, device))
    return x.cpu().numpy(), statics.cpu().numpy()
