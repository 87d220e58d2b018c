"""Unknown steps given the known: exact where the law is normal, without seams, without drift."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import roc_auc_score

from tsgan import GaussianCopulaProcess, RecurrentGAN, datasets
from tsgan.encoding.windows import cut
from tsgan.errors import TsganWarning
from tsgan.history import _taken_back
from tsgan.laws.continuation import complete
from tsgan.laws.process import LinearGaussianProcess
from tsgan.layout import Block, Layout
from tsgan.panel import Given, Panel

PHI = 0.9


def planted(n, dims=1, phi=PHI, seed=0):
    """Return a stationary AR(1) of unit variance."""
    rng = np.random.default_rng(seed)
    shock = rng.normal(size=(n + 200, dims)) * np.sqrt(1 - phi**2)
    x = np.zeros_like(shock)
    for at in range(1, len(x)):
        x[at] = phi * x[at - 1] + shock[at]
    return x[200:]


def fitted(x, size, regimes=1, lengths=None, statics=0):
    lengths = np.array([len(x)]) if lengths is None else lengths
    panel = Panel(x.astype(np.float32), lengths, np.zeros((len(lengths), statics), np.float32))
    layout = Layout((Block("x", "continuous", x.shape[1]),), ())
    return LinearGaussianProcess.fit(cut(panel, size, 1), layout, np.random.default_rng(0), regimes)


def completed(process, series, hole, n, seed=1):
    """Return `n` draws of the steps of a hole in a series."""
    steps = np.repeat(series[None].astype(np.float32), n, axis=0)
    steps[:, hole] = np.nan
    wanted = np.isnan(steps[:, :, 0])
    out = complete(process, steps, wanted, np.zeros((n, 0), np.float32), np.random.default_rng(seed))
    kept = ~np.isnan(steps)
    assert np.array_equal(out[kept], steps[kept])
    assert np.isfinite(out).all()
    return out[:, hole]


def posterior(series, hole, phi=PHI):
    """Return mean and covariance of the steps of a hole, by the book."""
    at = np.arange(len(series))
    covariance = phi ** np.abs(np.subtract.outer(at, at))
    u = at[hole]
    k = np.setdiff1d(at, u)
    gain = covariance[np.ix_(u, k)] @ np.linalg.inv(covariance[np.ix_(k, k)])
    return gain @ series[k], covariance[np.ix_(u, u)] - gain @ covariance[np.ix_(k, u)]


@pytest.fixture(scope="module")
def laws():
    x = planted(15_000)
    return {
        "window": fitted(x, 24),
        "regimes": fitted(x, 24, 4),
        "regression": fitted(x, 1500),
        "sequences": fitted(planted(40, 6000, seed=3).T.reshape(-1, 1), 40, lengths=np.full(6000, 40)),
    }


HOLES = [slice(20, 23), slice(10, 30), slice(0, 6), slice(34, 40), slice(5, 38), slice(12, 30, 3)]


class TestTheBook:
    @pytest.mark.parametrize("hole", HOLES, ids=str)
    @pytest.mark.parametrize("law", ["window", "regimes", "regression", "sequences"])
    def test_an_autoregression(self, laws, law, hole):
        series = planted(40, seed=8)
        made = completed(laws[law], series, hole, 3000)[:, :, 0]
        mean, covariance = posterior(series[:, 0], hole)
        assert np.abs(made.mean(axis=0) - mean).max() < 0.12
        assert np.abs(np.cov(made.T) - covariance).max() < 0.1

    @pytest.mark.parametrize("law", ["window", "regression"])
    def test_a_hole_of_many_windows(self, laws, law):
        series = planted(400, seed=8)
        hole = slice(100, 330)
        made = completed(laws[law], series, hole, 1500)[:, :, 0]
        mean, covariance = posterior(series[:, 0], hole)
        assert np.abs(made.mean(axis=0) - mean).max() < 0.15
        assert np.abs(np.diag(np.cov(made.T)) - np.diag(covariance)).max() < 0.15
        near = np.mean(np.diff(made, axis=1) ** 2, axis=0)  # no seam: steps are as large everywhere
        assert np.abs(near - 2 * (1 - PHI)).max() < 0.05

    def test_eighty_columns_have_no_law_of_a_window(self):
        rng = np.random.default_rng(0)
        shared = planted(3000, 4)
        x = shared @ rng.normal(size=(4, 80)) / 2 + 0.3 * planted(3000, 80, 0.5, 1)
        process = fitted(x, 24)
        assert process.regimes is None
        series = x[-60:]
        hole = slice(20, 26)
        made = completed(process, series, hole, 60)
        off = np.abs(made.mean(axis=0) - series[hole])
        assert off.mean() < 0.8 * np.abs(series[hole]).mean()
        later = completed(process, series, slice(48, 60), 60)
        assert abs(later[:, -1].std() / x.std() - 1) < 0.2

    def test_holes_of_many_shapes_at_once(self, laws):
        """Series that lack different steps are drawn together; each as if alone."""
        series = planted(60, seed=8)
        steps = np.repeat(series[None].astype(np.float32), 2000, axis=0)
        holes = [slice(20, 23), slice(0, 30), slice(59, 60), slice(10, 11)]
        for number, hole in enumerate(holes):
            steps[number::4, hole] = np.nan
        out = complete(
            laws["window"], steps, np.isnan(steps[:, :, 0]), np.zeros((2000, 0), np.float32), np.random.default_rng(0)
        )
        for number, hole in enumerate(holes):
            mean, _ = posterior(series[:, 0], hole)
            assert np.abs(out[number::4, hole, 0].mean(axis=0) - mean).max() < 0.22

    def test_nothing_wanted(self, laws):
        steps = planted(30).astype(np.float32)[None]
        out = complete(laws["window"], steps, np.zeros((1, 30), bool), np.zeros((1, 0), np.float32), None)
        assert np.array_equal(out, steps)

    def test_nothing_known(self, laws):
        made = completed(laws["window"], planted(60), slice(0, 60), 2000)[:, :, 0]
        assert np.abs(made.mean(axis=0)).max() < 0.12
        assert np.abs(made.std(axis=0) - 1).max() < 0.1


def switching(n, seed=0):
    """Return a series whose memory and level change now and then, twice as one column each."""
    rng = np.random.default_rng(seed)
    state = (np.cumsum(rng.random(n) < 0.02) % 2).astype(bool)
    x = np.zeros((n, 2))
    for t in range(1, n):
        phi, spread, level = (0.95, 0.3, 2.0) if state[t] else (0.3, 1.0, -1.0)
        x[t] = level + phi * (x[t - 1] - level) + spread * rng.normal(size=2)
    return x


def vector(n, seed=0):
    rng = np.random.default_rng(seed)
    turn = 0.95 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    x = np.zeros((n, 2))
    for t in range(1, n):
        x[t] = turn @ x[t - 1] + rng.normal(size=2) * [1, 0.5]
    return x


SERIES = {
    "autoregression": lambda: planted(4000, 2),
    "vector": lambda: vector(4000),
    "switching": lambda: switching(4000),
}


def seam_auc(x, size, blocks=10, seed=0):
    """Return how well windows that straddle a seam are told from those that lie within a block, and its standard error.

    Windows of `size // 2` steps are described by their steps, differences and squares; blocks of time are held out in
    turn.
    """
    fresh = size // 2
    wide = fresh - fresh % 2
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    seams = np.arange(size, len(x) - size, fresh)
    rng = np.random.default_rng(seed)
    # A window that straddles has its seam in the middle; one that does not ends or begins at it.
    starts = np.concatenate([seams - wide // 2, seams])
    label = np.repeat([1, 0], len(seams))
    windows = x[starts[:, None] + np.arange(wide)]
    steps = np.diff(windows, axis=1)
    parts = (windows, steps, steps**2, np.abs(steps))
    table = np.concatenate([part.reshape(len(starts), -1) for part in parts], axis=1)
    fold = starts * blocks // len(x)
    score = np.zeros(len(starts))
    for one in range(blocks):
        test = fold == one
        model = RidgeClassifierCV(np.logspace(-1, 4, 6)).fit(table[~test], label[~test])
        own = model.decision_function(table[test])
        score[test] = own.argsort().argsort() / test.sum()
    shuffled = [roc_auc_score(rng.permutation(label), score) for _ in range(100)]
    return roc_auc_score(label, score), float(np.std(shuffled))


class TestSeams:
    @pytest.mark.parametrize(("name", "regimes"), [*((name, 1) for name in SERIES), ("switching", "auto")])
    def test_are_not_found(self, name, regimes):
        real = pd.DataFrame(SERIES[name](), columns=["a", "b"])
        model = GaussianCopulaProcess(window=24, regimes=regimes, random_state=0).fit(real)
        auc, error = seam_auc(model.sample(1, length=5000).to_numpy(), 24)
        assert auc < 0.5 + 3 * error

    def test_of_the_weather_are_not_found(self):
        model = GaussianCopulaProcess(time="date", random_state=0).fit(datasets.load("seattle_weather"))
        made = model.sample(1, length=5000)[["precipitation", "temp_max", "temp_min", "wind"]].to_numpy()
        auc, error = seam_auc(made, model._encoder.window)
        assert auc < 0.5 + 3 * error

    @pytest.mark.parametrize("name", SERIES)
    def test_that_are_planted_are_found(self, name):
        """Blocks drawn independently of one another: the same judge tells them at once."""
        real = pd.DataFrame(SERIES[name](), columns=["a", "b"])
        model = GaussianCopulaProcess(window=24, random_state=0).fit(real)
        blocks = model.sample(5000 // 12, length=12).to_numpy()
        auc, error = seam_auc(blocks, 24)
        assert auc > 0.5 + 5 * error

    @pytest.mark.parametrize("name", [*SERIES, "root"])
    def test_no_drift(self, name):
        """Over 100 times the fitted window nothing runs away, and the end is as the beginning."""
        real = planted(4000, 2, 0.995) if name == "root" else SERIES[name]()
        model = GaussianCopulaProcess(window=24, bounds=None, random_state=0).fit(
            pd.DataFrame(real, columns=["a", "b"])
        )
        made = np.stack([model.sample(1, length=2400, random_state=seed).to_numpy() for seed in range(20)])
        first, last = made[:, :240], made[:, -240:]
        assert np.abs(made).max() < 2 * np.abs(real).max()
        for part in (first, last):
            spread = part.std(axis=(0, 1)) / real.std(axis=0)
            assert (np.abs(np.log(spread)) < (0.5 if name == "root" else 0.15)).all()
        lag = [(p[:, 1:] * p[:, :-1]).mean(axis=(0, 1)) / (p**2).mean(axis=(0, 1)) for p in (first, last)]
        np.testing.assert_allclose(*lag, atol=0.03)
        if name != "root":
            np.testing.assert_allclose(first.mean(axis=(0, 1)), last.mean(axis=(0, 1)), atol=0.25 * real.std())


@pytest.mark.slow
def test_a_trained_generator():
    """Its past is taken back to within a thousandth, its futures join, and its long series have no seams."""
    real = pd.DataFrame({"a": planted(2500)[:, 0], "b": np.abs(planted(2500, seed=1)[:, 0]) ** 1.5})
    model = RecurrentGAN(window=24, steps=80, hidden=16, transport=0.0, verbose=False, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TsganWarning)  # it matters how it joins, not how good it is
        model.fit(real)
    layout = model._encoder.layout
    given = Given(np.zeros((4, 0), np.float32), np.zeros((4, 150, layout.covariates), np.float32))
    correct = model._corrector(np.random.SeedSequence(0))
    noise = model._process.draw(given, np.random.default_rng(0))
    made = correct(noise, given)
    found, missed = _taken_back(correct, layout, made, made, np.ones(made.shape, dtype=bool), given)
    assert missed.max() < 1e-3
    assert np.abs(correct(found, given) - made).max() < 0.01
    futures = model.continue_from(real.iloc[:1500], 4, 300)["a"].to_numpy().reshape(300, 4)
    assert abs(futures[:, 0].mean() - PHI * real["a"].iloc[1499]) < 0.3
    assert futures[:, 0].std() < 0.75
    gone = np.zeros(2500, dtype=bool)
    gone[1000:1003] = gone[1400:1480] = True
    filled = model.fill(real.mask(np.repeat(gone[:, None], 2, axis=1)))
    assert filled[~gone].equals(real[~gone])
    assert not filled.isna().any(axis=None)
    auc, error = seam_auc(model.sample(1, length=5000).to_numpy(), 24)
    assert auc < 0.5 + 3 * error
