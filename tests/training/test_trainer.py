"""The training loop, on a generator of one number and a critic of a few."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from tsgan.errors import TrainingError
from tsgan.losses import LOSSES
from tsgan.losses.base import Batch, Loss
from tsgan.training.trainer import Trainer

START = 3.0


class Shift(nn.Module):
    """A generator that adds one learned number to noise."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(START))


class Slope(nn.Module):
    """A smooth critic that looks at the first steps of a window."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x, statics, lengths):
        return self.net(x[:, :4, 0] + statics.sum(1, keepdim=True))[:, 0]


class Steps:
    """What the optimisers did: one entry per step with its learning rate, gradient norm and parameter count."""

    def __init__(self, monkeypatch):
        self.rows = []
        step = torch.optim.Adam.step

        def watched(optimiser, *args):
            group = optimiser.param_groups[0]
            grads = [part.grad for part in group["params"] if part.grad is not None]
            norm = float(torch.sqrt(sum(grad.square().sum() for grad in grads))) if grads else 0.0
            who = "generator" if len(group["params"]) == 1 else "critic"
            self.rows.append((who, group["lr"], norm, group["betas"]))
            return step(optimiser, *args)

        monkeypatch.setattr(torch.optim.Adam, "step", watched)

    def of(self, who, column):
        return [row[column] for row in self.rows if row[0] == who]


@pytest.fixture
def watched(monkeypatch):
    return Steps(monkeypatch)


def _noise(draw, count):
    return Batch(torch.randn(count, 4, 1, generator=draw), torch.zeros(count, 0), torch.full((count,), 4))


def _make(**changes):
    draw = torch.Generator().manual_seed(0)

    def fake(generator, count):
        noise = _noise(draw, count)
        return Batch(noise.x + generator.shift, noise.statics, noise.lengths), generator.shift * torch.ones(count, 4, 1)

    settings = {
        "generator": Shift(),
        "critic": Slope(),
        "loss": LOSSES["wgan-gp"](),
        "real": lambda count: _noise(draw, count),
        "fake": fake,
        "matching": None,
        "matching_weight": 1.0,
        "adversarial_weight": 1.0,
        "measure": None,
        "steps": 10,
        "max_time": None,
        "batch": 8,
        "generator_batch": 16,
        "critic_steps": 3,
        "penalty_every": 4,
        "generator_rate": 1e-2,
        "critic_rate": 1e-2,
        "transport": 0.0,
        "average": 0.0,
        "input_noise": 0.0,
        "clip": None,
        "checks": 5,
        "windows": 100,
        "share": torch.Generator().manual_seed(1),
    }
    return Trainer(**settings | changes)


class TestSteps:
    def test_both_networks_step_as_often_as_asked(self, watched):
        trainer = _make(steps=7, critic_steps=3)
        trainer.run()
        assert [row[0] for row in watched.rows] == (["critic"] * 3 + ["generator"]) * 7
        assert trainer.taken == 7
        assert set(watched.of("critic", 3) + watched.of("generator", 3)) == {(0.0, 0.9)}

    def test_batches_have_their_sizes(self):
        asked = []
        trainer = _make(steps=2)
        real, fake = trainer.real, trainer.fake
        trainer.real = lambda count: asked.append(("real", count)) or real(count)
        trainer.fake = lambda generator, count: asked.append(("fake", count)) or fake(generator, count)
        trainer.run()
        assert asked == ([("real", 8), ("fake", 8)] * 3 + [("fake", 16)]) * 2

    def test_a_relativistic_generator_is_shown_real_windows(self):
        asked = []
        trainer = _make(steps=1, critic_steps=1, loss=LOSSES["relativistic"]())
        real = trainer.real
        trainer.real = lambda count: asked.append(count) or real(count)
        trainer.run()
        assert asked == [8, 16]

    @pytest.mark.parametrize("loss", sorted(LOSSES))
    def test_every_loss_finds_the_real_mean(self, loss):
        trainer = _make(loss=LOSSES[loss](), steps=300, batch=32, penalty_every=1, generator_rate=3e-2, average=0.9)
        assert abs(float(trainer.run().shift.detach())) < 0.6

    def test_the_critic_is_free_again_afterwards(self):
        trainer = _make(steps=1)
        trainer.run()
        assert all(part.requires_grad for part in trainer.critic.parameters())

    def test_the_generator_s_step_leaves_no_gradient_in_the_critic(self):
        trainer = _make(steps=1, critic_steps=1)
        grads = []
        trainer.matching = lambda batch: grads.extend(part.requires_grad for part in trainer.critic.parameters()) or 0.0
        trainer.run()
        assert grads == [False] * 4

    def test_the_same_streams_give_the_same_generator(self):
        one, two = (_make(steps=20).run() for _ in range(2))
        assert torch.equal(one.shift, two.shift)
        assert one.shift != START


class TestSchedule:
    def test_rates_stay_for_half_and_fall_to_a_twentieth(self, watched):
        _make(steps=100, critic_steps=1, generator_rate=1e-3, critic_rate=4e-3).run()
        makers, critics = np.array(watched.of("generator", 1)), np.array(watched.of("critic", 1))
        np.testing.assert_allclose(makers[:50], 1e-3)
        assert (np.diff(makers[50:]) < 0).all()
        assert makers[-1] == pytest.approx(0.05e-3)
        assert makers[74] == pytest.approx(0.525e-3)
        np.testing.assert_allclose(critics, 4 * makers)

    def test_time_runs_out(self, watched):
        began = time.perf_counter()
        trainer = _make(steps=10**9, max_time=0.3)
        trainer.run()
        assert 0.25 < time.perf_counter() - began < 5
        assert 1 < trainer.taken < 10**6
        assert watched.of("generator", 1)[-1] == pytest.approx(0.05e-2)
        assert trainer.history.entries[-1].step == trainer.taken

    def test_steps_may_end_before_the_time(self):
        trainer = _make(steps=3, max_time=1000)
        trainer.run()
        assert trainer.taken == 3

    def test_noise_on_the_critic_s_inputs_falls_to_none(self):
        seen, trainer = [], _make(steps=20, critic_steps=1, input_noise=0.5, loss=LOSSES["gan"]())
        trainer.real = lambda count: Batch(torch.zeros(count, 500, 1), torch.zeros(count, 0), torch.full((count,), 500))
        trainer.fake = lambda generator, count: (trainer.real(count), generator.shift.expand(count, 500, 1))
        trainer.adversarial_weight = 0.0
        trainer.transport = 1.0
        forward = trainer.critic.forward
        trainer.critic.forward = lambda *parts: seen.append(float(parts[0].std())) or forward(*parts)
        trainer.run()
        critic = seen[::2]
        np.testing.assert_allclose(critic, 0.5 * (1 - np.arange(1, 21) / 20), atol=0.02)
        assert critic[-1] == 0


class TestPenalty:
    class Counted(Loss):
        """A loss whose penalty has a gradient of exactly its weight in the last bias of the critic."""

        default_weight = 2.0

        def __init__(self, weight=None):
            super().__init__(weight)
            self.calls = 0

        def critic(self, real, fake):
            return 0 * (real.sum() + fake.sum())

        def generator(self, real, fake):
            return -fake.mean()

        def penalty(self, score, real, fake, share):
            self.calls += 1
            assert share.shape == (len(real.x),)
            assert ((share >= 0) & (share <= 1)).all()
            return self.weight * score(real).mean()

    def test_comes_every_so_many_steps_with_as_much_weight(self, monkeypatch):
        pulls, step = [], torch.optim.Adam.step

        def watched(optimiser, *args):
            if len(optimiser.param_groups[0]["params"]) > 1:
                pulls.append(float(optimiser.param_groups[0]["params"][-1].grad))
            return step(optimiser, *args)

        monkeypatch.setattr(torch.optim.Adam, "step", watched)
        loss = self.Counted()
        _make(steps=4, critic_steps=3, penalty_every=5, loss=loss).run()
        assert pulls == pytest.approx([10, 0, 0, 0, 0] * 2 + [10, 0])
        assert loss.calls == 3

    def test_of_no_weight_is_never_taken(self):
        loss = self.Counted(0.0)
        _make(steps=4, loss=loss).run()
        assert loss.calls == 0

    def test_is_told(self):
        trainer = _make(steps=5, critic_steps=1, penalty_every=1)
        trainer.run()
        assert all(row.penalty > 0 for row in trainer.history)


class TestClip:
    def test_bounds_the_generator(self, watched):
        _make(steps=10, clip=0.01, adversarial_weight=50.0).run()
        assert max(watched.of("generator", 2)) <= 0.01 * 1.001
        assert min(watched.of("generator", 2)) > 0.005

    def test_bounds_a_critic_that_no_penalty_holds(self, watched):
        _make(steps=10, clip=0.01, loss=LOSSES["gan"]()).run()
        assert max(watched.of("critic", 2)) <= 0.01 * 1.001

    def test_leaves_a_penalised_critic_alone(self, watched):
        _make(steps=10, clip=0.01).run()
        assert max(watched.of("critic", 2)) > 0.1

    def test_none_is_none(self, watched):
        _make(steps=10, adversarial_weight=50.0).run()
        assert max(watched.of("generator", 2)) > 0.1


class TestGenerator:
    def test_transport_draws_the_correction_to_zero(self):
        trainer = _make(steps=300, adversarial_weight=0.0, transport=1.0, generator_rate=5e-2)
        assert abs(float(trainer.run().shift.detach())) < 0.1
        told = [row.correction for row in trainer.history]
        assert told[0] == pytest.approx(START)
        assert told[-1] < 0.1

    def test_matching_is_a_second_teacher(self):
        sizes = []

        def matching(batch):
            sizes.append(len(batch.x))
            return (batch.x.mean() - 1).square()

        trainer = _make(steps=300, adversarial_weight=0.0, matching=matching, generator_rate=5e-2)
        assert float(trainer.run().shift.detach()) == pytest.approx(1, abs=0.2)
        assert set(sizes) == {16}

    def test_of_no_weight_teaches_nothing(self):
        trainer = _make(steps=20, adversarial_weight=0.0, matching=lambda b: b.x.mean(), matching_weight=0.0)
        assert trainer.run().shift == START

    @pytest.mark.parametrize("average", [0.0, 0.5, 0.999])
    def test_the_average_follows(self, average):
        seen = []
        trainer = _make(steps=30, average=average, generator_rate=5e-2)
        trainer.callbacks = [lambda row: seen.append(float(trainer.generator.shift.detach()))]
        kept = float(trainer.run().shift.detach())
        told = START
        for step, value in enumerate(seen, 1):
            decay = min(average, (1 + step) / (10 + step))
            told = decay * told + (1 - decay) * value
        assert kept == pytest.approx(told, abs=1e-4)
        assert len(set(seen)) == 30


class TestBest:
    @staticmethod
    def _run(script, **changes):
        seen, values = [], iter(script)

        def measure(generator):
            seen.append(float(generator.shift.detach()))
            return next(values)

        trainer = _make(measure=measure, generator_rate=5e-2, steps=10, checks=5, **changes)
        return trainer, float(trainer.run().shift.detach()), seen

    def test_is_kept(self):
        trainer, kept, seen = self._run([1.0, 0.9, 0.2, 0.5, 0.3, 0.8])
        assert len(set(seen)) == 6
        assert kept == seen[2]
        assert (trainer.kept_step, trainer.start_value, trainer.best_value, trainer.last_value) == (4, 1.0, 0.2, 0.8)

    def test_is_the_untrained_start_where_nothing_was_better(self):
        trainer, kept, seen = self._run([1.0, 1.1, 1.0, 5.0, 2.0, 1.0])
        assert kept == START == seen[0]
        assert trainer.kept_step == 0
        assert trainer.taken == 10

    def test_a_value_that_is_no_number_is_never_best(self):
        _, kept, seen = self._run([1.0, float("nan"), 0.5, float("nan"), float("nan"), float("nan")])
        assert kept == seen[2]

    def test_is_measured_as_often_as_asked_and_at_the_end(self):
        trainer, _, seen = self._run([1.0] * 6)
        assert [row.step for row in trainer.history if row.separation is not None] == [2, 4, 6, 8, 10]
        assert len(seen) == 6

    def test_without_a_measure_the_last_is_kept(self):
        trainer = _make(steps=10)
        assert trainer.run().shift == trainer.generator.shift
        assert all(row.separation is None for row in trainer.history)


class TestEnds:
    def test_a_callback_may_stop(self):
        rows, after = [], []
        trainer = _make(steps=50)
        trainer.callbacks = [lambda row: rows.append(row) or row.step == 5, lambda row: after.append(row.step)]
        trainer.run()
        assert trainer.taken == 5
        assert [row.step for row in rows] == after == [1, 2, 3, 4, 5]
        assert rows == trainer.history.entries
        assert not trainer.interrupted

    def test_stopped_by_a_callback_it_is_measured_once_more(self):
        values = iter([1.0, 0.5])
        trainer = _make(steps=50, measure=lambda g: next(values), checks=2, callbacks=[lambda row: row.step == 5])
        kept = float(trainer.run().shift.detach())
        assert trainer.kept_step == 5
        assert kept != START

    @staticmethod
    def _interrupted(at, **changes):
        trainer, calls = _make(steps=50, **changes), []
        real = trainer.real

        def interrupt(count):
            calls.append(count)
            if len(calls) == at:
                raise KeyboardInterrupt
            return real(count)

        trainer.real = interrupt
        return trainer

    def test_an_interrupt_keeps_what_was_learned(self):
        trainer = self._interrupted(31)
        kept = trainer.run()
        assert trainer.interrupted
        assert trainer.taken == len(trainer.history) == 10
        assert kept.shift != START

    def test_an_interrupt_is_measured(self):
        values = iter([1.0, 0.4])
        trainer = self._interrupted(31, measure=lambda g: next(values), checks=2)
        assert trainer.run().shift != START
        assert (trainer.kept_step, trainer.best_value) == (10, 0.4)

    def test_an_interrupt_before_the_first_step_keeps_the_start(self):
        trainer = self._interrupted(1, measure=lambda g: 1.0)
        assert trainer.run().shift == START
        assert (trainer.taken, len(trainer.history)) == (0, 0)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9])
    def test_divergence_says_what_to_change(self, value):
        class Wild(Slope):
            def forward(self, x, statics, lengths):
                return super().forward(x, statics, lengths) + value * x.sum((1, 2))

        trainer = _make(critic=Wild(), loss=LOSSES["gan"]())
        with pytest.raises(TrainingError) as caught:
            trainer.run()
        text = str(caught.value)
        assert text.startswith("training diverged at step 1 (critic ")
        for word in ("generator", "penalty", "lower generator_rate and critic_rate", "clip=1.0", "loss='wgan-gp'"):
            assert word in text

    def test_large_but_bounded_scores_are_no_divergence(self):
        class Steep(Slope):
            def forward(self, x, statics, lengths):
                return 1e3 * super().forward(x, statics, lengths)

        _make(critic=Steep(), loss=LOSSES["gan"]()).run()


class TestHistory:
    def test_rows(self):
        trainer = _make(steps=6, windows=100, batch=8, critic_steps=3)
        trainer.run()
        rows = trainer.history.rows()
        assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
        assert [row["epoch"] for row in rows] == pytest.approx([0.24 * step for step in range(1, 7)])
        assert list(rows[0]) == [
            "step", "epoch", "seconds", "critic", "generator", "penalty", "correction", "separation"
        ]  # fmt: skip
        seconds = [row["seconds"] for row in rows]
        assert seconds == sorted(seconds)
        assert all(isinstance(value, int | float | None) for row in rows for value in row.values())

    def test_stays_short(self):
        trainer = _make(steps=1000, critic_steps=1, batch=2, generator_batch=2)
        trainer.run()
        steps = [row.step for row in trainer.history]
        assert steps == list(range(5, 1001, 5))

    def test_a_row_is_the_mean_since_the_last(self):
        told = iter(range(1, 401))

        class Told(LOSSES["gan"]):
            def generator(self, real, fake):
                return 0 * fake.mean() + float(next(told))

        trainer = _make(steps=400, critic_steps=1, loss=Told(), batch=2, generator_batch=2)
        trainer.run()
        assert [row.generator for row in trainer.history][:3] == [1.5, 3.5, 5.5]
