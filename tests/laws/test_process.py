"""The linear-Gaussian process draws what covariance says, at any length, for any panel."""

import numpy as np
import pytest
from scipy.special import ndtri

from tsgan.encoding.windows import cut
from tsgan.errors import ParameterError
from tsgan.laws.process import FULL_LIMIT, LinearGaussianProcess, check_regimes, to_channels, to_latents
from tsgan.layout import Block, Layout
from tsgan.panel import Given, Panel

CUTS = tuple(ndtri([0.2, 0.7]))
MIXED = (
    Block("x", "continuous", 2),
    Block("kind", "softmax", 3, CUTS),
    Block("y", "continuous", 1),
    Block("n", "length", 1, (0.0,), (3, 7)),
)


def _layout(dims, statics=0):
    fixed = (Block("s", "continuous", statics),) if statics else ()
    return Layout((Block("x", "continuous", dims),) if dims else (), fixed)


def _windows(sequences, size, statics=None):
    values = np.concatenate(sequences).astype(np.float32)
    lengths = np.array([len(sequence) for sequence in sequences])
    fixed = np.zeros((len(lengths), 0)) if statics is None else statics
    return cut(Panel(values, lengths, fixed.astype(np.float32)), size, 1)


def _fit(sequences, size, statics=None, regimes=1, layout=None, seed=0):
    windows = _windows(sequences, size, statics)
    layout = layout or _layout(sequences[0].shape[1], 0 if statics is None else statics.shape[1])
    return LinearGaussianProcess.fit(windows, layout, np.random.default_rng(seed), regimes)


def _ar(n, phi=0.9, dims=1, seed=0):
    """Return a stationary AR(1) of unit variance whose dimensions share half of their shocks."""
    rng = np.random.default_rng(seed)
    shock = rng.normal(size=(n + 100, dims)) * np.sqrt(0.5) + rng.normal(size=(n + 100, 1)) * np.sqrt(0.5)
    x = np.zeros_like(shock)
    for at in range(1, len(x)):
        x[at] = phi * x[at - 1] + np.sqrt(1 - phi**2) * shock[at]
    return x[100:]


def _draw(process, n, length, seed=0, statics=None):
    """Return draws of sequences of which nothing but their statics is known."""
    known = np.zeros((n, length, 0), np.float32)
    fixed = np.zeros((n, 0), np.float32) if statics is None else statics.astype(np.float32)
    return process.draw(Given(fixed, known), np.random.default_rng(seed))


def _lagged(x, lag, at=slice(None)):
    """Return the autocorrelation at a lag over steps `at`, of `(n, length, D)` draws."""
    first, second = x[:, :-lag][:, at], x[:, lag:][:, at]
    return float((first * second).mean() / np.sqrt((first**2).mean() * (second**2).mean()))


class TestLatents:
    def test_channels_to_latents_and_back(self):
        rng = np.random.default_rng(0)
        level = np.eye(3, dtype=np.float32)[rng.integers(3, size=40)]
        x, y, n = (rng.normal(size=(40, k)).astype(np.float32) for k in (2, 1, 1))
        channels = np.concatenate([x, level, y, n], axis=1)
        latents = to_latents(channels, MIXED)
        assert latents.shape == (40, 5)
        assert latents.dtype == np.float32
        assert np.array_equal(to_channels(latents, MIXED), channels)

    def test_a_level_stands_in_the_middle_of_its_interval(self):
        latents = to_latents(np.eye(3, dtype=np.float32), MIXED[1:2])[:, 0]
        np.testing.assert_allclose(latents, ndtri([0.1, 0.45, 0.85]), rtol=1e-5)

    def test_levels_come_as_often_as_the_cuts_say(self):
        latents = np.random.default_rng(0).normal(size=(20_000, 1)).astype(np.float32)
        np.testing.assert_allclose(to_channels(latents, MIXED[1:2]).mean(0), [0.2, 0.5, 0.3], atol=0.015)

    def test_no_blocks(self):
        assert to_latents(np.zeros((5, 0), np.float32), ()).shape == (5, 0)
        assert to_channels(np.zeros((5, 0), np.float32), ()).shape == (5, 0)


