"""Dates that are learned as the time since the clock or another date: what explains them, and that it comes back."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsgan import RecurrentGAN
from tsgan.encoding.encoder import Encoder
from tsgan.errors import InputError, ParameterError

DATES = ["visit", "birth", "death", "ordered", "delivered"]


def log(seed=0, count=60, clock="min"):
    """Patients with births, deaths, orders and deliveries; `clock` is what a visit's time is told in."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 9, count)
    rows = int(lengths.sum())
    entity = np.repeat(np.arange(count), lengths)
    birth = pd.Timestamp("2010-01-01") + pd.to_timedelta(rng.integers(0, 3000, count), unit="D")
    steps = rng.integers(5, 80, rows)
    ages = pd.Series(steps).groupby(entity).cumsum().to_numpy()
    visit = birth[entity] + pd.to_timedelta(ages, unit="D")
    if clock == "min":
        visit += pd.to_timedelta(rng.integers(8 * 60, 17 * 60, rows), unit="min")
    ordered = visit.normalize() + pd.to_timedelta(rng.integers(0, 3, rows), unit="D")
    delivered = pd.Series(ordered + pd.to_timedelta(rng.integers(2, 9, rows), unit="D")).mask(rng.random(rows) < 0.2)
    last = pd.Series(visit.normalize()).groupby(entity).max()
    death = (last + pd.to_timedelta(rng.integers(1, 100, count), unit="D")).where(rng.random(count) < 0.5)
    frame = pd.DataFrame({"id": entity, "visit": visit, "birth": birth[entity], "death": death.to_numpy()[entity]})
    frame["ordered"], frame["delivered"], frame["x"] = ordered, delivered, rng.normal(size=rows)
    return frame


def encoder(frame, **options):
    return Encoder(entity="id", time="visit", static=["birth", "death"], **options).fit(frame)


def quick(**options):
    return RecurrentGAN(steps=0, verbose=False, random_state=0, **options)


def broken(frame):
    """Rows against what holds in `log`, by what is wrong."""
    day, by = frame.visit.dt.normalize(), frame.groupby("id")
    return {
        "ordered before the day": int((frame.ordered < day).sum()),
        "delivered at once": int(((frame.delivered - frame.ordered).dt.days < 2).sum()),
        "late": int(((frame.delivered - frame.ordered).dt.days > 8).sum()),
        "visited before birth": int((by.visit.first() < by.birth.first()).sum()),
        "visited after death": int((by.visit.last() > by.death.first()).sum()),
    }


def test_a_date_is_learned_from_what_explains_it_best():
    stages = encoder(log()).stages
    assert {one.name: (one.of, one.source, one.sign) for one in stages.durations.found} == {
        "birth": ("first", "visit", -1),
        "death": ("last", "visit", 1),
        "ordered": ("time", "visit", 0),
        "delivered": ("column", "ordered", 1),
    }
    line = stages.schema["delivered"]
    assert (line.kind, line.dtype) == ("datetime", str(log().delivered.dtype))
    assert "learned as the time since 'ordered', never before it" in line.reason
    assert (line.low, line.high) == ("2 days 00:00:00", "8 days 00:00:00")


def test_a_date_by_itself_is_learned_as_it_is():
    rng, frame = np.random.default_rng(1), log()
    frame["other"] = pd.Timestamp("2000-01-01") + pd.to_timedelta(rng.integers(0, 9000, len(frame)), unit="D")
    frame["born"] = frame.birth  # stays in every row of a patient, where the clock moves
    found = encoder(frame).stages.durations
    assert found["other"] is None
    assert found["born"] is None


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 99),
    clock=st.sampled_from(["D", "min"]),
    unit=st.sampled_from(["s", "ms", "us", "ns"]),
    zone=st.sampled_from([None, "Europe/Berlin", "America/New_York"]),
    arrow=st.booleans(),
    other=st.sampled_from(["D", "h", "min"]),
)
def test_every_kind_of_date_comes_back(seed, clock, unit, zone, arrow, other):
    frame = log(seed, 30, clock)
    rng = np.random.default_rng(seed)
    frame["ordered"] += pd.to_timedelta(rng.integers(0, 10, len(frame)), unit=other)
    frame["delivered"] = frame.ordered + pd.to_timedelta(rng.integers(0, 10, len(frame)), unit=other)
    for name in DATES:
        series = frame[name].dt.as_unit(unit)
        series = series if zone is None else series.dt.tz_localize(zone, nonexistent="shift_forward", ambiguous="NaT")
        frame[name] = series.ffill() if name != "death" else series
    if arrow:
        names = ["birth", "death", "ordered", "delivered"]
        kind = f"timestamp[{unit}]" if zone is None else f"timestamp[{unit}, tz={zone}]"
        frame = frame.astype(dict.fromkeys(names, f"{kind}[pyarrow]"))
    made = encoder(frame)
    assert {one.name for one in made.stages.durations.found} >= {"ordered", "delivered"}
    panel = made.encode(frame)
    starts = frame.groupby("id").visit.first()
    ticks = made.stages.clock.ticks(pd.Index(starts))
    again = made.assemble([made.decode(panel, ticks, np.random.default_rng(0))])
    pd.testing.assert_frame_equal(again[frame.columns].drop(columns="id"), frame.drop(columns="id"))


