"""Normal laws and mixtures of them, given some entries, linear combinations, or a likelihood."""

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import multivariate_normal

from tsgan.laws.conditioning import FAR, Whitened, elliptical
from tsgan.laws.regimes import Regimes


def _rng(seed=0):
    return np.random.default_rng(seed)


def _mixture(size=6, count=3, lead=4, seed=0):
    rng = _rng(seed)
    axes = np.linalg.qr(rng.normal(size=(size, size)))[0] * np.sort(rng.gamma(2, 0.7, size) + 0.1)[::-1]
    factors = np.stack([np.tril(0.3 * rng.normal(size=(lead, lead))) + np.eye(lead) for _ in range(count)])
    weights = rng.dirichlet(np.full(count, 4.0))
    means, scales = rng.normal(size=(count, lead)), rng.uniform(0.5, 1.5, (count, size - lead))
    return Regimes(axes, weights, means, factors, scales)


def _same_spread(made, wanted):
    np.testing.assert_allclose(np.cov(made.T), wanted, atol=0.03 * wanted.diagonal().max())


def _moments(law, k):
    lead = law.means.shape[1]
    root = np.concatenate([law.axes[:, :lead] @ law.factors[k], law.axes[:, lead:] * law.scales[k]], axis=1)
    return law.axes[:, :lead] @ law.means[k], root @ root.T


def _posterior(law, maps, seen):
    """Return mean and covariance of a mixture given linear combinations, by the book."""
    logs, means, spreads = [], [], []
    for k, weight in enumerate(law.weights):
        mean, spread = _moments(law, k)
        inside = maps @ spread @ maps.T
        gain = spread @ maps.T @ np.linalg.inv(inside)
        logs.append(np.log(weight) + multivariate_normal(maps @ mean, inside).logpdf(seen))
        means.append(mean + gain @ (seen - maps @ mean))
        spreads.append(spread - gain @ maps @ spread)
    share = softmax(logs)
    mean = share @ np.array(means)
    spread = sum(p * (c + np.outer(m - mean, m - mean)) for p, m, c in zip(share, means, spreads, strict=True))
    return mean, spread


@pytest.mark.parametrize("told", [[1], [0, 3], [0, 1, 2], [0, 1, 2, 5], [1, 2, 3, 4, 5]])
@pytest.mark.parametrize("way", ["entries", "linear"])
def test_a_mixture_given_entries(told, way):
    """Regime by posterior weight, then the conditional law: mean and covariance as worked out by hand."""
    law, n = _mixture(), 40_000
    seen, maps = law.draw(1, _rng(5))[0, told].astype(float), np.eye(6)[told]
    if way == "entries":
        flat = np.full((n, 6), np.nan)
        flat[:, told] = seen
        made = law.given(flat, _rng(1))
        assert (made[:, told] == seen.astype(np.float32)).all()
    else:
        made = law.given_linear([maps] * n, [seen] * n, _rng(1))
        assert np.abs(made[:, told] - seen).max() < 0.02
    mean, spread = _posterior(law, maps, seen)
    np.testing.assert_allclose(made.mean(0), mean, atol=0.05)
    _same_spread(made, spread)


def test_given_rotated_combinations():
    law, n = _mixture(seed=2), 40_000
    maps = _rng(3).normal(size=(2, 6))
    seen = np.array([0.5, -1.0])
    mean, spread = _posterior(law, maps, seen)
    made = law.given_linear([maps] * n, [seen] * n, _rng(1))
    np.testing.assert_allclose(made.mean(0), mean, atol=0.05)
    _same_spread(made, spread)


def test_each_row_its_own_combinations():
    law, rng = _mixture(), _rng()
    maps = [rng.normal(size=(1 + row % 3, 6)) for row in range(30)]
    seen = [one @ law.draw(1, rng)[0] for one in maps]
    made = law.given_linear(maps, seen, rng)
    assert max(np.abs(one @ row - told).max() for one, row, told in zip(maps, made, seen, strict=True)) < 0.03


@settings(max_examples=30, deadline=None)
@over(st.integers(0, 10_000), st.floats(0, 1))
def test_any_patterns(seed, share):
    """Rows may each lack something else, all or nothing; what is known is returned as it was."""
    law, rng = _mixture(), _rng(seed)
    flat = law.draw(12, rng).astype(float)
    flat[rng.random(flat.shape) < share] = np.nan
    made = law.given(flat, rng)
    told = ~np.isnan(flat)
    assert np.isfinite(made).all()
    assert np.array_equal(made[told], flat[told].astype(np.float32))


def test_nothing_known_is_a_plain_draw():
    law = _mixture()
    made, plain = law.given(np.full((40_000, 6), np.nan), _rng()), law.draw(40_000, _rng(1))
    np.testing.assert_allclose(made.mean(0), plain.mean(0), atol=0.05)
    _same_spread(made, np.cov(plain.T))


def test_no_rows():
    assert _mixture().given(np.zeros((0, 6)), _rng()).shape == (0, 6)


def test_the_past_alone_is_followed_as_before():
    law = _mixture()
    past = law.draw(20, _rng())[:, :3]
    law.follow(past, _rng(1))
    flat = np.full((20, 6), np.nan)
    flat[:, :3] = past
    assert np.array_equal(law.given(flat, _rng(2))[:, 3:], law.follow(past, _rng(2)))


