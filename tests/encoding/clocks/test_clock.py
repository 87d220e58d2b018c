"""The clock learns a rhythm and makes regular new stamps."""

import numpy as np
import pandas as pd
import pytest
from through_json import through_json

from tsgan.encoding.clocks.clock import Clock
from tsgan.errors import ParameterError, SchemaError


def learn(stamps, lengths=None):
    index = pd.Index(stamps)
    return Clock.fit(index, np.array([len(index)] if lengths is None else lengths), "t")


def make(clock, steps, start=None):
    """Return the stamps of one new sequence."""
    lengths = np.array([steps])
    return clock.stamps_for(clock.first_ticks(lengths, start), lengths, start=start)


def bare(index):
    """Return the index as it comes out of a file: without its frequency."""
    return pd.DatetimeIndex(list(index)).as_unit(index.unit)


@pytest.mark.parametrize("freq", ["D", "h", "15min", "B", "MS", "ME", "W-WED", "QS-OCT", "YE-DEC", "90s", "2D"])
@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_regular_stamps_go_on_as_they_are(freq, zone):
    real = pd.date_range("2020-01-01", periods=40, freq=freq, tz=zone)
    clock = learn(bare(real))
    assert clock.regular
    made = make(clock, 40)
    assert made.freq is None
    pd.testing.assert_index_equal(made, bare(real))
    declared = make(learn(real), 40)
    pd.testing.assert_index_equal(declared, real)
    assert declared.freq == real.freq


def test_days_stay_midnights_when_clocks_change():
    real = pd.date_range("2020-03-20", periods=20, tz="Europe/Paris")
    assert (make(learn(bare(real)), 400).hour == 0).all()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_is_kept(unit):
    real = bare(pd.date_range("2020-01-01", periods=10, unit=unit))
    assert make(learn(real), 5).dtype == f"datetime64[{unit}]"


def test_irregular_stamps_take_the_median_step():
    real = pd.DatetimeIndex(["2020-01-01 00:00", "2020-01-01 00:07", "2020-01-01 00:17", "2020-01-01 00:40"])
    clock = learn(real)
    assert not clock.regular
    assert clock.describe() == "every 0 days 00:10:00 (median, irregular)"
    assert (np.diff(make(clock, 5)) == np.timedelta64(10, "m")).all()


def test_a_stock_exchange_has_business_days():
    days = pd.bdate_range("2021-01-01", periods=100).delete([10, 40, 41])
    clock = learn(days)
    assert clock.describe() == "every B (with gaps)"
    assert (make(clock, 300).day_of_week < 5).all()


def test_days_with_gaps_are_days():
    clock = learn(pd.date_range("2021-01-01", periods=100).delete([10, 40, 41]))
    assert clock.describe() == "every D (with gaps)"


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d %H:%M:%S"])
@pytest.mark.parametrize("dtype", [object, "str"])
def test_text_comes_back_as_it_was_written(form, dtype):
    real = pd.Index(pd.date_range("2020-01-01", periods=40).strftime(form), dtype=dtype)
    pd.testing.assert_index_equal(make(learn(real), 40), real)


@pytest.mark.parametrize(
    "real",
    [
        pd.Index([5, 8, 11, 14]),
        pd.Index([5, 8, 11, 14], dtype="int16"),
        pd.Index([0.5, 1.0, 1.5, 2.0]),
        pd.Index([5, 8, 11, 14], dtype="Int64"),
    ],
)
def test_numbers(real):
    pd.testing.assert_index_equal(make(learn(real), 4), real)


def test_periods():
    real = pd.period_range("2020-01", periods=5, freq="M")
    pd.testing.assert_index_equal(make(learn(real), 5), real)
    assert str(make(learn(real), 2, "2030-05")[0]) == "2030-05"


def test_rows_are_counted_like_a_range():
    pd.testing.assert_index_equal(make(Clock.counting(pd.RangeIndex(3, 30, 3)), 4), pd.RangeIndex(3, 15, 3))
    pd.testing.assert_index_equal(make(Clock.counting(pd.Index(["a", "b"])), 2), pd.RangeIndex(2))


