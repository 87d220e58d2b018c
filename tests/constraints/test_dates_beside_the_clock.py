"""Orders of dates and the clock: kept by construction, for dates of a row and of a sequence, and suggested."""

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN
from tsgan.constraints import Inequality, suggest_constraints
from tsgan.constraints.checking import violations

RULES = {
    "below": [Inequality("visit", "left")],
    "above": [Inequality("called", "visit")],
    "between": [Inequality("called", "visit", "left", strict=True)],
    "statics": [Inequality("birth", "visit"), Inequality("visit", "death")],
    "all": [Inequality("birth", "called", "visit", "left"), Inequality("left", "death")],
}


def stays(zone=None, count=40):
    """Visits with the call before, the end after, and births and deaths of the patients."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 7, count)
    entity = np.repeat(np.arange(count), lengths)
    rows = len(entity)
    first = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1000, count), unit="D")
    visit = first[entity] + pd.to_timedelta(pd.Series(rng.integers(20, 90, rows)).groupby(entity).cumsum(), unit="D")
    visit += pd.to_timedelta(rng.integers(0, 1440, rows), unit="min")
    frame = pd.DataFrame({"id": entity, "visit": visit})
    frame["called"] = visit - pd.to_timedelta(rng.integers(1, 3000, rows), unit="min")
    frame["left"] = visit + pd.to_timedelta(rng.integers(1, 9000, rows), unit="min")
    by = frame.groupby("id")
    frame["birth"] = (by.called.transform("min").dt.normalize() - pd.Timedelta(3, "D")).to_numpy()
    frame["death"] = by.left.transform("max").dt.normalize() + pd.to_timedelta(rng.integers(1, 90, count), "D")[entity]
    for name in ("visit", "called", "left", "birth", "death"):
        frame[name] = frame[name].dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    return frame


def quick(rules):
    shape = {"entity": "id", "time": "visit", "static": ["birth", "death"]}
    return RecurrentGAN(**shape, constraints=rules, steps=0, verbose=False, random_state=0)


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("name", list(RULES))
def test_an_order_with_the_clock_holds_in_every_way_to_draw(name, zone, tmp_path):
    rules, frame = RULES[name], stays(zone)
    made = quick(rules).fit(frame)
    drawn = made.sample(60, random_state=1)
    assert not any(violations(rules, drawn, "id", "visit").values())
    made.save(tmp_path / "model")
    pd.testing.assert_frame_equal(RecurrentGAN.load(tmp_path / "model").sample(60, random_state=1), drawn)
    holes = frame.copy()
    holes.loc[::3, "left"] = pd.NaT
    filled = made.fill(holes)
    assert filled.left.notna().all()
    if "left" in rules[0].columns and name != "all":
        assert not any(violations(rules, filled, "id", "visit").values())
    if name in ("below", "above", "between"):
        future = made.continue_from(frame[frame.id < 5], steps=4)
        assert not any(violations(rules, future, "id", "visit").values())


def test_orders_with_the_clock_are_suggested_and_kept():
    found = suggest_constraints(stays(), entity="id", time="visit", static=["birth", "death"])
    assert {one for one in found if isinstance(one, Inequality)} == {
        Inequality("called", "visit"),
        Inequality("visit", "left"),
    }
    drawn = quick("suggest").fit(stays()).sample(60, random_state=1)
    assert not any(violations(list(found), drawn, "id", "visit").values())
