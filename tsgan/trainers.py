"""The rooms of training put together as the arguments of a `RecurrentGAN` say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .losses import LOSSES
from .networks import CELLS
from .networks.critic import Critic, difference_scale
from .panel import Windows
from .runtime import isolated, seeded
from .sampling import Faker
from .training.batches import Batches
from .training.matching import Matching
from .training.selection import HeldBack
from .training.trainer import Trainer

STEPS = 2000
GAIN = 0.01  # by which a judge's chance of being right has to fall before training is believed


def make_trainer(
    gan: Any,
    windows: Windows,
    split: Any,
    seed: np.random.SeedSequence,
    streams: Sequence[np.random.Generator],
) -> Trainer:
    """Make the critic, the loss, the batches and the measures, and hand them to the loop; `gan` is a `RecurrentGAN`."""
    device, source, layout = gan._device, gan._source, gan._encoder.layout
    train = windows if split is None else windows.subset(split[0])
    batches, everything = Batches(train, streams[0], device), Batches(windows, streams[0], device)
    some = batches.sample(np.arange(len(train)), 5000)
    scale = difference_scale(some.x, some.lengths)
    with isolated(seed):
        critic = Critic(
            CELLS[gan.cell],
            layout.channels + layout.covariates,
            layout.static_channels,
            scale,
            int(gan.hidden),
            int(gan.layers),
        ).to(device)
    measured = int(streams[4].integers(2**63))

    def fake(generator: Any, count: int) -> Any:
        return Faker(source, windows, np.random.default_rng(measured), device)(generator, count)[0]

    measure = None if split is None else HeldBack.fit(everything, split, scale, fake, streams[4])
    return Trainer(
        generator=gan._generator,
        critic=critic,
        loss=LOSSES[gan.loss](gan.penalty, gan.exact_penalty),
        real=batches,
        fake=Faker(source, train, streams[1], device),
        matching=Matching.fit(some, scale, streams[2]) if gan.matching else None,
        matching_weight=gan.matching,
        adversarial_weight=gan.adversarial,
        measure=measure,
        steps=_steps(gan, len(train)),
        max_time=gan.max_time,
        batch=gan.batch_size,
        generator_batch=4 * gan.batch_size,
        critic_steps=gan.critic_steps,
        penalty_every=gan.penalty_every,
        generator_rate=gan.generator_rate,
        critic_rate=gan.critic_rate,
        transport=gan.transport if gan._process is not None else 0.0,
        average=gan.average,
        input_noise=gan.input_noise,
        clip=gan.clip,
        checks=gan.checks,
        windows=len(train),
        share=seeded(streams[3]),
        callbacks=gan.callbacks or (),
        progress=gan.verbose,
        gain=GAIN if gan._process is not None else 0.0,
    )


def _steps(gan: Any, windows: int) -> int:
    """Return the number of generator steps; an epoch shows the critic as many windows as there are."""
    limits = [] if gan.steps is None else [gan.steps]
    if gan.epochs is not None:
        limits.append(max(1, round(gan.epochs * windows / (gan.batch_size * gan.critic_steps))))
    return min(limits, default=STEPS if gan.max_time is None else 10**9)
