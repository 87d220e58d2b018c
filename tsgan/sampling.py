"""Noise for the generator, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .laws.process import LinearGaussianProcess
from .layout import Block, Layout
from .losses.base import Batch
from .networks.generator import Generator, Noise
from .panel import Floats, Given, Windows


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

    def latents(self, given: Given, rng: np.random.Generator) -> Floats:
        """Return latents `(n, length, D)`."""
        if self.process is not None:
            return self.process.draw(given, rng)
        steps = _discrete(self.layout.blocks)
        return rng.standard_normal((*given.shape, len(steps)), dtype=np.float32) * steps

    def draw(
        self, given: Given, rng: np.random.Generator, device: torch.device, latents: Floats | None = None
    ) -> Noise:
        """Return noise for the sequences of which `given` is known, around given latents or fresh ones."""
        n, length = given.shape
        parts = (
            self.latents(given, rng) if latents is None else latents,
            given.statics,
            given.covariates,
            rng.standard_normal((n, length, self.step), dtype=np.float32),
            self._sequence(n, length, rng),
        )
        return Noise(*(torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in parts))

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
    """Runs a generator on fresh noise, under the conditions of real windows: batches as a critic sees them.

    Attributes
    ----------
    source : NoiseSource
    windows : Windows
        Their statics, covariates and lengths are drawn from.
    rng : numpy.random.Generator
    device : torch.device
    """

    source: NoiseSource
    windows: Windows
    rng: np.random.Generator
    device: torch.device

    def __call__(self, generator: nn.Module, count: int) -> tuple[Batch, Tensor]:
        """Return a batch of `count` windows and the corrections `(B, T, C)` that made them."""
        index = self.rng.integers(len(self.windows), size=count)
        lengths = self.windows.lengths[index]
        whole = self.source.process is not None and self.source.process.aligned
        given = Given(self.windows.statics(index), self.windows.covariates(index), lengths=lengths if whole else None)
        noise = self.source.draw(given, self.rng, self.device)
        x, correction = generator(noise)
        x = torch.cat([x, noise.covariates], dim=-1)
        return Batch(x, noise.statics, torch.from_numpy(lengths).to(self.device)), correction


@torch.inference_mode()
def generate(
    generator: Generator,
    source: NoiseSource,
    given: Given,
    rng: np.random.Generator,
    device: torch.device,
    latents: Floats | None = None,
) -> Floats:
    """Run a generator on fresh noise, or on noise around given latents: channels `(n, length, channels)`."""
    made: Floats = generator(source.draw(given, rng, device, latents))[0].cpu().numpy()
    return made
