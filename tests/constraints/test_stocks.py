"""Real prices: with their order declared they are as close to the real ones as without, and never out of order."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN
from tsgan.constraints.inequality import Inequality
from tsgan.evaluation.judges.papers import discriminative_score

FILE = Path(os.environ.get("TSGAN_DATA", Path(__file__).parents[3] / "shared" / "data")) / "stock_data.csv"
PAIRS = [("Low", "Open"), ("Low", "Close"), ("Open", "High"), ("Close", "High")]
STEPS = 24


@pytest.mark.skipif(not FILE.exists(), reason="stock_data.csv is not here")
def test_the_order_of_prices_costs_nothing():
    real = pd.read_csv(FILE)
    windows = np.lib.stride_tricks.sliding_window_view(real.to_numpy(float), STEPS, axis=0).transpose(0, 2, 1)[::3]
    low, high = windows.min((0, 1)), windows.max((0, 1))
    scores = []
    for constraints in ([], [Inequality(*pair) for pair in PAIRS]):
        model = RecurrentGAN(steps=0, constraints=constraints, random_state=0).fit(real)
        made = model.sample(len(windows), length=STEPS, random_state=0)
        assert list(made) == list(real)
        broken = sum(int((made[one] > made[two]).sum()) for one, two in PAIRS)
        assert broken == 0 or not constraints
        synthetic = made.to_numpy(float).reshape(windows.shape)
        sides = (((side - low) / (high - low)).astype(np.float32) for side in (windows, synthetic))
        scores.append(discriminative_score(*sides, repeats=2, control=False, random_state=0).mean)
    free, ordered = scores
    assert ordered < 0.05
    assert abs(ordered - free) < 0.03