@pytest.mark.parametrize("told", [[0], [1, 3], [0, 2, 4], [0, 1, 2, 5], [0, 1, 2, 3, 5]])
def test_both_ways_agree(told):
    """Densities by the covariance of what is known, by the precision of what is not, and by the book."""
    law, k = _mixture(), 1
    mean, spread = _moments(law, k)
    known = _rng().normal(size=(5, len(told)))
    blank = ~np.isin(np.arange(6), told)
    density, _ = law._whitened[k].given(known, blank, _rng())
    wanted = multivariate_normal(mean[told], spread[np.ix_(told, told)]).logpdf(known)
    np.testing.assert_allclose(density - len(told) / 2 * np.log(2 * np.pi), wanted, atol=1e-3)
    np.testing.assert_allclose(law._whitened[k].density(known, np.array(told)), density, atol=1e-8)


def test_laws_without_a_chance_are_passed_over(monkeypatch):
    """Many laws, large factors: only those that the entries next to the unknown ones speak for are worked out."""
    law = _mixture(400, 6, 20)
    law = Regimes(law.axes, law.weights, law.means * 6, law.factors, law.scales)
    flat = law.draw(20, _rng()).astype(float)
    flat[:, 100:150] = np.nan
    tried = []
    plain = Whitened.given
    monkeypatch.setattr(Whitened, "given", lambda self, *given: tried.append(self) or plain(self, *given))
    for row in flat:
        law.given(row[None], _rng())
    alone = len(tried)
    monkeypatch.setattr("tsgan.laws.conditioning.LARGE", 1)
    tried.clear()
    made = np.concatenate([law.given(row[None], _rng()) for row in flat])
    assert alone == 6 * 20
    assert len(tried) < 2 * 20
    assert np.isfinite(made).all()


@pytest.mark.parametrize("told", [[0, 1], [0, 1, 2, 3]])
def test_collinear_entries_that_contradict_one_another(told):
    """Two entries that are always equal, known to differ: drawn all the same, and near."""
    root = _rng().normal(size=(5, 5))
    root[1] = root[0]
    law = Regimes(np.linalg.svd(root)[0] * np.maximum(np.linalg.svd(root)[1], 1e-9), *_one(5))
    flat = np.full((200, 5), np.nan)
    flat[:, told] = 0.0
    flat[:, 0] = 3.0
    made = law.given(flat, _rng())
    assert np.isfinite(made).all()
    assert np.abs(made).max() < 30


def _one(size):
    return np.ones(1), np.zeros((1, size)), np.eye(size)[None], np.ones((1, 0))


def test_what_no_regime_explains_is_pulled_in():
    law = Regimes(np.linalg.qr(_rng().normal(size=(4, 4)))[0] * [3.0, 0.5, 0.2, 0.1], *_one(4))
    flat = np.full((2000, 4), np.nan)
    flat[:, 0] = 1000.0
    mean, spread = _moments(law, 0)
    made = law.given(flat, _rng())[:, 1:]
    limit = (1 + FAR) * np.sqrt(np.diag(spread))[1:]
    assert (np.abs(made.mean(0) - mean[1:]) < limit + 0.1).all()


def test_thirteen_hundred_entries():
    law = _mixture(1300, 2, 20)
    flat = law.draw(3, _rng()).astype(float)
    flat[0, 100:400], flat[1, ::2], flat[2, 5:] = np.nan, np.nan, np.nan
    assert np.isfinite(law.given(flat, _rng())).all()


def test_one_normal_law():
    root = _rng().normal(size=(30, 30))
    law = Regimes.normal(root @ root.T)
    _same_spread(law.draw(60_000, _rng()), root @ root.T)


def test_shocks_make_windows():
    law = _mixture()
    made = law.shaped(_rng().standard_normal((60_000, 7), dtype=np.float32))
    plain = law.draw(60_000, _rng(1))
    np.testing.assert_allclose(made.mean(0), plain.mean(0), atol=0.05)
    _same_spread(made, np.cov(plain.T))


class TestElliptical:
    def test_a_posterior_that_is_known(self):
        """Noisy linear observations, another for each half of the chains."""
        maps, noise = _rng().normal(size=(2, 5)), 0.4
        seen = np.repeat([[1.0, -0.5], [-2.0, 0.3]], 4000, axis=0)

        def likelihood(x, chains):
            return -0.5 * (((x @ maps.T - seen[chains]) / noise) ** 2).sum(1)

        made = elliptical(lambda m, rng: rng.standard_normal((m, 5), dtype=np.float32), likelihood, 8000, _rng(), 30)
        spread = np.linalg.inv(np.eye(5) + maps.T @ maps / noise**2)
        for half, target in ((made[:4000], seen[0]), (made[4000:], seen[-1])):
            np.testing.assert_allclose(half.mean(0), spread @ maps.T @ target / noise**2, atol=0.06)
            np.testing.assert_allclose(np.cov(half.T), spread, atol=0.07)

    def test_a_bound(self):
        """What is impossible does not come: shocks whose first is above two."""

        def likelihood(x, chains):
            return np.where(x[:, 0] > 2, 0.0, -np.inf)

        made = elliptical(lambda m, rng: rng.standard_normal((m, 3), dtype=np.float32), likelihood, 3000, _rng(), 80)
        assert (made[:, 0] > 2).mean() > 0.99
        assert made[:, 0][made[:, 0] > 2].mean() == pytest.approx(2.373, abs=0.05)
        np.testing.assert_allclose(made[:, 1:].std(0), 1, atol=0.06)

    def test_the_stream_decides(self):
        def prior(m, rng):
            return rng.standard_normal((m, 2), dtype=np.float32)

        def likelihood(x, chains):
            return -((x**2).sum(1))

        one, two, other = (elliptical(prior, likelihood, 9, _rng(seed)) for seed in (1, 1, 2))
        assert np.array_equal(one, two)
        assert not np.array_equal(one, other)

    def test_no_chains(self):
        assert elliptical(lambda m, _: np.zeros((m, 2), np.float32), lambda x, _: x[:, 0], 0, _rng()).shape == (0, 2)