class TestCovariance:
    @pytest.mark.parametrize("statics", [0, 2])
    def test_of_whole_windows_is_that_of_the_data(self, statics):
        """Any covariance over steps, channels and statics comes back, stationary or not, and the mean of each step."""
        rng, count, size, dims = np.random.default_rng(0), 3000, 8, 2
        total = statics + size * dims
        root = rng.normal(size=(total, total)) / np.sqrt(total)
        flat = rng.normal(size=(count, total)) @ root.T + np.linspace(-2, 2, total)
        sequences = list(flat[:, statics:].reshape(count, size, dims))
        process = _fit(sequences, size, flat[:, :statics] if statics else None)
        assert process.aligned
        assert len(process.regimes.weights) == 1
        fixed = flat[rng.integers(count, size=30_000), :statics]
        values = _draw(process, 30_000, size, statics=fixed)
        made = np.concatenate([fixed, values.reshape(len(values), -1)], axis=1)
        spread = np.sqrt(np.diag(np.cov(flat.T)))
        error = np.abs(np.cov(made.T) - np.cov(flat.T)) / spread / spread[:, None]
        assert error.max() < 0.05
        assert (np.abs(made.mean(0) - flat.mean(0)) / spread).max() < 0.05

    def test_of_one_long_series(self):
        series = _ar(6000, dims=2)
        process = _fit([series], 12)
        assert not process.aligned
        values = _draw(process, 20_000, 12)
        np.testing.assert_allclose(values.var((0, 1)), series.var(0), rtol=0.05)
        for lag in (1, 3, 8):
            assert _lagged(values - values.mean((0, 1)), lag) == pytest.approx(
                _lagged((series - series.mean(0))[None], lag), abs=0.03
            )
        cross = np.corrcoef(values.reshape(-1, 2).T)[0, 1]
        assert cross == pytest.approx(np.corrcoef(series.T)[0, 1], abs=0.03)

    def test_a_shorter_draw_is_the_beginning(self):
        process = _fit([_ar(2000, dims=2)], 12)
        assert np.array_equal(_draw(process, 5, 4), _draw(process, 5, 12)[:, :4])

    def test_ragged_sequences(self):
        rng = np.random.default_rng(3)
        lengths = rng.integers(3, 20, 500)
        sequences = [_ar(int(n), dims=2, seed=seed) for seed, n in enumerate(lengths)]
        process = _fit(sequences, int(lengths.max()))
        values = _draw(process, 10_000, int(lengths.max()))
        rows = np.concatenate(sequences)
        np.testing.assert_allclose(values[:, :3].std((0, 1)), rows.std(0), rtol=0.1)
        np.testing.assert_allclose(values[:, -3:].std((0, 1)), rows.std(0), rtol=0.15)
        for lag in (1, 4):
            assert _lagged(values, lag) == pytest.approx(0.9**lag, abs=0.05)

    def test_static_goes_with_its_sequence(self):
        rng = np.random.default_rng(0)
        fixed = rng.normal(size=(800, 1))
        sequences = [level + 0.5 * rng.normal(size=(10, 1)) for level in fixed]
        told = rng.choice(fixed, 10_000)
        values = _draw(_fit(sequences, 10, fixed), 10_000, 10, statics=told)
        assert np.corrcoef(told[:, 0], values.mean((1, 2)))[0, 1] > 0.95

    def test_categories_keep_their_shares_and_stickiness(self):
        latent = _ar(8000, phi=0.95)[:, 0]
        level = np.searchsorted(CUTS, latent / latent.std())
        channels = np.eye(3)[level]
        layout = Layout((Block("kind", "softmax", 3, CUTS),))
        process = _fit([channels], 12, layout=layout)
        made = to_channels(_draw(process, 4000, 12).reshape(-1, 1), layout.blocks).reshape(4000, 12, 3).argmax(2)
        shares = np.bincount(made.ravel(), minlength=3) / made.size
        np.testing.assert_allclose(shares, channels.mean(0), atol=0.05)
        stays = (made[:, 1:] == made[:, :-1]).mean()
        assert stays > 0.7
        assert stays == pytest.approx((level[1:] == level[:-1]).mean(), abs=0.15)