def test_drawn_dates_keep_their_order_and_a_loaded_model_draws_the_same(tmp_path):
    frame = log()
    assert not any(broken(frame).values())
    made = quick(entity="id", time="visit", static=["birth", "death"]).fit(frame)
    drawn = made.sample(200, random_state=1)
    assert not any(broken(drawn).values()), broken(drawn)
    pd.testing.assert_series_equal(drawn.dtypes, frame.dtypes)
    assert (drawn.ordered == drawn.ordered.dt.normalize()).all()
    made.save(tmp_path / "model")
    pd.testing.assert_frame_equal(RecurrentGAN.load(tmp_path / "model").sample(200, random_state=1), drawn)


def test_futures_and_filled_holes_keep_the_order_of_dates():
    frame, rng = log(), np.random.default_rng(3)
    made = quick(entity="id", time="visit", static=["birth", "death"]).fit(frame)
    future = made.continue_from(frame[frame.id < 5], steps=3)
    after = frame.groupby("id").first()
    assert (future.groupby("id").birth.first() == after.birth[:5]).all()
    assert not {name: n for name, n in broken(future).items() if n and name != "visited after death"}
    holes = frame.copy()
    holes.loc[rng.random(len(holes)) < 0.2, "ordered"] = pd.NaT
    holes.loc[rng.random(len(holes)) < 0.2, "delivered"] = pd.NaT
    filled = made.fill(holes)
    known = holes.delivered.notna()
    assert (filled.delivered[known] == holes.delivered[known]).all()
    assert not filled[["ordered", "delivered"]].isna().any().any()
    assert (filled.delivered - filled.ordered).dt.days.between(2, 8).mean() > 0.99


def test_a_date_whose_reference_is_missing_is_refused():
    frame = log()
    frame.loc[::7, ["ordered", "delivered"]] = pd.NaT
    made = encoder(frame)
    assert made.stages.durations["delivered"].source == "ordered"
    assert made.encode(frame).values.shape[0] == len(frame)
    holes = frame.copy()
    holes.loc[holes.index[3], "ordered"] = pd.NaT
    with pytest.raises(
        InputError, match=r"'delivered' is learned as the time since 'ordered', .* row 3 .* fill 'order"
    ):
        made.encode(holes)


def test_a_given_birth_moves_the_start_and_a_given_death_is_refused():
    made = quick(entity="id", time="visit", static=["birth", "death"]).fit(log())
    births = pd.to_datetime(["2015-01-01", "2012-02-03"]).as_unit("us")
    drawn = made.sample(static=pd.DataFrame({"birth": births}), random_state=0)
    by = drawn.groupby("id")
    assert (by.birth.first().to_numpy() == births).all()
    assert ((by.visit.first() - by.birth.first()).dt.days.between(5, 80)).all()
    assert (made.sample(3, where={"birth": "2013-05-06"}).birth == pd.Timestamp("2013-05-06")).all()
    with pytest.raises(ParameterError, match=r"'birth' is never .*1950.* lies between 2010-.* and 2017"):
        made.sample(2, where={"birth": pd.Timestamp("1950-01-01")})
    with pytest.raises(ParameterError, match=r"'birth' holds dates; give one"):
        made.sample(2, where={"birth": list(births)})
    with pytest.raises(ParameterError, match=r"'death' is learned as the time since last 'visit'.*leave it out"):
        made.sample(2, where={"death": pd.Timestamp("2015-01-01")})


