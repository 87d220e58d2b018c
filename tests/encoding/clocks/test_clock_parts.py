"""What the clock, or any moment of a row, computes is recognised and computed again, in every dtype."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from through_json import through_json

from tsgan import RecurrentGAN
from tsgan.constraints import Range
from tsgan.encoding.aliases import Aliases
from tsgan.encoding.clocks.parts import NUMBERS, number

HOURS = pd.Series(pd.date_range("2020-11-03 05:00", periods=2000, freq="5h"))
QUICK = {"steps": 0, "verbose": False, "random_state": 0}


def fiscal(t: pd.Series) -> pd.Series:
    return t.dt.year + (t.dt.month >= 10)


MEMBERS = {
    "year": lambda t: t.dt.year,
    "isocalendar": lambda t: t.dt.isocalendar()["week"],
    "date": lambda t: t.dt.normalize(),
    "date object": lambda t: t.dt.date,
    "date of Arrow": lambda t: t.dt.normalize().astype("date32[day][pyarrow]"),
    "start of month": lambda t: t.dt.to_period("M").dt.to_timestamp(),
    "last day of month": lambda t: t.dt.normalize() + pd.offsets.MonthEnd(0),
    "day that begins at six": lambda t: (t - pd.Timedelta(hours=6)).dt.normalize(),
    "an hour later": lambda t: t + pd.Timedelta(hours=1),
    "three hours": lambda t: t.dt.floor("3h"),
    "period": lambda t: t.dt.to_period("M"),
    "period as text": lambda t: t.dt.to_period("Q").astype(str),
    "week": lambda t: t.dt.strftime("%G-W%V"),
    "month as text": lambda t: t.dt.strftime("%Y-%m"),
    "day as text": lambda t: t.dt.strftime("%d/%m/%Y"),
    "number of the day": lambda t: t.dt.strftime("%Y%m%d").astype(int),
    "clock": lambda t: t.dt.strftime("%I:%M %p"),
    "name": lambda t: t.dt.day_name(),
    "short name": lambda t: t.dt.strftime("%b").astype("category"),
    "small name": lambda t: t.dt.day_name().str.lower().astype("string"),
    "ordered names": lambda t: pd.Series(pd.Categorical(t.dt.month_name(), t.dt.month_name().unique(), ordered=True)),
    "year as category": lambda t: t.dt.year.astype("category"),
    "weekend": lambda t: t.dt.day_of_week >= 5,
    "weekend, nullable": lambda t: (t.dt.day_of_week >= 5).astype("boolean"),
    "weekend as text": lambda t: pd.Series(np.where(t.dt.day_of_week >= 5, "yes", "no")),
    "working hours": lambda t: t.dt.hour.between(9, 17) & (t.dt.day_of_week < 5),
    "sine of the hour": lambda t: np.sin(t.dt.hour * np.pi / 12),
    "names in German": lambda t: t.dt.day_of_week.map(dict(enumerate(["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"]))),
    "ISO weekday": lambda t: (t.dt.day_of_week + 1).astype("Int8"),
    "month as Arrow": lambda t: t.dt.month.astype("int64[pyarrow]"),
    "month as float": lambda t: t.dt.month.astype("float32"),
    "fiscal year": fiscal,
    "fiscal quarter": lambda t: (t.dt.month + 2) % 12 // 3 + 1,
    "fiscal text": lambda t: "FY" + fiscal(t).astype(str),
    "hour elsewhere": lambda t: (t + pd.Timedelta(hours=9)).dt.hour,
    "seconds since 1970": lambda t: t.dt.as_unit("s").astype("int64"),
}


def learned(parts, stamps):
    lengths = np.array([len(stamps)])
    return through_json(Aliases.fit(parts, None, stamps, lengths))


def check(series, made):
    made = pd.Series(made, dtype=made.dtype)
    if not isinstance(series.dtype, pd.CategoricalDtype):
        assert made.dtype == series.dtype
    assert (made.astype(object) == series.astype(object).reset_index(drop=True)).all()


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("of", ["clock", "zone", "text", "column"])
def test_part_is_computed_years_later(member, of):
    later = HOURS + pd.Timedelta(days=1234, hours=7)
    compute = MEMBERS[member]
    real = {"part": compute(HOURS)}
    if of == "column":  # a moment of the row, in any order
        order = np.random.default_rng(0).permutation(len(HOURS))[:1500]
        parts = {"part": real["part"].take(order).reset_index(drop=True), "when": HOURS.take(order)}
        found = through_json(Aliases.fit(parts, None, None, np.array([len(order)])))
        made = found.inverse({"when": later.array}, None, None, np.array([len(later)]))
        assert "when" in found["part"].describe()
    else:
        change = {
            "clock": lambda t: pd.Index(t),
            "zone": lambda t: pd.Index(t.dt.tz_localize("America/Phoenix")),
            "text": lambda t: pd.Index(t.dt.strftime("%Y-%m-%d %H:%M")),
        }[of]
        found = learned(real, change(HOURS))
        assert found.names == ("part",)
        made = found.inverse({}, None, change(later), np.array([len(later)]))
    check(compute(later), made["part"])


@given(
    st.sampled_from(sorted(NUMBERS)),
    st.sampled_from(["int64", "Int32", "float64", "int64[pyarrow]", "string", "category"]),
    st.sampled_from(["7min", "h", "D", "ME", "31h"]),
    st.integers(0, 2**31),
)
@settings(max_examples=10, deadline=None)
def test_number_of_the_clock_is_computed_or_left_alone_never_wrong(name, dtype, freq, start):
    stamps = pd.date_range(pd.Timestamp(start, unit="s"), periods=300, freq=freq)
    values = number(name, stamps)
    series = pd.Series(values).astype("int64" if name.endswith("seconds") else dtype)
    found = learned({"part": series}, stamps)
    if found.names and found["part"].part is not None:
        lengths = np.array([300])
        check(series, found.inverse({}, None, stamps, lengths)["part"])


def test_chance_and_constants_are_no_evidence():
    days = pd.date_range("2024-01-01", periods=60)
    rng = np.random.default_rng(0)
    parts = {
        "year": pd.Series(2024, index=range(60)),
        "switch": pd.Series(np.arange(60) >= 31),  # on the first of February
        "flag": pd.Series(rng.random(60) < 0.5),
        "level": pd.Series(rng.integers(1, 13, 60)),
    }
    assert Aliases.fit(parts, None, days, np.array([60])).names == ()


def test_missing_where_the_moment_is_missing():
    when = HOURS.take(np.random.default_rng(0).permutation(900)).reset_index(drop=True).mask(np.arange(900) % 7 == 0)
    parts = {"when": when, "month": when.dt.month, "day": when.dt.day_name()}
    found = through_json(Aliases.fit(parts, None, None, np.array([900])))
    assert set(found.names) == {"month", "day"}
    made = found.inverse({"when": when.array}, None, None, np.array([900]))
    for name in ("month", "day"):
        pd.testing.assert_series_equal(pd.Series(made[name]), parts[name], check_names=False)


def test_dates_that_are_all_missing_compute_nothing():
    when = pd.Series(pd.NaT, index=range(20), dtype="datetime64[ns]")
    parts = {"when": when, "count": pd.Series(np.arange(20) % 7, dtype="Int16")}
    assert Aliases.fit(parts, None, None, np.array([20])).names == ()


@pytest.mark.parametrize("many", [False, True])
def test_table_drawn_filled_and_gone_on_agrees_with_its_clock(many, tmp_path):
    rng = np.random.default_rng(0)
    t = HOURS[:2000].astype("datetime64[ns]")
    t = pd.concat([t[:50] + pd.Timedelta(days=int(d)) for d in rng.integers(0, 900, 40)]) if many else t
    real = pd.DataFrame({"ts": t.to_numpy(), "x": rng.normal(size=len(t))})
    computed = {
        "month": lambda f: f["ts"].dt.month,
        "day": lambda f: f["ts"].dt.date,
        "week": lambda f: f["ts"].dt.day_name(),
    }
    real = real.assign(**computed)
    roles = {"time": "ts"}
    if many:
        real["id"] = np.repeat(np.arange(40), 50)
        real["born"] = pd.Timestamp("1960-01-01") + pd.to_timedelta(rng.integers(0, 9999, 40), "D").repeat(50)
        real["birth year"] = real["born"].dt.year
        roles |= {"entity": "id", "static": ["born", "birth year"]}
    RecurrentGAN(**QUICK, **roles, constraints=[Range("month", 1, 12)]).fit(real).save(tmp_path / "m")
    gan = RecurrentGAN.load(tmp_path / "m")
    assert "month" in gan.schema_["month"].reason
    holes = real.copy()
    holes.loc[holes.index[::9], ["month", "week", "x"]] = np.nan
    for made in (
        gan.sample(2, length=300),
        *gan.sample_iter(4, chunk=2),
        gan.continue_from(real, steps=900),
        gan.fill(holes),
    ):
        for name, compute in computed.items():
            assert (made[name] == compute(made)).all(), name
        assert list(made.columns) == list(real.columns)
        if many:
            assert (made["birth year"] == made["born"].dt.year).all()