class TestRegimes:
    @staticmethod
    def _two(count=600, size=10, seed=0):
        """Return sequences that are either calm or wild, and on different levels."""
        rng = np.random.default_rng(seed)
        wild = rng.random(count) < 0.3
        scale, level = np.where(wild, 2.0, 0.2), np.where(wild, 4.0, -2.0)
        values = level[:, None, None] + scale[:, None, None] * rng.normal(size=(count, size, 1))
        return list(values), wild

    @pytest.mark.parametrize("regimes", [2, "auto"])
    def test_two_that_were_planted_are_found(self, regimes):
        sequences, wild = self._two()
        process = _fit(sequences, 10, regimes=regimes)
        values = _draw(process, 5000, 10)[:, :, 0]
        level, spread = values.mean(1), values.std(1)
        high = level > 1
        assert high.mean() == pytest.approx(wild.mean(), abs=0.03)
        assert level[high].mean() == pytest.approx(4, abs=0.2)
        assert level[~high].mean() == pytest.approx(-2, abs=0.1)
        assert np.median(spread[high]) > 4 * np.median(spread[~high])
        assert (np.abs(level - 1) < 1).mean() < 0.02  # nothing between the two

    def test_calm_is_calm_on_all_axes(self):
        """Windows of more numbers than carry the regimes' covariance are as still as they were, in the rest as well."""
        rng = np.random.default_rng(0)
        scale = np.where(rng.random(3000) < 0.5, 0.2, 1.0)
        sequences = list(scale[:, None, None] * rng.normal(size=(3000, 40, 1)))
        spread = _draw(_fit(sequences, 40, regimes=2), 2000, 40).std((1, 2))
        assert np.quantile(spread, 0.2) == pytest.approx(0.2, abs=0.06)
        assert np.quantile(spread, 0.8) == pytest.approx(1.0, abs=0.1)

    def test_exactly_two(self):
        sequences, wild = self._two()
        weights = _fit(sequences, 10, regimes=2).regimes.weights
        assert weights.sum() == pytest.approx(1)
        np.testing.assert_allclose(np.sort(weights), np.sort([wild.mean(), 1 - wild.mean()]), atol=0.02)

    def test_one_has_the_same_covariance_but_sits_between(self):
        sequences, _ = self._two()
        values = _draw(_fit(sequences, 10, regimes=1), 20_000, 10)[:, :, 0]
        data = np.stack(sequences)[:, :, 0]
        np.testing.assert_allclose(np.cov(values.T), np.cov(data.T), rtol=0.15, atol=0.3)
        assert (np.abs(values.mean(1) - 1) < 1).mean() > 0.1

    def test_normal_windows_ask_for_one(self):
        rng = np.random.default_rng(0)
        sequences = list(rng.normal(size=(600, 6, 2)) @ np.array([[1, 0.5], [0, 1]]))
        assert len(_fit(sequences, 6, regimes="auto").regimes.weights) == 1

    def test_no_more_than_there_are_windows(self):
        assert len(_fit(list(np.random.default_rng(0).normal(size=(5, 4, 1))), 4, regimes=40).regimes.weights) == 5

    def test_a_regime_lasts_beyond_the_window(self):
        """A long draw that starts calm goes on calm: the past decides the regime of what follows."""
        rng = np.random.default_rng(0)
        wild = np.repeat(rng.random(60) < 0.5, 200)
        series = np.where(wild, 3.0, 0.1)[:, None] * rng.normal(size=(12_000, 1))
        process = _fit([series], 20, regimes=2)
        values = _draw(process, 500, 60)[:, :, 0]
        first, later = values[:, :20].std(1), values[:, 30:50].std(1)
        calm = first < 0.5
        assert 0.3 < calm.mean() < 0.7
        assert (later[calm] < 0.5).mean() > 0.6
        assert (later[~calm] > 0.5).mean() > 0.6

    @pytest.mark.parametrize("value", [0, -1, 2.5, True, None])
    def test_bad_number(self, value):
        with pytest.raises(ParameterError, match=rf"regimes={value} is not allowed; it must be a whole number of at"):
            check_regimes(value)

    def test_bad_word(self):
        with pytest.raises(
            ParameterError, match=r"regimes='atuo' is not known; choose one of \['auto'\]. Did you mean"
        ):
            check_regimes("atuo")

    def test_good_ones(self):
        for value in ("auto", 1, 12, np.int64(3)):
            check_regimes(value)


