"""Columns in order: learned as they are, exact on the way back, in order when they are drawn."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from tsgan import RecurrentGAN
from tsgan.constraints.chain import Chain
from tsgan.constraints.inequality import Inequality


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


@pytest.mark.parametrize(("rows", "touching", "apart"), [(400, 0.01, False), (100, 0.0, True), (400, 0.2, True)])
def test_few_rows_and_columns_that_touch_are_learned_by_their_gaps(rows, touching, apart):
    rng = np.random.default_rng(2)
    low = rng.uniform(1, 10, rows)
    high = low + rng.uniform(1, 2, rows) * (rng.random(rows) >= touching)
    columns, lengths = {"low": pd.Series(low), "high": pd.Series(high)}, np.array([rows])
    chain = Chain.fit([Inequality("low", "high")], columns, frozenset(), lengths)
    assert ({*chain.forward(columns, lengths)} != {"low", "high"}) == apart


def test_ordered_prices_are_learned_as_they_are_and_come_back_exactly():
    frame = prices(np.random.default_rng(3), 400).round(2)
    columns = {name: frame[name] for name in frame}
    lengths = np.array([400])
    chain = Chain.fit(ORDER, columns, frozenset(), lengths)
    parts = chain.forward(columns, lengths)
    assert list(parts) == list(columns)
    back = chain.inverse(parts, lengths)
    for name in columns:
        pd.testing.assert_series_equal(back[name], columns[name], check_names=False)


@pytest.mark.slow
def test_synthetic_prices_keep_their_order_and_how_days_join():
    real = prices(np.random.default_rng(4))
    made = {}
    options = {"steps": 120, "adversarial_steps": 0, "hidden": 32, "units": 48, "random_state": 0, "verbose": False}
    for told, constraints in (("ordered", ORDER), ("free", None)):
        model = RecurrentGAN(constraints=constraints, **options).fit(real)
        made[told] = model.sample(1, length=2000, random_state=0)

    def join(frame):
        return (np.log(frame["open"]) - np.log(frame["close"].shift())).dropna()

    for low, high in (("low", "open"), ("low", "close"), ("open", "high"), ("close", "high")):
        assert (made["ordered"][low] <= made["ordered"][high]).all()
        assert (made["free"][low] > made["free"][high]).mean() < 0.002  # nobody said so
    gap = {told: frame["high"] / frame[["open", "close"]].max(axis=1) - 1 for told, frame in made.items()}
    observed = real["high"] / real[["open", "close"]].max(axis=1) - 1
    assert ks_2samp(gap["ordered"], observed).statistic < 0.15
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