@pytest.mark.parametrize("never", ["9999-12-31", "2099-12-31", "1900-01-01"])
def test_a_date_that_means_never_stays_one_among_durations(never):
    frame, rng = log(count=80), np.random.default_rng(5)
    frame["delivered"] = (frame.ordered + pd.to_timedelta(rng.integers(2, 9, len(frame)), unit="D")).astype("M8[s]")
    frame.loc[rng.random(len(frame)) < 0.15, "delivered"] = pd.Timestamp(never)
    made = quick(entity="id", time="visit", static=["birth", "death"]).fit(frame)
    assert made._encoder.stages.durations["delivered"] is not None
    drawn = made.sample(300, random_state=1)
    far = drawn.delivered == pd.Timestamp(never)
    assert far.mean() == pytest.approx(0.15, abs=0.05)
    assert (drawn.delivered - drawn.ordered.astype("M8[s]"))[~far].dt.days.between(2, 8).all()


DIFFERENCES = {
    "days": lambda a, b: (b - a).dt.days,
    "hours": lambda a, b: (b - a).dt.total_seconds() / 3600,
    "rounded hours": lambda a, b: ((b - a).dt.total_seconds() / 3600).round(1),
    "years": lambda a, b: (b - a).dt.days / 365.25,
    "the time itself": lambda a, b: b - a,
    "nullable": lambda a, b: (b - a).dt.days.astype("Int64"),
}


@pytest.mark.parametrize("name", list(DIFFERENCES))
@pytest.mark.parametrize("ends", [("visit", "delivered"), ("ordered", "delivered"), ("birth", "visit")])
def test_a_column_that_is_the_difference_of_two_dates_is_computed(name, ends):
    frame = log()
    frame["delivered"] = (
        frame.delivered if name != "days" else frame.ordered + pd.to_timedelta(3 * (frame.x > 0), unit="D")
    )
    frame["apart"] = DIFFERENCES[name](frame[ends[0]], frame[ends[1]])
    made = encoder(frame)
    assert made.stages.schema["apart"].kind == "restored"
    assert " from " in made.stages.schema["apart"].reason
    panel = made.encode(frame)
    ticks = made.stages.clock.ticks(pd.Index(frame.groupby("id").visit.first()))
    again = made.assemble([made.decode(panel, ticks, np.random.default_rng(0))])
    pd.testing.assert_series_equal(again.apart, frame.apart)


def test_a_given_date_moves_the_one_that_it_is_learned_from():
    rng, count = np.random.default_rng(0), 40
    start = pd.Timestamp("2000-01-01") + pd.to_timedelta(rng.integers(0, 5000, count), unit="D")
    frame = pd.DataFrame({"id": np.repeat(range(count), 4), "k": np.tile(range(4), count)})
    frame["from"] = start[frame.id]
    frame["until"] = (start + pd.to_timedelta(rng.integers(1, 30, count), unit="D"))[frame.id]
    frame["x"] = rng.normal(size=len(frame))
    made = quick(entity="id", time="k", static=["from", "until"]).fit(frame)
    for name in ("from", "until"):
        drawn = made.sample(20, where={name: "2005-05-05"}, random_state=0)
        assert (drawn[name] == pd.Timestamp("2005-05-05")).all()
        assert (drawn["until"] - drawn["from"]).dt.days.between(1, 29).all()
    both = pd.DataFrame({"from": pd.to_datetime(["2004-01-01"]), "until": pd.to_datetime(["2004-01-05"])})
    drawn = made.sample(static=both, random_state=0)
    pd.testing.assert_frame_equal(
        drawn[["from", "until"]].drop_duplicates().reset_index(drop=True).astype("M8[us]"), both.astype("M8[us]")
    )
    holes = frame.copy()
    holes.loc[holes.id < 5, "from"] = pd.NaT
    holes.loc[holes.id > 30, "until"] = pd.NaT
    filled = made.fill(holes)
    assert (filled["until"] - filled["from"]).dt.days.between(1, 29).all()


def test_a_static_value_known_on_some_rows_is_filled_beside_dates():
    rng = np.random.default_rng(0)
    visits = pd.DataFrame(
        {
            "who": np.repeat(np.arange(40), 3),
            "admitted": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.cumsum(rng.integers(1, 30, 120)), unit="D"),
            "sex": np.repeat(rng.choice(["f", "m"], 40), 3),
        }
    )
    visits["left"] = visits["admitted"] + pd.to_timedelta(rng.integers(1, 9, 120), unit="D")
    model = RecurrentGAN(entity="who", time="admitted", static=["sex"], steps=0, verbose=False, random_state=0)
    holed = visits.copy()
    holed.loc[holed.index[::3], "sex"] = np.nan
    holed.loc[holed.index[1::7], "left"] = pd.NaT
    made = model.fit(visits).fill(holed)
    assert made["sex"].tolist() == visits["sex"].tolist()
    assert (made["left"] > made["admitted"]).all()