SIZE = 16


@pytest.fixture(scope="module", params=["window", "regimes", "autoregression"])
def long(request):
    """Draws of fifty windows."""
    dims, regimes = {"window": (2, 1), "regimes": (2, 4), "autoregression": (100, 1)}[request.param]
    series = _ar(6000, dims=dims)
    process = _fit([series], SIZE, regimes=regimes)
    assert (process.regimes is None) == (SIZE * dims > FULL_LIMIT)
    return _draw(process, 200 if dims == 100 else 1500, 50 * SIZE)[:, :, :2], series[:, :2]


class TestAnyLength:
    """A series of fifty windows must neither drift, fade nor show its seams."""

    def test_the_variance_stays(self, long):
        values, series = long
        np.testing.assert_allclose(values[:, :SIZE].var((0, 1)), series.var(0), rtol=0.1)
        np.testing.assert_allclose(values[:, -100:].var((0, 1)), series.var(0), rtol=0.15)
        blocks = values.reshape(len(values), 50, SIZE, 2).var((0, 2)).mean(1)
        assert blocks.max() / blocks.min() < 1.5

    def test_the_mean_stays(self, long):
        values, series = long
        assert np.abs(values[:, :SIZE].mean((0, 1)) - series.mean(0)).max() < 0.15
        assert np.abs(values[:, -100:].mean((0, 1)) - series.mean(0)).max() < 0.15

    @pytest.mark.parametrize("lag", [1, 3, 6])
    def test_no_seam(self, long, lag):
        """Pairs of steps on both sides of the end of the window depend on one another as pairs within it do."""
        values, series = (part - long[1].mean(0) for part in long)
        truth = _lagged(series[None], lag)
        for at in (slice(0, SIZE - lag), slice(SIZE - lag, SIZE), slice(700, 780)):
            assert _lagged(values, lag, at) == pytest.approx(truth, abs=0.05), at

    def test_a_longer_draw_of_a_panel_of_whole_sequences(self):
        sequences = [_ar(12, seed=seed) for seed in range(400)]
        process = _fit(sequences, 12)
        assert process.aligned
        values = _draw(process, 1000, 200)
        assert np.isfinite(values).all()
        assert values[:, -50:].var() == pytest.approx(values[:, :12].var(), rel=0.3)
        assert _lagged(values, 1, slice(11, 12)) == pytest.approx(0.9, abs=0.06)

    def test_a_random_walk_stays_bounded(self):
        walk = np.cumsum(np.random.default_rng(0).normal(size=(3000, 1)), axis=0)
        walk /= walk.std()
        values = _draw(_fit([walk], 24), 300, 24 * 50)
        assert np.isfinite(values).all()
        assert 0.3 < values[:, -100:].std() < 3


class TestMarginals:
    def test_what_normal_laws_miss_is_mapped(self):
        """Heavy tails and two peaks come back, at any length; a normal column is left as it is."""
        rng = np.random.default_rng(0)
        level = np.where(_ar(6000)[:, 0] > 0, 1.5, -1.5) + 0.2 * rng.normal(size=6000)
        series = np.column_stack([rng.standard_t(3, size=6000) / np.sqrt(3), level, _ar(6000)[:, 0]])
        process = _fit([series], 10)
        assert {0, 1} <= set(process.calibration)
        for length in (10, 100):
            values = _draw(process, 3000, length)
            for column in range(3):
                at = np.quantile(series[:, column], np.linspace(0.01, 0.99, 50))
                shares = [(x[..., column].ravel()[:, None] < at).mean(0) for x in (values[:, ::10], series)]
                assert np.abs(shares[0] - shares[1]).max() < 0.03, (length, column)
            assert (np.abs(values[:, :, 1]) < 0.5).mean() < 0.02

    def test_normal_ones_hardly_move(self):
        process = _fit([_ar(20_000, phi=0.3)], 8)
        assert all(np.abs(shift[8:-8]).max() < 0.1 for _, shift in process.calibration.values())


