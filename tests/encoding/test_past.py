"""Pasts and tables with holes: cells that are to be drawn are told from values that are missing."""

import numpy as np
import pandas as pd
import pytest

from tsgan.encoding.encoder import Encoder
from tsgan.encoding.past import RECENT, decode_futures, fill_holes, read_holes, read_past
from tsgan.panel import Panel


def draws(seed=0):
    return np.random.default_rng(seed)


def series(rows=300, gaps=True):
    frame = pd.DataFrame(
        {
            "x": draws().normal(size=rows).round(2),
            "n": draws(1).integers(0, 9, rows),
            "k": draws(2).choice(["a", "b"], rows),
            "one": [7.0] * rows,
        },
        index=pd.date_range("2024-01-01", periods=rows, freq="h"),
    )
    if gaps:
        frame.loc[draws(3).random(rows) < 0.2, ["x", "one"]] = np.nan
    return frame


def clinic(lengths=(5, 8, 3, 8, 5)):
    who = np.repeat(np.arange(len(lengths)), lengths)
    return pd.DataFrame({"who": who, "age": np.array([30, 40, 50, 60, 70])[who], "x": draws().normal(size=len(who))})


def filled(panel, unknown):
    """Return a panel whose unknown cells are 0."""
    return Panel(np.where(unknown, 0.0, panel.values), panel.lengths, panel.statics, panel.covariates)


class TestKnown:
    def test_new_rows_are_to_be_drawn_and_old_gaps_are_known(self):
        frame = series()
        encoder = Encoder().fit(frame)
        past = read_past(encoder.stages, frame.iloc[-50:], 4, 2, draws())
        assert past.panel.lengths.tolist() == [54, 54]
        assert past.new.tolist() == ([False] * 50 + [True] * 4) * 2
        assert np.isnan(past.panel.values[past.new]).all()
        np.testing.assert_array_equal(past.panel.values[:50], encoder.encode(frame.iloc[-50:]).values)
        np.testing.assert_array_equal(
            np.isnan(past.panel.values[:50, encoder.stages.cells.place("x")]), frame["x"].iloc[-50:].isna()
        )

    def test_a_long_past_is_bounded(self):
        frame = series()
        encoder = Encoder(window=10).fit(frame)
        past = read_past(encoder.stages, frame, 3, 1, draws())
        assert past.panel.lengths.tolist() == [10 * RECENT + 3]
        np.testing.assert_array_equal(past.panel.values[~past.new], encoder.encode(frame).values[-10 * RECENT :])

    def test_futures_have_the_rows_that_were_drawn_and_the_clock_goes_on(self):
        frame = series()
        encoder = Encoder().fit(frame)
        past = read_past(encoder.stages, frame, 4, 2, draws())
        made = decode_futures(encoder, past, filled(past.panel, past.new[:, None]), 2, draws())
        assert made.index.names[0] == "future"
        assert made.loc[1].index[0] == frame.index[-1] + pd.Timedelta(1, "h")
        assert made["k"].tolist() == [next(c for c in encoder.stages.cells.columns if c.name == "k").levels[0]] * 8
        assert made["one"].tolist() == [7.0] * 8
        assert made.dtypes.equals(frame.dtypes)

    def test_the_trend_goes_on_beyond_the_fitted_rows(self):
        frame = series(gaps=False).assign(x=np.arange(300.0) + draws().normal(size=300))
        encoder = Encoder(calendar=False).fit(frame)
        past = read_past(encoder.stages, frame, 10, 1, draws())
        np.testing.assert_allclose(past.panel.covariates[past.new, 0], np.arange(300, 310) / 299, atol=1e-6)

    def test_sequences_know_where_they_are_and_may_end(self):
        frame = clinic()
        encoder = Encoder(entity="who", static=["age"]).fit(frame)
        past = read_past(encoder.stages, frame.iloc[:13], 2, 1, draws())
        assert past.panel.lengths.tolist() == [7, 10]
        np.testing.assert_allclose(past.panel.covariates[:7, 3] * 8, np.arange(7), atol=1e-6)
        assert encoder.stages.layout.lengths_of(past.panel.statics)[0] == 8
        made = decode_futures(encoder, past, filled(past.panel, past.new[:, None]), 1, draws())
        assert made["who"].tolist() == [0, 0, 1, 1]
        assert made["age"].tolist() == [30, 30, 40, 40]


class TestHoles:
    def test_they_are_told_cell_by_cell(self):
        frame = series()
        encoder = Encoder().fit(frame)
        table = series(gaps=False).iloc[:60].astype({"n": "float"})
        table.iloc[3:6, 0] = np.nan
        table.iloc[5:9, 1] = np.nan
        table.iloc[20, 2] = None
        table.iloc[30, 3] = np.nan
        panel, starts, unknown = read_holes(encoder.stages, table)
        places = [encoder.stages.cells.place(name) for name in table.columns[:3]]
        np.testing.assert_array_equal(unknown[:, places], table.iloc[:, :3].isna())
        np.testing.assert_array_equal(np.isnan(panel.values), unknown)
        assert (panel.values[:, encoder.stages.cells.place("one")] == 0).all()
        made = fill_holes(encoder.stages, table, encoder.decode(filled(panel, unknown), starts, draws(), drawn=unknown))
        assert not made.isna().any().any()
        assert made.iloc[30, 3] == 7.0
        there = table.notna()
        pd.testing.assert_frame_equal(made.where(there), table.where(there))

    def test_gaps_where_there_were_none_are_holes_here(self):
        encoder = Encoder().fit(series(gaps=False))
        _, _, unknown = read_holes(encoder.stages, series())
        assert unknown[:, encoder.stages.cells.place("x")].sum() == series()["x"].isna().sum() > 0

    def test_statics_are_told_by_other_rows_of_the_sequence(self):
        frame = clinic()
        encoder = Encoder(entity="who", static=["age"]).fit(frame)
        table = frame.astype({"age": float})
        table.loc[[0, 1], "age"] = np.nan
        table.loc[table["who"] == 2, "age"] = np.nan
        panel, _, unknown = read_holes(encoder.stages, table)
        assert np.isnan(panel.statics[:, 0]).tolist() == [False, False, True, False, False]
        assert not unknown.any()

    def test_the_first_gap_of_a_clock_is_no_hole(self):
        minutes = np.cumsum(draws().integers(1, 5000, 100))
        frame = series(100).set_axis(pd.Timestamp("2024-01-01") + pd.to_timedelta(minutes, unit="s"))
        encoder = Encoder().fit(frame)
        panel, _, unknown = read_holes(encoder.stages, frame)
        gap = encoder.stages.cells.place("\0gap")
        assert np.isnan(panel.values[:, gap]).tolist() == [True] + [False] * 99
        assert encoder.stages.layout.cells[gap].missing
        assert not unknown[:, gap].any()

    @pytest.mark.parametrize("shape", [(40, 2), (5, 8, 2)])
    def test_arrays(self, shape):
        whole = draws().normal(size=shape)
        encoder = Encoder().fit(whole)
        table = whole.copy()
        table.reshape(-1, 2)[3:6, 0] = np.nan
        panel, starts, unknown = read_holes(encoder.stages, table)
        made = fill_holes(encoder.stages, table, encoder.decode(filled(panel, unknown), starts, draws(), drawn=unknown))
        np.testing.assert_array_equal(made[~np.isnan(table)], table[~np.isnan(table)])
        assert not np.isnan(made).any()
