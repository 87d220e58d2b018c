"""Columns that never cross are told apart from those that do, and drawn numbers keep to their side."""

import numpy as np
import pandas as pd

from tsgan.encoding.encoder import Encoder


def prices(rows=600):
    rng = np.random.default_rng(0)
    low = 20 + np.cumsum(rng.normal(size=rows)) * 0.3
    frame = pd.DataFrame({"low": low, "other": rng.permutation(low), "high": low + 0.5 + rng.gamma(2, 1, rows)})
    return frame.round(2)


def orders(encoder):
    names = [cell.name for cell in encoder.stages.layout.cells]
    return {
        cell.name: ([names[one.cell] for one in cell.floors], [names[one.cell] for one in cell.ceilings])
        for cell in encoder.stages.layout.cells
    }


def test_what_never_crosses_is_found_whichever_column_comes_first():
    frame = prices()
    assert orders(Encoder().fit(frame)) == {"low": ([], []), "other": ([], []), "high": (["low"], [])}
    turned = orders(Encoder().fit(frame[["high", "other", "low"]]))
    assert turned["low"] == ([], ["high"])


def test_ranges_that_do_not_overlap_and_few_rows_say_nothing():
    frame = prices()
    apart = frame.assign(high=frame["high"] + 1000)
    assert orders(Encoder().fit(apart))["high"] == ([], [])
    assert orders(Encoder().fit(frame.iloc[:150]))["high"] == ([], [])


def test_one_row_that_crosses_is_enough_to_say_no():
    frame = prices()
    frame.loc[300, "high"] = frame.loc[300, "low"] - 1
    assert orders(Encoder().fit(frame))["high"] == ([], [])


def test_a_bound_maps_one_scale_to_the_other_with_the_smallest_gap_between():
    frame = prices()
    encoder = Encoder().fit(frame)
    place = encoder.stages.cells.place("high")
    (one,) = encoder.stages.layout.cells[place].floors
    z = encoder.encode(frame).values
    floor = np.interp(z[:, one.cell], one.there, one.here)
    assert (z[:, place] >= floor - 1e-9).all()
    gap = (frame["high"] - frame["low"]).min()
    raw = next(column for column in encoder.stages.cells.columns if column.name == "high").unscaled(floor)
    wanted = (frame["low"] + gap).clip(frame["high"].min(), frame["high"].max())
    np.testing.assert_allclose(raw, wanted, atol=0.2)  # the map has knots


def test_orders_are_there_again_after_saving():
    encoder = Encoder().fit(prices())
    again = Encoder.from_state(*encoder.state())
    assert orders(again) == orders(encoder)
    assert again.stages.layout == encoder.stages.layout
