"""The calendar finds the cycles that are there, and only those."""

import numpy as np
import pandas as pd
import pytest
from through_json import through_json

from tsgan import datasets
from tsgan.encoding.clocks.calendar import Calendar
from tsgan.errors import ParameterError

HOURS = pd.date_range("2020-01-01", periods=24 * 7 * 12, freq="h")
DAYS = pd.date_range("2015-01-01", periods=1461)


def noise(moments, columns=3, seed=0):
    return np.random.default_rng(seed).normal(size=(len(moments), columns))


def again(calendar):
    return through_json(calendar)


@pytest.mark.parametrize("moments", [HOURS, DAYS, pd.bdate_range("2010-01-01", periods=1500)])
def test_noise_has_no_calendar(moments):
    for seed in range(30):
        codes = np.random.default_rng(100 + seed).integers(0, 3, size=len(moments))
        assert Calendar.fit(moments, noise(moments, seed=seed), ["a", "b", "c"], {"k": codes}) is None


def test_each_cycle_is_found_where_it_is():
    moments = pd.date_range("2020-01-01", periods=24 * 7 * 120, freq="h")
    x = noise(moments, 4)
    x[:, 0] += np.sin(2 * np.pi * moments.hour / 24)
    x[:, 1] += np.where(moments.day_of_week >= 5, 1.0, -0.4)
    x[:, 2] += 2 * np.cos(2 * np.pi * moments.day_of_year / 365.25)
    calendar = Calendar.fit(moments, x, ["hourly", "weekly", "yearly", 3])
    assert {name: list(shares) for name, shares in calendar.explained.items()} == {
        "season": ["yearly"],
        "weekday": ["weekly"],
        "hour": ["hourly"],
    }
    np.testing.assert_array_equal(again(calendar).features(moments), calendar.features(moments))
    features = calendar.features(moments)
    assert features.dtype == np.float32
    assert features.shape == (len(moments), calendar.covariates)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=0.1)
    assert "hour of the day explains 3" in calendar.describe()
    assert calendar.describe().endswith("; known to the generator")


def test_seattle_has_summers():
    weather = datasets.load("seattle_weather")
    numbers = weather.select_dtypes("number")
    scaled = ((numbers - numbers.mean()) / numbers.std()).to_numpy()
    calendar = Calendar.fit(
        pd.DatetimeIndex(weather["date"]), scaled, list(numbers), {"weather": pd.factorize(weather["weather"])[0]}
    )
    assert list(calendar.harmonics) == ["season"]
    assert calendar.explained["season"]["temp_max"] > 0.7
    assert calendar.explained["season"]["temp_min"] > 0.65
    assert "wind" not in calendar.explained["season"]
    assert calendar.describe().startswith("season of the year explains 76% of temp_max, 71% of temp_min")


def test_missing_values_are_left_out():
    x = noise(HOURS, 2) + np.sin(2 * np.pi * HOURS.hour.to_numpy() / 24)[:, None]
    x[::3, 0] = np.nan
    x[:, 1] = np.nan
    calendar = Calendar.fit(HOURS, x, ["x", "none"])
    assert list(calendar.explained["hour"]) == ["x"]


def test_a_category_alone_is_reason_enough():
    codes = (np.random.default_rng(0).random(len(HOURS)) < 0.5 + 0.4 * np.sin(2 * np.pi * HOURS.hour / 24)).astype(int)
    calendar = Calendar.fit(HOURS, np.empty((len(HOURS), 0)), [], {"open": codes})
    assert list(calendar.explained["hour"]) == ["open"]


def test_less_than_two_years_tell_no_season():
    moments = DAYS[:700]
    x = np.sin(2 * np.pi * moments.day_of_year.to_numpy() / 365.25)[:, None] + 0.1 * noise(moments, 1)
    assert Calendar.fit(moments, x, ["x"]) is None


def test_what_is_asked_for():
    x = noise(HOURS)
    assert Calendar.fit(HOURS, x + np.sin(HOURS.hour.to_numpy() / 4)[:, None], list("abc"), asked=False) is None
    assert list(Calendar.fit(HOURS, x, list("abc"), asked=["weekday"]).harmonics) == ["weekday"]
    assert Calendar.fit(None, x, list("abc")) is None


@pytest.mark.parametrize(
    ("moments", "asked", "text"),
    [
        (HOURS, ["hours"], r"calendar='hours' is not known; choose one of .* Did you mean 'hour'"),
        (
            HOURS,
            "hour",
            r"calendar='hour' is not known; use 'auto', False or a list of \['season', 'weekday', 'hour'\]",
        ),
        (HOURS, True, r"calendar=True is not known"),
        (None, ["hour"], r"calendar=\['hour'\] needs dates, and the time stamps have none"),
        (DAYS, ["hour"], r"calendar names 'hour', which the time stamps cannot tell"),
        (HOURS, ["season"], r"calendar names 'season', .* must span 2 cycles of 365.243 days"),
    ],
)
def test_refused(moments, asked, text):
    with pytest.raises(ParameterError, match=text):
        Calendar.fit(moments, noise(HOURS if moments is None else moments), list("abc"), asked=asked)
