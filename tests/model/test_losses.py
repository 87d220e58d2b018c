"""One contract over every member of LOSSES, and what each one's formula says."""

import math

import pytest
import torch

from tsgan.model.losses import LOSSES, Batch, Loss


@pytest.fixture(params=sorted(LOSSES))
def loss(request):
    return LOSSES[request.param]()


def _scores(seed=0, n=16):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(n, generator=draw).requires_grad_(), torch.randn(n, generator=draw).requires_grad_()


def _batch(seed, n=6):
    draw = torch.Generator().manual_seed(seed)
    return Batch(
        torch.randn(n, 4, 2, generator=draw, dtype=torch.float64),
        torch.randn(n, 1, generator=draw, dtype=torch.float64),
        torch.tensor([4, 3, 2, 4, 1, 4])[:n],
    )


def _linear(slope):
    """Return a critic whose gradient has length `slope` everywhere."""
    return lambda batch: slope * batch.x[:, 0, 0] + 0 * batch.statics.sum(1)


class TestContract:
    def test_is_a_loss(self, loss):
        assert isinstance(loss, Loss)
        assert loss.weight == type(loss).default_weight >= 0
        assert not loss.exact

    def test_is_finite_and_one_number(self, loss):
        for scale in (1, 1e3, 1e5):
            real, fake = (scale * part for part in _scores())
            for value in (loss.critic(real, fake), loss.generator(real, fake)):
                assert value.shape == ()
                assert torch.isfinite(value)

    def test_the_critic_gains_when_real_scores_rise_and_synthetic_ones_fall(self, loss):
        real, fake = _scores()
        before = loss.critic(real, fake)
        assert loss.critic(real + 0.1, fake) < before
        assert loss.critic(real, fake - 0.1) < before

    def test_the_generator_gains_when_synthetic_scores_rise(self, loss):
        real, fake = _scores()
        assert loss.generator(real, fake + 0.1) < loss.generator(real, fake)

    def test_gradient_reaches_every_score(self, loss):
        real, fake = (part.detach().clamp(-0.9, 0.9).requires_grad_() for part in _scores())
        loss.critic(real, fake).backward()
        assert (real.grad < 0).all()
        assert (fake.grad > 0).all()
        fake.grad = None
        loss.generator(real.detach(), fake).backward()
        assert (fake.grad < 0).all()

    def test_only_a_relativistic_loss_asks_the_generator_for_real_scores(self, loss):
        real, fake = _scores()
        moved = loss.generator(real + 1.0, fake) - loss.generator(real, fake)
        assert (moved != 0) == loss.relativistic

    def test_weight_0_costs_nothing(self, loss):
        free = type(loss)(weight=0.0)
        share = torch.full((6,), 0.5, dtype=torch.float64)
        assert free.weight == 0
        assert free.penalty(_linear(3.0), _batch(0), _batch(1), share) == 0

    def test_the_weight_multiplies(self, loss):
        share = torch.full((6,), 0.5, dtype=torch.float64)
        one, three = (type(loss)(w).penalty(_linear(3.0), _batch(0), _batch(1), share) for w in (1.0, 3.0))
        assert three.item() == pytest.approx(3 * one.item(), rel=1e-9)
        assert one > 0

    def test_a_steep_critic_costs_more(self, loss):
        share = torch.full((6,), 0.5, dtype=torch.float64)
        steep = type(loss)(1.0)
        costs = [steep.penalty(_linear(s), _batch(0), _batch(1), share).item() for s in (1.5, 3.0, 6.0)]
        assert costs[0] < costs[1] < costs[2]


def test_default_weights():
    weights = {name: LOSSES[name]().weight for name in LOSSES}
    assert weights == {"wgan-gp": 10.0, "wgan-lp": 10.0, "gan": 0.0, "hinge": 0.0, "relativistic": 1.0}


@pytest.mark.parametrize("name", ["wgan-gp", "wgan-lp"])
def test_wasserstein(name):
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0])
    assert LOSSES[name]().critic(real, fake) == -2.5
    assert LOSSES[name]().generator(real, fake) == 0.5


