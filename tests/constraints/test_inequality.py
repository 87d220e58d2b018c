"""Gaps of drawn columns carried to the observed ones: exact maps on planted cases, by hand and through the line."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from tsgan import RecurrentGAN
from tsgan.constraints.chain import Chain
from tsgan.constraints.inequality import Carry, Inequality


def lognormal(rng, size):
    return np.exp(0.5 * rng.standard_normal(size))


def prices(rng, rows=2000):
    """Low, opening, close and high: yesterday's close is today's opening and a little, gaps grow with the level."""
    close = 100 * np.exp(np.cumsum(0.02 * rng.standard_normal(rows + 1)))
    opening, close = close[:-1] * np.exp(0.002 * rng.standard_normal(rows)), close[1:]
    low = np.minimum(opening, close) * (1 - 0.005 * lognormal(rng, rows))
    high = np.maximum(opening, close) * (1 + 0.005 * lognormal(rng, rows))
    return pd.DataFrame({"open": opening, "high": high, "low": low, "close": close})


ORDER = [Inequality("low", "open", "high"), Inequality("low", "close", "high")]


def test_drawn_gaps_become_the_observed_ones_at_every_level():
    rng = np.random.default_rng(0)
    level = rng.uniform(1, 10, 4000)
    gap = level * lognormal(rng, 4000)
    carry = Carry.fit(level, gap)
    assert len(carry.middles) == 8
    drawn = gap * (1 + 0.3 * rng.standard_normal(4000)) - 0.8 * level  # some below zero
    assert (drawn < 0).mean() > 0.2
    made = carry.settled(level, drawn).apply(level, drawn)
    assert made.min() >= gap.min() * 0.9
    for a, b in ((1, 3), (3, 6), (6, 10)):
        there = (level > a) & (level < b)
        assert ks_2samp(made[there], gap[there]).statistic < 0.06
        assert np.corrcoef(made[there].argsort().argsort(), drawn[there].argsort().argsort())[0, 1] > 0.9


def test_gaps_above_the_largest_stay_apart_and_unsettled_ones_stay():
    rng = np.random.default_rng(1)
    level, gap = np.full(500, 2.0) + rng.uniform(0, 1e-9, 500), rng.uniform(1, 2, 500)
    carry = Carry.fit(level, gap)
    assert (carry.apply(level, gap - 1) == gap - 1).all()
    settled = carry.settled(level, gap - 1)
    far = settled.apply(np.full(2, 2.0), np.array([5.0, 6.0]))
    assert far[1] - far[0] == pytest.approx(1.0)
    assert Carry.from_dict(settled.to_dict()) == settled


@pytest.mark.parametrize(("rows", "touching"), [(100, 0.0), (1000, 0.2)])
def test_few_rows_and_columns_that_touch_are_left_to_gaps(rows, touching):
    rng = np.random.default_rng(2)
    gap = rng.uniform(1, 2, rows) * (rng.random(rows) >= touching)
    assert Carry.fit(rng.uniform(1, 10, rows), gap) is None


def test_ordered_prices_are_learned_as_they_are_and_come_back_exactly():
    frame = prices(np.random.default_rng(3), 400).round(2)
    columns = {name: frame[name] for name in frame}
    lengths = np.array([400])
    chain = Chain.fit(ORDER, columns, frozenset(), lengths)
    assert chain.carries
    parts = chain.forward(columns, lengths)
    assert list(parts) == list(columns)
    back = chain.inverse(parts, lengths)
    for name in columns:
        pd.testing.assert_series_equal(back[name], columns[name], check_names=False)


def test_synthetic_prices_keep_their_order_and_how_days_join():
    real = prices(np.random.default_rng(4))
    made = {}
    for told, constraints in (("ordered", ORDER), ("free", None)):
        model = RecurrentGAN(steps=0, constraints=constraints, random_state=0).fit(real)
        made[told] = model.sample(1, length=2000, random_state=0)

    def join(frame):
        return (np.log(frame["open"]) - np.log(frame["close"].shift())).dropna()

    for low, high in (("low", "open"), ("low", "close"), ("open", "high"), ("close", "high")):
        assert (made["ordered"][low] <= made["ordered"][high]).all()
    gap = {told: frame["high"] / frame[["open", "close"]].max(axis=1) - 1 for told, frame in made.items()}
    observed = real["high"] / real[["open", "close"]].max(axis=1) - 1
    assert ks_2samp(gap["ordered"], observed).statistic < 0.08
    # An opening follows the close before it as closely as in a table without constraints.
    assert join(made["ordered"]).std() < 1.1 * join(made["free"]).std() < 0.3 * real["close"].pct_change().std()


def test_ends_that_only_a_low_column_has_are_kept():
    rng = np.random.default_rng(5)
    frame = prices(rng, 400)
    columns, lengths = {name: frame[name] for name in frame}, np.array([400])
    chain = Chain.fit(ORDER, columns, frozenset(), lengths, {"low": (frame["low"].min(), None), "open": None})
    parts = chain.forward(columns, lengths)
    back = chain.inverse({name: series - 1000 for name, series in parts.items()}, lengths)
    assert (back["low"] >= frame["low"].min()).all()
    assert (back["open"] >= back["low"]).all()
