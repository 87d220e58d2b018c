"""What a sequence holds once: its joint law, whole and given a part."""

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from tsgan.laws import statics as module
from tsgan.laws.statics import StaticLaw
from tsgan.layout import Block

CUTS = tuple(ndtri(np.arange(1, 20) / 20))
BLOCKS = (
    Block("ward", "softmax", 3, (0.0, 0.84)),
    Block("numeric", "continuous", 2),
    Block("city", "softmax", 4, (0.0, 1.0, 2.0)),
    Block("sex", "softmax", 2, (0.0,)),
    Block("length", "length", 1, CUTS, tuple(range(4, 24))),
)
NUMBERS = [3, 4, 11]
CITY_OF = np.array([[0.8, 0.15, 0.05, 0.0], [0.1, 0.7, 0.1, 0.1], [0.0, 0.1, 0.2, 0.7]])


def _rng(seed=0):
    return np.random.default_rng(seed)


def _ranks(x):
    return ndtri((x.argsort().argsort() + 0.5) / len(x))


def _plant(n, seed=0):
    """Return channels of three categories, two numbers and a length, each hanging on those before."""
    rng = _rng(seed)
    ward = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    city = (rng.random(n)[:, None] > CITY_OF[ward].cumsum(1)).sum(1).clip(0, 3)
    x = 0.9 * (ward - 0.7) + 0.6 * rng.normal(size=n)
    y = 0.5 * x - 0.6 * (city == 1) + 0.8 * rng.normal(size=n)
    sex = (rng.random(n) < 1 / (1 + np.exp(-2 * y + x - (city == 3)))).astype(int)
    stay = _ranks(0.6 * y + 0.5 * x + 0.4 * sex + 0.5 * rng.normal(size=n))
    edges = np.array([-np.inf, *CUTS, np.inf])
    place = np.searchsorted(CUTS, stay)
    length = ndtri((ndtr(edges[place]) + ndtr(edges[place + 1])) / 2)
    parts = [np.eye(3)[ward], _ranks(x), _ranks(y), np.eye(4)[city], np.eye(2)[sex], length]
    return np.column_stack(parts).astype(np.float32)


@pytest.fixture(scope="module")
def planted():
    real = _plant(10_000)
    return real, StaticLaw.fit(real, BLOCKS, _rng())


def _levels(channels):
    return [channels[:, part].argmax(1) for part in (slice(0, 3), slice(5, 9), slice(9, 11))]


def test_the_joint_law_comes_back(planted):
    real, law = planted
    made = law.draw(40_000, _rng(1))
    assert made.shape == (40_000, 12)
    assert made.dtype == np.float32
    shares = []
    for part in (real, made):
        ward, city, sex = _levels(part)
        shares.append(np.bincount((ward * 4 + city) * 2 + sex, minlength=24) / len(part))
    np.testing.assert_allclose(*shares, atol=0.02)
    correlations = [np.corrcoef(part[:, NUMBERS].T) for part in (real, made)]
    np.testing.assert_allclose(*correlations, atol=0.03)
    lengths = [np.bincount(np.searchsorted(CUTS, part[:, 11]), minlength=20) / len(part) for part in (real, made)]
    np.testing.assert_allclose(*lengths, atol=0.02)
    quantiles = [np.quantile(part[:, 3:5], np.linspace(0.05, 0.95, 19), axis=0) for part in (real, made)]
    np.testing.assert_allclose(*quantiles, atol=0.06)


def test_levels_that_never_meet_do_not(planted):
    ward, city, _ = _levels(planted[1].draw(20_000, _rng()))
    assert not (CITY_OF[ward, city] == 0).any()


def test_no_real_number_comes_back(planted):
    real, law = planted
    assert np.isin(law.draw(2000, _rng())[:, 3:5], real[:, 3:5]).mean() < 1e-3  # by chance, in single precision


