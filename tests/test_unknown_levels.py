"""A level that is not known: it is missing as often as it was, whatever the levels, and leaves what else is known."""

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN

SEQUENCES, STEPS = 60, 50


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    """Return sticky levels that follow a number, with gaps that have no regard to either."""
    rng = np.random.default_rng(0)
    x, states = rng.normal(size=(SEQUENCES, STEPS)), np.empty((SEQUENCES, STEPS), dtype=int)
    for at in range(STEPS):
        scores = x[:, at, None] * [1.0, 0.0, -1.0] + rng.gumbel(size=(SEQUENCES, 3))
        if at:
            scores += 1.5 * np.eye(3)[states[:, at - 1]]
        states[:, at] = scores.argmax(axis=1)
    table = pd.DataFrame(
        {
            "who": np.repeat(np.arange(SEQUENCES), STEPS),
            "step": np.tile(np.arange(STEPS), SEQUENCES),
            "x": x.ravel(),
            "kind": np.array(list("abc"))[states.ravel()],
        }
    )
    table["kind"] = table["kind"].mask(rng.random(len(table)) < 0.3)
    return table


@pytest.fixture(scope="module")
def made(real: pd.DataFrame) -> pd.DataFrame:
    return RecurrentGAN(entity="who", time="step", steps=0, random_state=0).fit(real).sample(300, random_state=1)


def before(table: pd.DataFrame) -> pd.Series:
    return table.groupby("who")["kind"].shift()


def test_levels_are_missing_as_often_and_no_level_leads_to_it(real, made):
    gone = made["kind"].isna()
    assert gone.mean() == pytest.approx(real["kind"].isna().mean(), abs=0.02)
    assert (gone.groupby(before(made)).mean() - gone.mean()).abs().max() < 0.05


def test_numbers_beside_a_missing_level_are_like_all(real, made):
    gone = made["kind"].isna()
    assert abs(made["x"][gone].mean() - made["x"][~gone].mean()) < 0.1
    assert made["x"][gone].std() == pytest.approx(real["x"].std(), rel=0.12)  # .90 over five seeds


@pytest.mark.parametrize("high", [True, False])
def test_levels_follow_the_number(real, made, high):
    shares = [t["kind"][(t["x"] > 0) == high].value_counts(normalize=True) for t in (real, made)]
    assert (shares[0] - shares[1]).abs().max() < 0.05


def test_levels_stay_as_often(real, made):
    stay = []
    for table in (real, made):
        last = before(table)
        both = table["kind"].notna() & last.notna()
        stay.append((table["kind"] == last)[both].mean())
    assert stay[0] == pytest.approx(stay[1], abs=0.05)
