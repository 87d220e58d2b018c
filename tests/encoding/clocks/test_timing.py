"""Stamps become gaps and starts, and exactly the same stamps again; new ones keep the rhythm."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from through_json import through_json

from tsgan.encoding.clocks.clock import GAP, LIKE_REAL, START, Clock
from tsgan.errors import ParameterError, SchemaError, TsganWarning

FREQS = [
    "h",
    "15min",
    "90s",
    "D",
    "2D",
    "B",
    "W-WED",
    "2W-MON",
    "MS",
    "ME",
    "BMS",
    "BME",
    "QS-FEB",
    "QE-DEC",
    "BQE-DEC",
]
FREQS += ["YS-JAN", "YE-JUN", "BYE-DEC", "SMS-15", "SME-15", "WOM-3FRI", "LWOM-MON", "2h", "3MS", "bh", "6ME", "3B"]


def learn(stamps, lengths=None):
    stamps = pd.Index(stamps)
    lengths = np.array([len(stamps)] if lengths is None else lengths)
    clock = Clock.fit(stamps, lengths, "t")
    again = through_json(clock)
    assert repr(again) == repr(clock)
    return again, stamps, lengths


def stamps_of(clock, parts, lengths, start=None, rng=None):
    """Return the stamps of new sequences, from their decoded parts."""
    lengths = np.asarray(lengths, dtype=np.int64)
    starts = clock.first_ticks(lengths, start, rng, parts.get(START))
    return clock.stamps_for(starts, lengths, parts.get(GAP), start)


def there_and_back(stamps, lengths=None):
    clock, stamps, lengths = learn(stamps, lengths)
    parts = clock.encode(stamps, lengths)
    pd.testing.assert_index_equal(stamps_of(clock, parts, lengths), stamps, exact=True)
    return clock, parts


def bare(index):
    return pd.DatetimeIndex(list(index), freq=None).as_unit(index.unit)


@pytest.mark.parametrize("freq", FREQS)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("length", [4, 60])
def test_every_frequency_is_regular(freq, zone, length):
    real = pd.date_range("2021-01-04 09:00", periods=length, freq=freq, tz=zone)
    clock, parts = there_and_back(bare(real))
    if length > 4 or freq not in ("SMS-15", "SME-15", "LWOM-MON", "bh", "3B"):
        assert clock.regular
        assert not parts
    declared, none = there_and_back(real)
    assert not none
    longer = stamps_of(declared, {}, np.array([2 * length]))
    pd.testing.assert_index_equal(longer, pd.date_range(real[0], periods=2 * length, freq=freq, unit=real.unit))
    assert longer.freq == real.freq


@pytest.mark.parametrize("freq", ["h", "D", "B", "MS", "ME", "W-WED", "BME", "QS-JAN"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_gaps_are_counted_in_steps_of_the_frequency(freq, zone):
    real = pd.date_range("2021-01-01", periods=90, freq=freq, tz=zone)
    gaps = np.random.default_rng(0).choice([1, 1, 1, 2, 5], size=30)
    gaps[:5] = 1
    clock, parts = there_and_back(bare(real)[np.cumsum(gaps) - 1])
    assert clock.regularity == "gapped"
    assert parts[GAP].dtype == "Int64"
    assert parts[GAP].isna().tolist() == [True] + [False] * 29
    assert parts[GAP].iloc[1:].tolist() == gaps[1:].tolist()


def test_an_exchange_with_holidays():
    days = pd.bdate_range("2018-01-01", "2021-12-31")
    holidays = days[(days.month == 12) & (days.day >= 24) & (days.day <= 26)]
    clock, parts = there_and_back(bare(days.difference(holidays)))
    assert clock.describe() == "every B (with gaps)"
    assert set(parts[GAP].dropna()) == {1, 2, 3, 4} & set(parts[GAP].dropna())
    rng = np.random.default_rng(0)
    made = stamps_of(clock, {GAP: rng.choice([1, 1, 2], size=5000)}, np.array([5000]), "2030-06-01")
    assert (made.day_of_week < 5).all()
    assert made[0] == pd.Timestamp("2030-06-03")


def test_business_days_with_named_holidays_carry_their_frequency():
    freq = pd.offsets.CustomBusinessDay(holidays=["2021-04-02", "2021-04-05"], weekmask="Mon Tue Wed Thu")
    real = pd.date_range("2021-03-01", periods=60, freq=freq)
    clock, _ = there_and_back(real)
    assert stamps_of(clock, {}, np.array([9])).freq == freq


class TestDaylightSaving:
    def test_hours_are_elapsed(self):
        real = pd.date_range("2021-03-20", "2021-11-20", freq="h", tz="Europe/Berlin")
        clock, _ = there_and_back(bare(real))
        assert clock.describe() == "every h"
        made = stamps_of(clock, {}, np.array([20_000]))
        assert (np.diff(made.asi8) == made.asi8[1] - made.asi8[0]).all()

    @pytest.mark.parametrize("time", ["00:00", "06:30", "23:59:59"])
    def test_days_are_days_on_the_wall(self, time):
        real = pd.date_range(f"2021-03-20 {time}", periods=300, tz="Europe/Berlin")
        clock, _ = there_and_back(bare(real))
        made = stamps_of(clock, {}, np.array([4000]))
        assert set(made.time) == {pd.Timestamp(f"2021-01-01 {time}").time()}

    def test_days_with_gaps(self):
        real = pd.date_range("2021-03-20", periods=300, tz="Europe/Berlin").delete([3, 50, 51, 230])
        clock, parts = there_and_back(real)
        assert clock.describe() == "every D (with gaps)"
        assert parts[GAP].max() == 3

    def test_days_at_an_hour_that_is_skipped_stay_in_order(self):
        clock, _, _ = learn(pd.date_range("2021-01-01 02:30", periods=30, tz="Europe/Berlin"))
        made = stamps_of(clock, {}, np.array([400]))
        assert made.is_monotonic_increasing
        assert made[86].hour == 3

    def test_starts_are_midnights(self):
        firsts = pd.DatetimeIndex(["2021-03-01", "2021-07-05", "2021-12-24"], tz="Europe/Berlin")
        stamps = firsts.repeat(4) + pd.to_timedelta(np.tile([0, 7, 17, 400], 3), unit="min")
        clock, parts = there_and_back(stamps, [4, 4, 4])
        assert clock.regularity == "irregular"
        made = stamps_of(clock, parts | {START: np.array([100.2, 31.0, 250.7])}, np.array([4, 4, 4]))
        assert (made[::4].hour == 0).all()


UNITS = ["s", "ms", "us", "ns"]
ZONES = [None, "UTC", "Europe/Berlin", "America/St_Johns"]


@st.composite
def panels(draw):
    """Return irregular or gapped stamps of several sequences, of every kind."""
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    rows = sum(lengths)
    unit = draw(st.sampled_from([1, 60, 86_400, 7 * 86_400]))
    gaps = np.array(draw(st.lists(st.integers(1, 300), min_size=rows, max_size=rows))) * unit
    firsts = np.array(draw(st.lists(st.integers(0, 5000), min_size=len(lengths), max_size=len(lengths))))
    firsts *= draw(st.sampled_from([1, 3600, 86_400]))
    ticks = np.concatenate(
        [f + np.cumsum(g) for f, g in zip(firsts, np.split(gaps, np.cumsum(lengths)[:-1]), strict=True)]
    )
    kind = draw(st.sampled_from(["datetime", "text", "period", "number", "timedelta", "objects", "arrow"]))
    zone = draw(st.sampled_from(ZONES))
    moments = pd.DatetimeIndex((ticks + 1_600_000_000).view("M8[s]")).as_unit(draw(st.sampled_from(UNITS)))
    local = moments if zone is None else moments.tz_localize("UTC").tz_convert(zone)
    if kind == "datetime":
        return local, lengths
    if kind == "text":
        form = draw(st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S", "%Y%m%d%H%M%S"]))
        texts = moments.strftime(form)
        if form[:8] == "%Y-%m-%d":
            texts = texts + draw(st.sampled_from(["", "Z", "+00:00", "+05:30", "-0800"]))
        return pd.Index(texts, dtype=draw(st.sampled_from(["str", object, "string"]))), lengths
    if kind == "period":
        return pd.PeriodIndex.from_ordinals(ticks, freq=draw(st.sampled_from(["M", "h", "D", "Q-DEC"]))), lengths
    if kind == "number":
        dtype, scale = draw(
            st.sampled_from([("int64", 1), ("Int64", 1), ("float64", 100), ("uint32", 1), ("Float64", 8)])
        )
        return pd.Index(ticks / scale if scale > 1 else ticks, dtype=dtype), lengths
    if kind == "timedelta":
        return pd.TimedeltaIndex(ticks.view("m8[s]")).as_unit(draw(st.sampled_from(UNITS))), lengths
    if kind == "objects":
        pick = draw(st.sampled_from(["timestamp", "datetime"]))
        return pd.Index(local.to_pydatetime() if pick == "datetime" else local.astype(object), dtype=object), lengths
    pytest.importorskip("pyarrow")
    at = "" if zone is None else f", tz={zone}"
    return local.astype(f"timestamp[{local.unit}{at}][pyarrow]"), lengths


@settings(max_examples=300)
@given(panels())
def test_what_goes_in_comes_out(panel):
    stamps, lengths = panel
    clock, parts = there_and_back(stamps, lengths)
    made = stamps_of(clock, {name: np.zeros(len(part)) for name, part in parts.items()}, np.array(lengths))
    ticks = clock.ticks(made)
    within = np.diff(np.repeat(np.arange(len(lengths)), lengths)) == 0
    assert (np.diff(ticks)[within] > 0).all()


@pytest.mark.parametrize(
    "texts",
    [
        ["2015-01-05T00:00:42+00:00", "2015-01-05T11:07:01+00:00", "2015-01-06T03:46:49+00:00"],
        ["2015-01-05T00:00:42.125+01:00", "2015-01-05T11:07:01.500+01:00"],
        ["2015-01-05T00:00:42.125000", "2015-01-05T00:00:43", "2015-01-05T00:00:45.000001"],
        ["2015-01-05 00:00:42.1234567Z", "2015-01-05 11:07:01.0000000Z"],
        ["2015-01-05 07", "2015-01-05 08", "2015-01-05 10"],
        ["1/5/2015", "1/17/2015", "11/2/2015"],
        ["17.1.2015", "2.11.2015", "3.11.2015"],
        ["20150105", "20150106", "20150109"],
        ["05-Jan-2015 10:00", "06-Jan-2015 11:00"],
        ["January 05, 2015", "March 01, 2015"],
    ],
)
def test_text_is_written_as_it_was(texts):
    there_and_back(pd.Index(texts))
    there_and_back(pd.Index(texts, dtype=object))


def test_a_start_is_read_as_the_text_is_written():
    clock, _, _ = learn(pd.Index(["17.01.2015", "18.01.2015", "19.01.2015"]))
    assert stamps_of(clock, {}, np.array([2]), "05.02.2020").tolist() == ["05.02.2020", "06.02.2020"]
    assert stamps_of(clock, {}, np.array([1]), "2020-02-05").tolist() == ["05.02.2020"]


def test_dates_as_objects():
    days = [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2), datetime.date(2020, 1, 5)]
    clock, parts = there_and_back(pd.Index(days, dtype=object))
    assert type(stamps_of(clock, parts, np.array([3]))[0]) is datetime.date


def test_floats_that_are_no_decimals():
    real = pd.Index(np.cumsum(np.random.default_rng(0).exponential(size=50)))
    clock, stamps, lengths = learn(real, [20, 30])
    parts = clock.encode(stamps, lengths)
    assert parts[GAP].dtype == float
    assert parts[GAP].isna().sum() == 2
    np.testing.assert_allclose(stamps_of(clock, parts, lengths), real, rtol=1e-14)
    even = pd.Index(np.linspace(0, 1, 24))
    clock, stamps, lengths = learn(even)
    assert clock.regular
    np.testing.assert_allclose(stamps_of(clock, {}, lengths), even, rtol=1e-14)


def test_an_irregular_log_increases_strictly():
    rng = np.random.default_rng(1)
    seconds = np.cumsum(1 + rng.exponential(30_000, size=400).astype(int))
    real = (pd.Timestamp("2015-01-05", tz="UTC") + pd.to_timedelta(seconds, unit="s")).as_unit("us")
    clock, parts = there_and_back(real, [100] * 4)
    assert clock.regularity == "irregular"
    assert parts[START].iloc[0] == 0
    wild = {GAP: rng.normal(0, 5000, size=400), START: rng.normal(size=4)}
    made = stamps_of(clock, wild, np.array([100] * 4))
    steps = np.diff(made.asi8).reshape(-1)[np.arange(1, 400) % 100 > 0]
    assert steps.min() == clock.least * clock.spacing.unit
    assert (steps % clock.spacing.unit == 0).all()


class TestStarts:
    def test_a_window_of_one_series_starts_at_a_row_with_enough_after_it(self):
        real = bare(pd.date_range("2021-01-01", periods=100))
        clock, _, _ = learn(real)
        rng = np.random.default_rng(0)
        made = stamps_of(clock, {}, np.full(500, 30), LIKE_REAL, rng)[::30]
        assert made.min() == real[0]
        assert made.max() == real[70]
        assert stamps_of(clock, {}, np.array([30]))[0] == real[0]
        assert len(stamps_of(clock, {}, np.full(20, 30), rng=rng)[::30].unique()) > 5
        assert (stamps_of(clock, {}, np.array([200, 200]), rng=rng)[[0, 200]] == real[0]).all()

    def test_starts_among_observed_rows_only(self):
        real = bare(pd.bdate_range("2021-01-01", periods=9000)).delete([5, 900])
        clock, _, _ = learn(real)
        assert len(clock.seen) == 4096
        firsts = stamps_of(clock, {GAP: np.ones(1000)}, np.full(1000, 1), rng=np.random.default_rng(0))
        assert firsts.isin(real).all()

    def test_sequences_that_start_together(self):
        real = bare(pd.date_range("2021-01-01", periods=10))
        clock, parts = there_and_back(real.append(real), [10, 10])
        assert not parts
        assert (stamps_of(clock, {}, np.array([3, 3, 3]))[::3] == real[0]).all()

    def test_one_start_for_all(self):
        real = pd.Index([1, 2, 3, 11, 12, 13, 14])
        clock, parts = there_and_back(real, [3, 4])
        assert list(parts) == [START]
        assert parts[START].tolist() == [0, 1]
        assert stamps_of(clock, parts, np.array([2, 2]), 100).tolist() == [100, 101, 100, 101]
        assert stamps_of(clock, {START: [3, 0, 1]}, np.array([1, 2, 1])).tolist() == [31, 1, 2, 11]

    def test_a_start_keeps_its_time_of_day(self):
        clock, _, _ = learn(pd.bdate_range("2021-01-01", periods=20))
        assert stamps_of(clock, {}, np.array([2]), "2021-05-08 09:30")[0] == pd.Timestamp("2021-05-10 09:30")

    def test_random_starts_need_a_generator(self):
        clock, _, _ = learn(pd.date_range("2021", periods=5))
        with pytest.raises(ParameterError, match="pass a random generator"):
            stamps_of(clock, {}, np.array([2, 2]))

    def test_rows(self):
        clock = Clock.counting(pd.RangeIndex(3, 30, 3))
        assert clock.encode(None, np.array([9])) == {}
        pd.testing.assert_index_equal(stamps_of(clock, {}, np.array([4])), pd.RangeIndex(3, 15, 3))
        assert stamps_of(clock, {}, np.array([2, 3]), 6).tolist() == [6, 9, 6, 9, 12]

    def test_lengths_of_zero(self):
        clock, _, _ = learn(pd.date_range("2021", periods=5).delete(3))
        made = stamps_of(clock, {GAP: [1, 2, 1]}, np.array([0, 3, 0]), "2021")
        assert made.strftime("%d").tolist() == ["01", "03", "04"]
        assert len(stamps_of(clock, {GAP: []}, [])) == 0


class TestRefused:
    @pytest.mark.parametrize(
        ("stamps", "text"),
        [
            (
                ["2021-01-01T00:00:00+01:00", "2021-07-01T00:00:00+02:00"],
                r"'t' mixes time zones \('\+01:00', '\+02:00'\)",
            ),
            (
                [pd.Timestamp("2021", tz="UTC"), pd.Timestamp("2021", tz="Asia/Tokyo")],
                r"'t' mixes time zones, or stamps",
            ),
            ([pd.Timestamp("2021"), pd.Timestamp("2022", tz="Asia/Tokyo")], r"'t' mixes time zones, or stamps"),
            (
                ["2021-01-01", "2021-01-02 10:00"],
                r"'t' is written in several ways, such as '2021-01-01' and '2021-01-02 10:00'",
            ),
            (["2021-01-01", "soon"], r"'t' holds .* such as '2021-01-01', which are no time stamps"),
            ([{"a": 1}, {"a": 2}], r"'t' holds object values such as \{'a': 1\}, which are no time stamps"),
            (np.array([1, 2**63 + 5], dtype="uint64"), r"'t' holds 9223372036854775813, beyond 64-bit integers"),
        ],
    )
    def test_stamps(self, stamps, text):
        with pytest.raises(SchemaError, match=text):
            learn(pd.Index(stamps, dtype=getattr(stamps, "dtype", object)))

    def test_a_frequency_without_a_name(self):
        real = pd.date_range("2021-01-15", periods=20, freq=pd.DateOffset(months=1))
        with pytest.warns(TsganWarning, match=r"the frequency <DateOffset: months=1> of the time 't' cannot be stored"):
            learn(real)

    @pytest.mark.parametrize(
        ("stamps", "gap", "text"),
        [
            (
                pd.DatetimeIndex(["2200-01-01", "2200-01-02", "2200-01-09"]).as_unit("ns"),
                1e9,
                r"3 steps from the first .*64\[ns\] can hold",
            ),
            (pd.Index([1, 2, 9], dtype="int8"), 300, r"go beyond what int8 can hold"),
            (["2020-01-01", "2020-01-02", "2020-01-09"], 1e9, r"go beyond what str can hold"),
        ],
    )
    def test_the_end_of_time(self, stamps, gap, text):
        clock, _, _ = learn(stamps)
        with pytest.raises(ParameterError, match=text):
            stamps_of(clock, {GAP: [0, gap, gap]}, np.array([3]))


def test_a_million_rows_take_a_moment():
    clock, _, _ = learn(bare(pd.bdate_range("2021-01-01", periods=300, tz="Europe/Berlin")).delete([5, 9]))
    lengths = np.full(10_000, 100)
    gaps = np.random.default_rng(0).integers(1, 4, size=1_000_000)
    made = stamps_of(clock, {GAP: gaps}, lengths, rng=np.random.default_rng(0))
    assert len(made) == 1_000_000