def test_original_is_binary_cross_entropy():
    real, fake = (part.detach() for part in _scores())
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    told = entropy(real, torch.ones(16)) + entropy(fake, torch.zeros(16))
    torch.testing.assert_close(LOSSES["gan"]().critic(real, fake), told)
    torch.testing.assert_close(LOSSES["gan"]().generator(real, fake), entropy(fake, torch.ones(16)))
    assert float(LOSSES["gan"]().critic(torch.zeros(3), torch.zeros(3))) == pytest.approx(2 * math.log(2))


def test_hinge_is_flat_beyond_its_margin():
    hinge = LOSSES["hinge"]()
    assert hinge.critic(torch.tensor([1.0, 5.0]), torch.tensor([-1.0, -7.0])) == 0
    assert hinge.critic(torch.tensor([0.0]), torch.tensor([0.5])) == 2.5
    assert hinge.generator(torch.tensor([9.0]), torch.tensor([4.0])) == -4


def test_relativistic_looks_at_pairs():
    real, fake = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 2.0])
    told = (math.log1p(math.e) + math.log(2)) / 2
    assert float(LOSSES["relativistic"]().critic(real, fake)) == pytest.approx(told)
    assert float(LOSSES["relativistic"]().generator(fake, real)) == pytest.approx(told)


class TestPenaltyValues:
    share = torch.full((6,), 0.5, dtype=torch.float64)

    @pytest.mark.parametrize(
        ("name", "slope", "cost"),
        [
            ("wgan-gp", 3.0, 4.0),
            ("wgan-gp", 0.5, 0.25),
            ("wgan-lp", 3.0, 4.0),
            ("wgan-lp", 0.5, 0.0),
            ("gan", 3.0, 4.5),
            ("hinge", 3.0, 4.5),
            ("relativistic", 3.0, 9.0),
        ],
    )
    @pytest.mark.parametrize("exact", [False, True])
    def test_of_a_linear_critic(self, name, slope, cost, exact):
        found = LOSSES[name](1.0, exact).penalty(_linear(slope), _batch(0), _batch(1), self.share)
        assert found.item() == pytest.approx(cost, rel=1e-9, abs=1e-9)

    def _where(self, name):
        """Return the points whose gradient a loss asks for."""
        seen = []

        def score(batch):
            seen.append(batch)
            return batch.x.sum((1, 2)) + batch.statics.sum(1)

        LOSSES[name](1.0, exact=True).penalty(score, _batch(0), _batch(1), self.share)
        return seen

    def test_wasserstein_looks_between_the_two(self):
        (seen,) = self._where("wgan-gp")
        torch.testing.assert_close(seen.x, (_batch(0).x + _batch(1).x) / 2)
        torch.testing.assert_close(seen.statics, (_batch(0).statics + _batch(1).statics) / 2)

    @pytest.mark.parametrize("name", ["gan", "hinge"])
    def test_r1_looks_at_real_windows(self, name):
        (seen,) = self._where(name)
        assert torch.equal(seen.x, _batch(0).x)

    def test_relativistic_looks_at_both(self):
        first, second = self._where("relativistic")
        assert torch.equal(first.x, _batch(0).x)
        assert torch.equal(second.x, _batch(1).x)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_penalty_sees_each_window_s_own_length(name):
    seen = []

    def score(batch):
        seen.append(batch.lengths)
        return batch.x.square().sum((1, 2)) + batch.statics.sum(1)

    LOSSES[name](1.0).penalty(score, _batch(0), _batch(1), torch.full((6,), 0.5, dtype=torch.float64))
    lengths = _batch(0).lengths
    assert all(torch.equal(found, lengths.repeat(len(found) // 6)) for found in seen)
    assert len(seen) >= 2


def test_mixed_points_lie_on_the_way():
    real, fake = _batch(0), _batch(1)
    other = Batch(fake.x, fake.statics, torch.ones(6, dtype=torch.int64))
    share = torch.tensor([0.0, 1.0, 0.25, 0.75, 0.5, 0.1], dtype=torch.float64)
    made = real.mixed(other, share)
    assert torch.equal(made.x[0], real.x[0])
    assert torch.equal(made.x[1], fake.x[1])
    torch.testing.assert_close(made.x[2], 0.75 * real.x[2] + 0.25 * fake.x[2])
    torch.testing.assert_close(made.statics[3], 0.25 * real.statics[3] + 0.75 * fake.statics[3])
    assert made.lengths.tolist() == [4, 1, 2, 1, 1, 4]