class TestCovariates:
    """What is known of a step beforehand moves its mean."""

    @staticmethod
    def _process(seed=0):
        """Return a process of a heavy-tailed and a normal latent that follow two covariates, and its panel."""
        rng = np.random.default_rng(seed)
        known = np.column_stack([np.sin(np.arange(4000) / 7), rng.integers(2, size=4000)]).astype(np.float32)
        noise = np.column_stack([rng.standard_t(3, size=4000) / np.sqrt(3), _ar(4000)[:, 0]])
        values = (noise + known @ np.array([[1.5, 0.0], [0.0, -1.0]])).astype(np.float32)
        panel = Panel(values, np.array([4000]), np.zeros((1, 0), np.float32), known)
        layout = Layout((Block("x", "continuous", 2),), covariates=2)
        return LinearGaussianProcess.fit(cut(panel, 12, 1), layout, np.random.default_rng(0), 1), panel

    def test_their_effect_comes_back(self):
        process, panel = self._process()
        np.testing.assert_allclose(process.drift[1:], [[1.5, 0.0], [0.0, -1.0]], atol=0.15)
        known = np.tile(panel.covariates[:120], (400, 1, 1))
        made = process.draw(Given(np.zeros((400, 0), np.float32), known), np.random.default_rng(0))
        season = known[0, :, 0] > 0.5
        real = panel.values[:, 0]
        for high in (True, False):
            where = (panel.covariates[:, 0] > 0.5) == high
            assert made[:, season == high, 0].mean() == pytest.approx(real[where].mean(), abs=0.15)

    def test_without_any_there_is_none(self):
        process = _fit([_ar(500)], 8)
        assert process.drift.shape == (1, 1)
        assert not process.drift.any()

    def test_centred_is_the_inverse_of_coloured(self):
        process, panel = self._process()
        assert process.calibration
        rng = np.random.default_rng(1)
        for steps in (1, 12, 30):  # also beyond the window
            known = panel.covariates[: 40 * steps].reshape(40, steps, 2)
            latents = (3 * rng.normal(size=(40, steps, 2))).astype(np.float32)  # also beyond what was ever drawn
            there = process.coloured(latents.copy(), known)
            np.testing.assert_allclose(process.centred(there, known), latents, atol=2e-4)
            back = process.centred(latents, known)
            np.testing.assert_allclose(process.coloured(back.copy(), known), latents, atol=2e-4)

    def test_centred_leaves_its_argument_alone(self):
        process, panel = self._process()
        latents, known = panel.values[None, :20].copy(), panel.covariates[None, :20]
        process.centred(latents, known)
        assert np.array_equal(latents[0], panel.values[:20])


class TestBeyondTheFullLimit:
    def test_windows_too_large_are_left_to_the_autoregression(self):
        series = _ar(3000, dims=30)
        size = FULL_LIMIT // 30
        assert _fit([series], size).regimes
        process = _fit([series], size + 1)
        assert not process.regimes
        values = _draw(process, 200, size + 1)
        assert values.shape == (200, size + 1, 30)
        np.testing.assert_allclose(values.var((0, 1)).mean(), series.var(0).mean(), rtol=0.15)
        assert _lagged(values, 1) == pytest.approx(0.9, abs=0.03)

        assert _draw(process, 3, 1).shape == (3, 1, 30)


