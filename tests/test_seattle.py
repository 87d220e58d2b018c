"""A real table of weather, learned with roles only: seasons, dry days, temperatures that were read on a scale."""

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN, datasets
from tsgan.constraints.inequality import Inequality

YEARS = 36


@pytest.fixture(scope="module")
def real():
    return datasets.load("seattle_weather")


def fitted(real, **options):
    short = {"steps": 100, "hidden": 32, "units": 64, "adversarial_steps": 0, "verbose": False}
    return RecurrentGAN(time="date", random_state=0, **short, **options).fit(real)


def drawn(model):
    """Return thirty-six years, three at a time."""
    return model.sample(YEARS // 3, length=3 * 365, start="2012-01-01", random_state=0)


@pytest.fixture(scope="module")
def made(real):
    return drawn(fitted(real))


def monthly(frame, name):
    """Return the mean of each month and its standard error, from the months of single years."""
    when = frame["date"].dt
    series = frame.index.get_level_values(0) if frame.index.nlevels == 2 else np.zeros(len(frame))
    means = frame.groupby([when.month, when.year, series])[name].mean()
    years = means.groupby(level=0)
    return years.mean(), years.std() / np.sqrt(years.size())


def months_off(real, made, name):
    """Return for each month how many standard errors the synthetic mean is off, of both sides together."""
    (one, spread), (two, other) = monthly(real, name), monthly(made, name)
    # Four years tell their spread badly: no month is taken to be surer than the middle one.
    return (one - two).abs() / np.hypot(np.maximum(spread, spread.median()), other)


@pytest.mark.parametrize("name", ["temp_max", "temp_min", "precipitation", "wind"])
def test_a_synthetic_january_looks_like_january(real, made, name):
    off = months_off(real, made, name)
    assert off.max() < 4
    assert off.mean() < 1.6


def test_without_the_calendar_it_does_not(real):
    blind = drawn(fitted(real, calendar=False))
    off = months_off(real, blind, "temp_max")  # by both limits of the test above
    assert off.max() > 4
    assert off.mean() > 1.6


def test_dry_days_and_the_kinds_of_weather_are_as_frequent(real, made):
    assert (made["precipitation"] == 0).mean() == pytest.approx((real["precipitation"] == 0).mean(), abs=0.02)
    one, two = (frame["weather"].value_counts(normalize=True) for frame in (real, made))
    assert (one - two).abs().max() < 0.05


def test_it_hardly_ever_snows_in_summer(made):
    share = made["weather"].eq("snow")
    summer = made["date"].dt.month.isin([7, 8])
    assert share[summer].mean() < 0.15 * share.mean()


def test_temperatures_are_on_the_scale_that_they_were_read_on(real, made):
    for name in ("temp_max", "temp_min"):
        assert (~made[name].isin(set(real[name]))).mean() < 0.01


def test_an_order_of_temperatures_is_kept_and_changes_little_else(real):
    made = drawn(fitted(real, constraints=[Inequality("temp_min", "temp_max")]))
    assert (made["temp_min"] <= made["temp_max"]).all()
    assert months_off(real, made, "temp_max").mean() < 1.6
    apart = [(frame["temp_max"] - frame["temp_min"]).quantile([0.05, 0.5, 0.95]) for frame in (real, made)]
    pd.testing.assert_series_equal(*apart, atol=0.8)
    assert (~made["temp_max"].isin(set(real["temp_max"]))).mean() < 0.02
