"""Dates that stand for "never": far from the others, shared by many rows, and nothing comes between."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from through_json import through_json
from told import everything

from tsgan import RecurrentGAN
from tsgan.encoding.columns.base import Request
from tsgan.encoding.columns.moment import DatetimeColumn, PeriodColumn, find_far

NEVER = ["9999-12-31", "9999-12-31 23:59:59", "2099-12-31", "1900-01-01", "1753-01-01"]


def column(series, kind=DatetimeColumn, scaler="auto"):
    request = Request("valid_to", "value", scaler, "observed", np.arange(len(series)) > 0, everything(len(series)))
    return kind.fit(series, request)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    never=st.lists(st.sampled_from(NEVER), min_size=1, max_size=2, unique=True),
    days=st.integers(2, 3000),
    unit=st.sampled_from(["s", "ms", "us"]),
    zone=st.sampled_from([None, "Europe/Berlin"]),
    scaler=st.sampled_from(["auto", "standard", "quantile", "robust", "minmax"]),
)
def test_whatever_is_drawn_is_an_ordinary_date_or_a_far_one(seed, never, days, unit, zone, scaler):
    rng = np.random.default_rng(seed)
    x = np.datetime64("2021-01-01", unit) + rng.integers(0, days, 300).astype("m8[D]")
    for one in never:
        x[rng.random(300) < 0.2] = np.datetime64(one, unit)
    series = pd.Series(x).dt.tz_localize(zone)
    found = through_json(column(series, scaler=scaler))
    assert found.grain["quantum"] % (3600 if zone else 86_400) == 0  # learned from the ordinary ones
    z = found.encode(series)
    pd.testing.assert_series_equal(pd.Series(found.decode(z)), series)
    drawn = pd.Series(found.decode(np.concatenate([rng.normal(size=500) * 3, rng.uniform(z.min(), z.max(), 500)])))
    far = pd.DatetimeIndex(never).tz_localize(zone).as_unit(unit)
    usual = series[~series.isin(far)]
    assert (drawn.isin(far) | drawn.between(usual.min(), usual.max())).all()
    assert set(found.cell().atoms) >= set(found.encode(pd.Series(far)))
    assert "far from the others" in found.reason


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 900], [1, 2, 3] * 50 + [4, 5, 6] * 50, [5] * 50, [1, 9] * 50])
def test_a_single_outlier_and_near_dates_are_not_far(values):
    assert [side.tolist() for side in find_far(np.array(values), everything(len(values)))] == [[], []]


def test_far_dates_on_both_sides_are_found():
    values = np.array([-900] * 9 + list(range(100)) + [5_000] * 9 + [90_000] * 9)
    assert [side.tolist() for side in find_far(values, everything(len(values)))] == [[-900], [5_000, 90_000]]


def test_periods_may_be_far_too():
    series = pd.Series(pd.PeriodIndex(["2020-01", "2020-02", "2020-05"] * 30 + ["9999-12"] * 20, freq="M"))
    found = column(series, PeriodColumn)
    drawn = pd.Series(found.decode(np.linspace(-3, 3, 200)))
    assert set(drawn.astype(str)) <= {"2020-01", "2020-02", "2020-03", "2020-04", "2020-05", "9999-12"}


@pytest.mark.parametrize("scaler", ["auto", "quantile"])
def test_no_date_is_drawn_between_and_the_share_is_kept(scaler):
    rng = np.random.default_rng(0)
    ends = np.datetime64("2021-01-01", "s") + rng.integers(0, 300, 60).astype("m8[D]")
    ends[rng.random(60) < 0.5] = np.datetime64("9999-12-31", "s")
    frame = pd.DataFrame({"id": np.repeat(range(60), 5), "k": np.tile(range(5), 60), "until": np.repeat(ends, 5)})
    frame["next"] = np.where(rng.random(300) < 0.3, np.datetime64("2099-12-31", "s"), rng.permutation(frame.until))
    frame["next"] = frame.next.mask(frame.next > "2100", pd.Timestamp("2021-04-05"))
    made = RecurrentGAN(entity="id", time="k", static=["until"], scaler=scaler, steps=0, verbose=False, random_state=0)
    drawn = made.fit(frame).sample(400, random_state=1)
    for name in ("until", "next"):
        far, was = (one[name] > "2022" for one in (drawn, frame))
        assert set(drawn[name][far]) == set(frame[name][was])
        assert far.mean() == pytest.approx(was.mean(), abs=0.07)
        assert drawn[name][~far].between("2021-01-01", "2021-12-31").all()
