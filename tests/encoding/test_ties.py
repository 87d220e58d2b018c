"""Events that share a time stamp keep it and their order; a clock that beats has no stamp twice."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from through_json import through_json

from tsgan.encoding.encoder import Encoder
from tsgan.errors import InputError

FORMS = {
    "moments": lambda t: pd.Timestamp("2024-03-30 20:00") + pd.to_timedelta(t, unit="min"),
    "zoned": lambda t: pd.Timestamp("2024-03-30 20:00", tz="Europe/Berlin") + pd.to_timedelta(t, unit="min"),
    "text": lambda t: (pd.Timestamp("2024-03-30") + pd.to_timedelta(t, unit="D")).strftime("%Y-%m-%d"),
    "periods": lambda t: pd.period_range("2024-03-30", periods=int(t.max()) + 1, freq="h").take(t),
    "durations": lambda t: pd.to_timedelta(t, unit="s"),
    "integers": lambda t: pd.array(t, dtype="Int64"),
    "floats": lambda t: t / 4,
}
GAPS = st.lists(st.sampled_from([0, 0, 1, 2, 3, 5]), min_size=12, max_size=30)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15)
@given(gaps=st.tuples(GAPS, GAPS), seed=st.integers(0, 99))
def test_ties_come_back_in_the_order_of_the_table(form, gaps, seed):
    gaps = [[*some, 0, 1, 2, 5, 3, 2] for some in gaps]
    places = np.concatenate([np.cumsum(some) for some in gaps])
    who = np.repeat(["ann", "bob"], [len(some) for some in gaps])
    frame = pd.DataFrame(
        {"who": who, "at": FORMS[form](places), "x": np.random.default_rng(seed).normal(size=len(who))}
    )
    mixed = frame.iloc[np.argsort(np.random.default_rng(seed).random(2)[(who == "bob").astype(int)], kind="stable")]
    encoder = Encoder(entity="who", time="at").fit(mixed)
    stages = through_json(encoder.stages)
    panel, order = encoder.placed(mixed)
    assert mixed["x"].to_numpy()[order].tolist() == mixed["x"].tolist()
    firsts = stages.clock.ticks(pd.Index(mixed["at"]))[panel.offsets[:-1]]
    made = Encoder.of(stages).decode(panel, firsts, np.random.default_rng(0))
    assert pd.Index(mixed["at"]).equals(pd.Index(made.stamps).astype(pd.Index(mixed["at"]).dtype))
    assert "some rows share a stamp" in stages.schema["at"].reason


def test_rows_out_of_order_are_sorted_and_ties_are_not():
    frame = pd.DataFrame({"at": [5, 0, 0, 9, 5, 2, 5, 17, 30], "x": np.arange(9.0)})
    with pytest.warns(UserWarning, match="rows were sorted by it"):
        _, order = Encoder(time="at").fit(frame).placed(frame)
    assert order.tolist() == [1, 2, 5, 0, 4, 6, 3, 7, 8]


@pytest.mark.parametrize("freq", ["h", "D", "B", "MS", "W-WED"])
def test_a_clock_that_beats_has_no_stamp_twice(freq):
    real = pd.date_range("2024-01-01", periods=60, freq=freq)
    for stamps in (real.insert(7, real[7]), real.repeat(3), real.delete([20]).insert(30, real[30])):
        frame = pd.DataFrame({"x": np.arange(len(stamps)) % 7.5}, index=stamps)
        with pytest.raises(
            InputError, match=r"the time index is duplicated: .*; drop or average them, or name the col"
        ):
            Encoder().fit(frame)


def test_a_table_with_ties_is_refused_by_what_was_fitted_without():
    at = np.cumsum(np.random.default_rng(0).integers(1, 50, 60))
    frame = pd.DataFrame({"at": at, "x": np.arange(60.0)})
    encoder = Encoder(time="at").fit(frame)
    with pytest.raises(InputError, match=r"the time 'at' is duplicated: '\d+' comes more than once \(1 such rows"):
        encoder.encode(frame.assign(at=np.append(at[:1], at[:-1])))