def test_several_sequences_start_at_the_earliest_and_step_within():
    first = pd.date_range("2020-01-05", periods=3, freq="h")
    second = pd.date_range("2020-01-01", periods=5, freq="h")
    clock = learn(first.append(second), [3, 5])
    pd.testing.assert_index_equal(make(clock, 5), bare(second))


def test_sequences_of_one_step_have_a_rhythm_too():
    days = pd.DatetimeIndex(["2020-01-05", "2020-01-01"])
    assert np.diff(make(learn(days, [1, 1]), 2)) == np.timedelta64(1, "D")
    assert make(learn([7, 3], [1, 1]), 2).tolist() == [3, 4]


class TestStart:
    def test_a_start_is_text_or_a_stamp(self):
        clock = learn(pd.date_range("2020-01-01", periods=5))
        assert make(clock, 2, "2031-02-03")[0] == pd.Timestamp("2031-02-03")
        assert make(clock, 2, pd.Timestamp("2031-02-03"))[1] == pd.Timestamp("2031-02-04")

    def test_a_zone_is_kept(self):
        clock = learn(pd.date_range("2020-01-01", periods=5, tz="Asia/Tokyo"))
        assert make(clock, 1, "2031-02-03")[0] == pd.Timestamp("2031-02-03", tz="Asia/Tokyo")
        assert make(clock, 1, pd.Timestamp("2031-02-03", tz="UTC"))[0].hour == 9

    def test_numbers_and_rows(self):
        assert make(learn([5, 8, 11]), 2, 100).tolist() == [100, 103]
        assert make(Clock.counting(pd.RangeIndex(5)), 2, 7).tolist() == [7, 8]

    @pytest.mark.parametrize(
        ("clock", "start", "text"),
        [
            (learn(pd.date_range("2020", periods=5)), "soon", r"start='soon' does not fit .* datetime64"),
            (learn(pd.date_range("2020", periods=5)), pd.Timestamp("2020", tz="UTC"), r"they have no time zone"),
            (learn(pd.date_range("2020", periods=5)), 5, r"start=5 does not fit .* datetime64.* a moment is needed"),
            (learn([1, 2, 3]), "2020-01-01", r"start='2020-01-01' does not fit .* int64: a number is needed"),
            (learn([1, 2, 3]), 1.5, r"a whole number is needed"),
            (Clock.counting(pd.RangeIndex(3)), "a", r"a number is needed"),
        ],
    )
    def test_a_start_that_is_none(self, clock, start, text):
        with pytest.raises(ParameterError, match=text):
            make(clock, 3, start)

    def test_the_end_of_time(self):
        real = pd.date_range("2200-01-01", periods=10, freq="YS", unit="ns")
        with pytest.raises(
            ParameterError, match=r"100 steps from the first observed start on go beyond .* fewer steps"
        ):
            make(learn(real), 100)


@pytest.mark.parametrize("stamps", [["a", "b"], [True, False], [1j, 2j], pd.Categorical(["2020", "2021"])])
def test_no_stamps(stamps):
    with pytest.raises(SchemaError, match=r"the time 't' holds .* which are no time stamps; use datetimes"):
        learn(stamps)


@pytest.mark.parametrize(
    "stamps",
    [
        pd.date_range("2020", periods=5, tz="Europe/Paris"),
        pd.DatetimeIndex(["2020-01-01", "2020-01-09", "2020-03-01"]),
        [0.5, 1.0, 1.5],
        pd.period_range("2020", periods=4, freq="Q"),
        ["2020-01-01", "2020-01-02", "2020-01-03"],
    ],
)
def test_state_round_trip(stamps):
    clock = learn(stamps)
    again = through_json(clock)
    assert repr(again) == repr(clock)
    pd.testing.assert_index_equal(make(again, 7), make(clock, 7))