CONDITIONS = {
    "one level": ({5: 0, 6: 1, 7: 0, 8: 0}, lambda x: x[:, 6] == 1),
    "two levels": ({0: 1, 1: 0, 2: 0, 9: 0, 10: 1}, lambda x: (x[:, 10] == 1) & (x[:, 0] == 1)),
    "a number": ({3: 1.5}, lambda x: np.abs(x[:, 3] - 1.5) < 0.05),
    "a number and a level": ({3: -1.0, 9: 0, 10: 1}, lambda x: (np.abs(x[:, 3] + 1) < 0.1) & (x[:, 10] == 1)),
    "the length": ({11: 1.15035}, lambda x: np.searchsorted(CUTS, x[:, 11]) == 17),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_what_is_free_is_drawn_given_the_rest(planted, name):
    told, where = CONDITIONS[name]
    given = np.full((20_000, 12), np.nan, dtype=np.float32)
    for channel, value in told.items():
        given[:, channel] = value
    made = planted[1].draw(len(given), _rng(), given)
    for channel, value in told.items():
        assert (made[:, channel] == np.float32(value)).all()
    real = _plant(300_000, 7)
    real = real[where(real)]
    levels = [0, 1, 2, 5, 6, 7, 8, 9, 10]
    np.testing.assert_allclose(made[:, levels].mean(0), real[:, levels].mean(0), atol=0.03)
    np.testing.assert_allclose(made[:, NUMBERS].mean(0), real[:, NUMBERS].mean(0), atol=0.1)


def test_conditions_differ_from_row_to_row(planted):
    given = np.full((400, 12), np.nan, dtype=np.float32)
    given[:200, :3] = [1, 0, 0]
    given[100:300, 4] = 0.5
    made = planted[1].draw(400, _rng(), given)
    assert np.isfinite(made).all()
    told = ~np.isnan(given)
    assert np.array_equal(made[told], given[told])


def test_levels_given_together_that_never_met(planted):
    """The rest is completed as well as it can be."""
    given = np.full((50, 12), np.nan, dtype=np.float32)
    given[:, :3], given[:, 5:9] = [1, 0, 0], [0, 0, 0, 1]
    assert np.isfinite(planted[1].draw(50, _rng(), given)).all()


def test_many_levels():
    """Country follows from city, with hundreds of cities."""
    rng, n = _rng(), 3000
    city = np.minimum(rng.geometric(0.01, n) - 1, 299)
    country = city % 20
    x = rng.normal(size=n) + country / 10
    channels = np.column_stack([np.eye(300)[city], np.eye(20)[country], (x - x.mean()) / x.std()]).astype(np.float32)
    blocks = (Block("city", "softmax", 300), Block("country", "softmax", 20), Block("x", "continuous", 1))
    made = StaticLaw.fit(channels, blocks, rng).draw(10_000, rng)
    drawn = made[:, :300].argmax(1), made[:, 300:320].argmax(1)
    assert (drawn[0] % 20 == drawn[1]).all()
    np.testing.assert_allclose(made[:, :320].mean(0), channels[:, :320].mean(0), atol=0.02)
    assert np.corrcoef(drawn[1], made[:, 320])[0, 1] == pytest.approx(np.corrcoef(country, x)[0, 1], abs=0.05)


def test_spread_and_shape_follow():
    """A number that is wild in one category and skewed in both."""
    rng, n = _rng(), 6000
    wild = rng.integers(2, size=n)
    x = np.where(wild, 3.0, 0.3) * (rng.exponential(size=n) - 1)
    channels = np.column_stack([np.eye(2)[wild], x / x.std()]).astype(np.float32)
    blocks = (Block("wild", "softmax", 2, (0.0,)), Block("x", "continuous", 1))
    made = StaticLaw.fit(channels, blocks, rng).draw(20_000, rng)
    for level in (0, 1):
        spreads = [part[part[:, level] == 1, 2].std() for part in (channels, made)]
        assert spreads[1] == pytest.approx(spreads[0], rel=0.15)


def test_none_and_one():
    law = StaticLaw.fit(np.zeros((5, 0), np.float32), (), _rng())
    assert law.draw(3, _rng()).shape == (3, 0)
    assert StaticLaw.from_arrays(law.arrays(), ()).draw(4, _rng()).shape == (4, 0)
    one = StaticLaw.fit(np.eye(3, dtype=np.float32)[[0, 0, 1]], BLOCKS[:1], _rng()).draw(600, _rng())
    np.testing.assert_allclose(one.mean(0), [2 / 3, 1 / 3, 0], atol=0.08)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_few_rows(rows):
    made = StaticLaw.fit(_plant(rows), BLOCKS, _rng()).draw(50, _rng())
    assert np.isfinite(made).all()
    assert (np.abs(made) < 10).all()


def test_arrays_round_trip(planted):
    _, law = planted
    again = StaticLaw.from_arrays(law.arrays(), BLOCKS)
    assert np.array_equal(law.draw(50, _rng(3)), again.draw(50, _rng(3)))
    assert not np.array_equal(law.draw(50, _rng(3)), law.draw(50, _rng(4)))


@settings(max_examples=25, deadline=None)
@over(st.lists(st.sampled_from(["ward", "city", "sex", "x", "y", "length"]), unique=True), st.integers(0, 99))
def test_whatever_is_given_is_kept(names, seed):
    law = _small()
    at = {"ward": [0, 1, 2], "x": [3], "y": [4], "city": [5, 6, 7, 8], "sex": [9, 10], "length": [11]}
    real, given = _plant(20, seed), np.full((20, 12), np.nan, dtype=np.float32)
    for name in names:
        given[:, at[name]] = real[:, at[name]]
    made = law.draw(20, _rng(seed), given)
    told = ~np.isnan(given)
    assert np.array_equal(made[told], given[told])
    assert np.isfinite(made).all()
    for part in (slice(0, 3), slice(5, 9), slice(9, 11)):
        assert (np.sort(made[:, part], axis=1)[:, -1] == 1).all()
        assert (made[:, part].sum(1) == 1).all()


_KEPT: list[StaticLaw] = []


def _small():
    if not _KEPT:
        _KEPT.append(StaticLaw.fit(_plant(500), BLOCKS, _rng()))
    return _KEPT[0]


def test_part_of_a_category_is_refused():
    given = np.full((2, 12), np.nan, dtype=np.float32)
    given[1, 6] = 1
    with pytest.raises(ValueError, match="given knows only some levels of 'city'; a category is known as a whole"):
        _small().draw(2, _rng(), given)


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"given has shape \(3, 12\), which is not \(2, 12\)"):
        _small().draw(2, _rng(), np.zeros((3, 12), np.float32))


def test_combinations_are_thinned(monkeypatch):
    monkeypatch.setattr(module, "COMBINATIONS", 4)
    law = StaticLaw.fit(_plant(500), BLOCKS, _rng())
    assert len(law.combinations) == 4
    assert np.isfinite(law.draw(10, _rng())).all()