class TestArrays:
    @pytest.mark.parametrize("regimes", [1, 3])
    def test_round_trip_draws_the_same(self, regimes):
        rng = np.random.default_rng(0)
        layout = Layout((Block("x", "continuous", 2), MIXED[1]), (Block("s", "continuous", 1),))
        levels = np.eye(3)[rng.integers(3, size=(80, 10))]
        sequences = [np.column_stack([_ar(10, dims=2, seed=seed), levels[seed]]) for seed in range(80)]
        process = _fit(sequences, 10, rng.normal(size=(80, 1)), regimes=regimes, layout=layout)
        again = LinearGaussianProcess.from_arrays(process.arrays(), layout)
        for length in (3, 10, 47):
            told = rng.normal(size=(20, 1))
            assert np.array_equal(_draw(process, 20, length, statics=told), _draw(again, 20, length, statics=told))

    def test_round_trip_of_an_autoregression_alone(self):
        process = _fit([_ar(600, dims=30)], 50)
        arrays = process.arrays()
        assert not any(name.startswith("regimes") for name in arrays)
        again = LinearGaussianProcess.from_arrays(arrays, _layout(30))
        assert np.array_equal(_draw(process, 4, 70), _draw(again, 4, 70))

    def test_everything_is_a_plain_number(self):
        for name, array in _fit([_ar(200)], 8, regimes=2).arrays().items():
            assert array.dtype in (np.float64, np.int64), name
            assert np.isfinite(array).all(), name


class TestDeterminism:
    def test_the_same_seed_the_same_draw(self):
        process = _fit([_ar(500, dims=2)], 10, regimes=2)
        for length in (10, 55):
            assert np.array_equal(_draw(process, 9, length, 1), _draw(process, 9, length, 1))
            assert not np.array_equal(_draw(process, 9, length, 1), _draw(process, 9, length, 2))

    def test_the_same_seed_the_same_fit(self):
        sequences = [_ar(n, seed=n) for n in range(3, 40)]
        one, two = (_fit(sequences, 20, regimes="auto", seed=4).arrays() for _ in range(2))
        assert one.keys() == two.keys()
        assert all(np.array_equal(one[name], two[name]) for name in one)

    def test_numpy_s_global_state_is_left_alone(self):
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        _draw(_fit([_ar(300)], 10, regimes=3), 4, 30)
        assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


class TestSmall:
    @pytest.mark.parametrize("rows", [2, 3, 5, 10])
    @pytest.mark.parametrize("dims", [1, 3])
    @pytest.mark.parametrize("size", [1, 2])
    @pytest.mark.parametrize("regimes", [1, 3, "auto"])
    def test_few_rows(self, rows, dims, size, regimes):
        series = np.random.default_rng(0).normal(size=(rows, dims))
        values = _draw(_fit([series], size, regimes=regimes), 6, 9)
        assert values.shape == (6, 9, dims)
        assert np.isfinite(values).all()
        assert np.abs(values).max() < 100

    @pytest.mark.parametrize("count", [2, 3, 12])
    def test_sequences_of_one_row(self, count):
        sequences = list(np.random.default_rng(0).normal(size=(count, 1, 2)))
        process = _fit(sequences, 1, np.arange(count)[:, None] / count)
        values = _draw(process, 5, 4, statics=np.arange(5)[:, None] % count / count)
        assert values.shape == (5, 4, 2)
        assert np.isfinite(values).all()

    @pytest.mark.parametrize("regimes", [1, 2, "auto"])
    @pytest.mark.parametrize("level", [0.0, 5.0])
    def test_constant_latents_stay_constant(self, regimes, level):
        series = np.full((100, 2), level)
        values = _draw(_fit([series], 10, regimes=regimes), 5, 200)
        np.testing.assert_allclose(values, level, atol=1e-3)

    def test_one_constant_among_others(self):
        series = np.column_stack([_ar(1000)[:, 0], np.full(1000, 2.0)])
        values = _draw(_fit([series], 10), 500, 30)
        np.testing.assert_allclose(values[:, :, 1], 2, atol=1e-3)
        assert values[:, :, 0].std() == pytest.approx(series[:, 0].std(), rel=0.2)

    @pytest.mark.parametrize("statics", [0, 2])
    @pytest.mark.parametrize("length", [3, 4, 30])
    def test_nothing_varies_over_time(self, statics, length):
        rng = np.random.default_rng(0)
        process = _fit([np.zeros((4, 0))] * 30, 4, rng.normal(size=(30, statics)) if statics else None)
        values = _draw(process, 200, length, statics=rng.normal(size=(200, statics)))
        assert values.shape == (200, length, 0)
