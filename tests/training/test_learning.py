"""It learns: from white noise to sines, in seconds."""

import numpy as np
import pytest
import torch

from tsgan.encoding.windows import cut
from tsgan.layout import Block, Layout
from tsgan.losses import LOSSES
from tsgan.networks import CELLS
from tsgan.networks.critic import Critic, difference_scale
from tsgan.networks.generator import Generator
from tsgan.panel import Panel
from tsgan.runtime import isolated, seeded
from tsgan.sampling import Faker, NoiseSource
from tsgan.training.batches import Batches
from tsgan.training.selection import HeldBack
from tsgan.training.trainer import Trainer

CPU = torch.device("cpu")


@pytest.mark.slow
def test_a_white_noise_wgan_gp_learns_sines():
    rng = np.random.default_rng(0)
    phase, speed = rng.uniform(-np.pi, np.pi, (800, 1, 2)), rng.uniform(0.2, 0.8, (800, 1, 2))
    windows = cut(
        Panel.from_dense(1.4 * np.sin(phase + speed * np.arange(12)[:, None]) + 0.1 * rng.normal(size=(800, 12, 2))),
        12,
        1,
    )
    split = windows.split()
    batches = Batches(windows.subset(split[0]), np.random.default_rng(1), CPU)
    everything = batches.at(np.arange(len(split[0])))
    scale = difference_scale(everything.x, everything.lengths)
    layout = Layout((Block("x", "continuous", 2),))
    source = NoiseSource(None, layout, 8, 4, 12)
    with isolated(np.random.SeedSequence(2)):
        generator = Generator(CELLS["lstm"], layout, 24, 1, 8, 4, coloured=False)
        critic = Critic(CELLS["lstm"], 2, 0, scale, 24, 1)

    def fake(maker, count):
        return Faker(source, windows, np.random.default_rng(3), CPU)(maker, count)[0]

    held = HeldBack.fit(Batches(windows, rng, CPU), split, scale, fake, np.random.default_rng(4))
    trainer = Trainer(
        generator=generator,
        critic=critic,
        loss=LOSSES["wgan-gp"](),
        real=batches,
        fake=Faker(source, windows, np.random.default_rng(5), CPU),
        matching=None,
        matching_weight=0.0,
        adversarial_weight=1.0,
        measure=held,
        steps=250,
        max_time=None,
        batch=64,
        generator_batch=64,
        critic_steps=3,
        penalty_every=4,
        generator_rate=3e-3,
        critic_rate=3e-3,
        transport=0.0,
        average=0.95,
        input_noise=0.0,
        clip=None,
        checks=5,
        windows=len(split[0]),
        share=seeded(np.random.default_rng(6)),
    )
    kept = trainer.run()
    assert trainer.start_value > 8
    assert trainer.best_value < trainer.start_value / 2
    assert held(kept) == trainer.best_value
    x = fake(kept, 500).x.detach()
    assert 0.6 < float(x.std()) < 1.4
