"""Several categories of a step: what one says of another, on its row and beside it."""

import numpy as np
from scipy.special import ndtri

from tsgan.laws.categories import Categories
from tsgan.layout import Block, Layout, to_latents
from tsgan.panel import Given, Panel


class TestCategoriesTogether:
    """A state that ends only when a treatment does, and a room that belongs to some events."""

    LENGTH, SIZES = 8, (4, 3, 2)

    @classmethod
    def planted(cls, n=1500, seed=0):
        rng = np.random.default_rng(seed)
        event, room, state = (np.zeros((n, cls.LENGTH), dtype=np.int64) for _ in range(3))
        event[:, 0], state[:, 0] = rng.integers(0, 4, n), rng.random(n) < 0.6
        for step in range(1, cls.LENGTH):
            event[:, step] = (event[:, step - 1] + rng.integers(1, 4, n)) % 4
            ends = (event[:, step] == 3) & (rng.random(n) < 0.5)
            state[:, step] = np.where(ends, 0, state[:, step - 1])
        room = np.where(event == 3, 2, rng.integers(0, 2, event.shape))
        return event, room, state

    @classmethod
    def drawn(cls):
        levels = cls.planted()
        blocks = []
        for name, level, size in zip("ers", levels, cls.SIZES, strict=True):
            share = np.cumsum(np.bincount(level.ravel(), minlength=size))[:-1] / level.size
            blocks.append(Block(name, "softmax", size, tuple(float(c) for c in ndtri(share))))
        layout = Layout(tuple(blocks))
        values = np.concatenate(
            [np.eye(size, dtype=np.float32)[level] for level, size in zip(levels, cls.SIZES, strict=True)], axis=2
        )
        panel = Panel.from_dense(values)
        law = Categories.fit(panel, to_latents(panel.values, layout.blocks), layout)
        again = Categories.from_arrays(law.arrays(), layout)
        assert again.order == law.order == (0, 1, 2)
        n = 4000
        given = Given(np.zeros((n, 0), np.float32), np.zeros((n, cls.LENGTH, 0), np.float32))
        made = np.zeros((n, cls.LENGTH, 3), dtype=np.float32)
        again.draw(made, given, np.random.default_rng(1))
        return [np.searchsorted(block.cuts, made[:, :, i]) for i, block in enumerate(blocks)]

    def test_what_never_goes_together_hardly_ever_does(self):
        event, room, state = self.drawn()
        ended = np.diff(state, axis=1) == -1
        assert ended.mean() > 0.02
        assert (event[:, 1:][ended] == 3).mean() > 0.995
        assert ((event == 3) == (room == 2)).mean() > 0.999
        assert (np.diff(state, axis=1) <= 0).all()

    def test_state_ends_as_often_as_it_did(self):
        rates = []
        for event, _, state in (self.planted(), self.drawn()):
            at_risk = (state[:, :-1] == 1) & (event[:, 1:] == 3)
            rates.append((state[:, 1:][at_risk] == 0).mean())
        assert abs(rates[0] - rates[1]) < 0.05
