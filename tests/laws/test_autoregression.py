"""The autoregression finds a known one again, is stable whatever it is shown, and draws what it says."""

import numpy as np
import pytest

from tsgan.laws.autoregression import ORDERS, RADIUS, Autoregression, _stable, positive_factor

PHI = np.array([1.2, -0.5])  # of lag 1 and lag 2
MATRIX = np.array([[0.7, 0.2], [-0.3, 0.6]])
SIGMA = np.array([[1.0, 0.6], [0.6, 2.0]])


def _ar2(n, seed=0, burn=200):
    shock = np.random.default_rng(seed).normal(size=n + burn)
    x = np.zeros(n + burn)
    for at in range(2, n + burn):
        x[at] = PHI[0] * x[at - 1] + PHI[1] * x[at - 2] + shock[at]
    return x[burn:, None]


def _var1(n, seed=0, burn=100):
    shock = np.random.default_rng(seed).normal(size=(n + burn, 2)) @ np.linalg.cholesky(SIGMA).T
    x = np.zeros((n + burn, 2))
    for at in range(1, n + burn):
        x[at] = MATRIX @ x[at - 1] + shock[at]
    return x[burn:]


def _fit(rows, lengths=None, statics=0):
    lengths = np.array([len(rows)] if lengths is None else lengths)
    return Autoregression.fit(rows, lengths, statics, np.arange(len(rows)) // 50 % 5 == 2)


def _first(found, n, length, rng):
    """Return first steps and the statics that they were drawn for, which have the covariance of the fitted ones."""
    known = found.start[: found.statics, : found.statics]
    fixed = (rng.normal(size=(n, found.statics)) @ known.T).astype(np.float32)
    return found.first(fixed, length, rng), fixed


def _roots(found):
    """Return the moduli of the eigenvalues of the recursion."""
    dims, order = len(found.innovation), found.order
    companion = np.zeros((order * dims, order * dims))
    companion[:-dims, dims:] = np.eye((order - 1) * dims)
    companion[-dims:] = found.coefficients[found.statics :].T
    return np.abs(np.linalg.eigvals(companion))


def test_finds_an_ar2_again():
    found = _fit(_ar2(6000))
    assert found.order == 2
    np.testing.assert_allclose(found.coefficients[::-1, 0], PHI, atol=0.04)
    assert found.innovation[0, 0] == pytest.approx(1.0, abs=0.03)


def test_finds_a_var1_again():
    found = _fit(_var1(8000))
    assert found.order == 1
    np.testing.assert_allclose(found.coefficients.T, MATRIX, atol=0.03)
    np.testing.assert_allclose(found.innovation @ found.innovation.T, SIGMA, atol=0.1)


def test_white_noise_needs_the_least_order():
    found = _fit(np.random.default_rng(2).normal(size=(4000, 2)))
    assert found.order == 1
    np.testing.assert_allclose(found.coefficients, 0, atol=0.05)


def test_many_short_sequences_do_not_run_into_one_another():
    """An independent start of each sequence must not be taken for a step of the one before."""
    rows = np.concatenate([_ar2(12, seed=i) for i in range(600)])
    found = _fit(rows, np.full(600, 12))
    assert found.order == 2
    np.testing.assert_allclose(found.coefficients[::-1, 0], PHI, atol=0.05)


def test_a_static_drives_the_level():
    rng = np.random.default_rng(0)
    fixed = rng.normal(size=500)
    x = np.zeros((500, 20))
    x[:, 0] = 4 * fixed + rng.normal(size=500)
    for at in range(1, 20):
        x[:, at] = 0.5 * x[:, at - 1] + 2 * fixed + 0.3 * rng.normal(size=500)
    rows = np.column_stack([np.repeat(fixed, 20), x.ravel()])
    found = _fit(rows, np.full(500, 20), statics=1)
    assert found.statics == 1
    assert found.coefficients[0, 0] == pytest.approx(2, abs=0.1)
    assert found.coefficients[-1, 0] == pytest.approx(0.5, abs=0.05)
    steps, drawn = _first(found, 4000, 40, np.random.default_rng(1))
    assert np.corrcoef(drawn[:, 0], steps[:, -1, 0])[0, 1] > 0.95


@pytest.mark.parametrize("order", [1, 2])
def test_implied_covariance_is_that_of_what_is_drawn(order):
    found = _fit(_ar2(5000) if order == 2 else _var1(5000))
    assert found.order == order
    size, n = 12, 20_000
    steps, fixed = _first(found, n, size, np.random.default_rng(0))
    flat = np.concatenate([fixed, steps.reshape(n, -1)], axis=1)
    implied = found.implied(size)
    spread = np.sqrt(np.diag(implied))
    error = np.abs(flat.T @ flat / n - implied) / spread / spread[:, None]
    assert error.max() < 6 / np.sqrt(n)


def test_implied_covariance_of_an_ar2_is_the_theoretical_one():
    found = _fit(_ar2(20_000))
    implied = found.implied(30)
    rho = [1.0, PHI[0] / (1 - PHI[1])]
    for _ in range(8):
        rho.append(PHI[0] * rho[-1] + PHI[1] * rho[-2])
    variance = 1 / (1 - PHI[0] * rho[1] - PHI[1] * rho[2])
    np.testing.assert_allclose(np.diag(implied), variance, rtol=0.08)
    np.testing.assert_allclose(implied[15, 15:25] / implied[15, 15], rho, atol=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_a_random_walk_stays_inside_the_circle(seed):
    found = _fit(np.cumsum(np.random.default_rng(seed).normal(size=(3000, 2)), axis=0))
    assert _roots(found).max() <= RADIUS + 1e-9


def test_an_explosive_series_is_pulled_inside():
    """A doubling series has a root at 2; after the pull its largest root lies on the circle of RADIUS."""
    rows = 2.0 ** np.arange(40)[:, None] / 2.0**30
    found = _fit(np.concatenate([rows, rows * 1.1]), np.array([40, 40]))
    assert _roots(found).max() == pytest.approx(RADIUS, abs=1e-6)
    steps, _ = _first(found, 5, 500, np.random.default_rng(0))
    assert np.isfinite(steps).all()


def test_all_roots_are_pulled_alike():
    """Coefficients with roots 1.25 and -0.5; after the pull the one is RADIUS, the other less by the same factor."""
    found = _stable(np.array([[1.25 * 0.5], [1.25 - 0.5]]), 0, 2, 1)
    roots = np.sort(np.roots([1, -found[1, 0], -found[0, 0]]))
    np.testing.assert_allclose(roots, [-0.5 * RADIUS / 1.25, RADIUS], rtol=1e-9)
    inside = np.array([[0.3], [0.1]])
    assert np.array_equal(_stable(inside, 0, 2, 1), inside)


def test_a_long_draw_keeps_the_variance():
    found = _fit(_ar2(5000))
    steps, _ = _first(found, 3000, 1000, np.random.default_rng(0))
    early, late = steps[:, 50:100].var(), steps[:, -50:].var()
    assert late == pytest.approx(early, rel=0.05)


def test_extend_keeps_what_is_known_and_goes_on_from_it():
    found = _fit(_ar2(5000))
    known = np.full((2000, 4, 1), 3.0, np.float32)
    out = found.extend(known, np.zeros((2000, 0), np.float32), 6, np.random.default_rng(0))
    assert out.shape == (2000, 6, 1)
    assert (out[:, :4] == 3.0).all()
    assert out[:, 4].mean() == pytest.approx(3 * PHI.sum(), abs=0.15)
    assert found.extend(known, np.zeros((2000, 0), np.float32), 3, np.random.default_rng(0)).shape == (2000, 3, 1)


def test_draws_follow_the_generator():
    found = _fit(_var1(500))
    one, two, other = (_first(found, 3, 20, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("dims", [1, 3])
def test_tiny_tables(n, dims):
    found = _fit(np.random.default_rng(0).normal(size=(n, dims)))
    steps, fixed = _first(found, 7, 30, np.random.default_rng(0))
    assert steps.shape == (7, 30, dims)
    assert fixed.shape == (7, 0)
    assert np.isfinite(steps).all()
    assert np.abs(steps).max() < 100


def test_sequences_of_one_step():
    rng = np.random.default_rng(0)
    found = _fit(rng.normal(size=(300, 3)) * [1, 2, 3], np.ones(300, dtype=int), statics=1)
    assert found.order == 1
    steps, fixed = _first(found, 5000, 4, rng)
    assert fixed.std() == pytest.approx(1, abs=0.15)
    np.testing.assert_allclose(steps[:, -1].std(0), [2, 3], rtol=0.15)


def test_constant_rows_stay():
    found = _fit(np.zeros((100, 2)))
    assert np.abs(_first(found, 5, 300, np.random.default_rng(0))[0]).max() < 1e-3


def test_no_latents_at_all():
    found = _fit(np.zeros((10, 0)))
    steps, fixed = _first(found, 3, 8, np.random.default_rng(0))
    assert steps.shape == (3, 8, 0)
    assert fixed.shape == (3, 0)


def test_order_is_bounded_by_the_longest_sequence():
    rows = np.concatenate([_ar2(3, seed=i) for i in range(400)])
    assert _fit(rows, np.full(400, 3)).order <= 2
    assert max(ORDERS) == 8


class TestPositiveFactor:
    def test_is_a_factor(self):
        draw = np.random.default_rng(0).normal(size=(50, 6))
        covariance = draw.T @ draw / 50
        lower = positive_factor(covariance)
        assert np.array_equal(lower, np.tril(lower))
        np.testing.assert_allclose(lower @ lower.T, covariance, atol=1e-5)

    def test_of_what_is_not_positive_keeps_the_variances(self):
        covariance = np.array([[1.0, 2.7, 0.0], [2.7, 4.0, 2.7], [0.0, 2.7, 1.0]])  # correlations of 1.35
        lower = positive_factor(covariance)
        assert np.isfinite(lower).all()
        np.testing.assert_allclose(np.diag(lower @ lower.T), [1, 4, 1], rtol=1e-5)

    def test_of_nothing_and_of_zero(self):
        assert positive_factor(np.zeros((0, 0))).shape == (0, 0)
        assert np.abs(positive_factor(np.zeros((2, 2)))).max() < 1e-5
