"""Columns that never cross are told apart from those that do, and drawn numbers keep to their side."""

import numpy as np
import pandas as pd
import pytest
from through_json import through_json

from tsgan import RecurrentGAN
from tsgan.encoding.encoder import Encoder
from tsgan.panel import Panel


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
    again = Encoder.of(through_json(encoder.stages))
    assert orders(again) == orders(encoder)
    assert again.stages.layout == encoder.stages.layout


def test_columns_that_touch_are_in_order_too():
    """What scaling there and back moves by a last digit crosses nothing."""
    rng = np.random.default_rng(0)
    low = rng.lognormal(3, 1, 600)
    frame = pd.DataFrame({"low": low, "high": low * np.where(rng.random(600) < 0.1, 1, rng.uniform(1, 1.2, 600))})
    cells = Encoder().fit(frame).stages.layout.cells
    assert [len(cell.floors) + len(cell.ceilings) for cell in cells] == [0, 1]


def test_a_column_whose_map_would_cross_another_moves_with_it():
    """Drawn lower and apart by other gaps, so that maps of their own would cross: the second keeps its distance."""
    rng = np.random.default_rng(0)
    low = np.cumsum(rng.normal(size=4000)) * 0.1
    frame = pd.DataFrame({"low": low, "high": low + rng.uniform(0.001, 0.02, 4000)})
    encoder = Encoder().fit(frame)
    panel = encoder.encode(frame)
    lower = 0.8 * panel.values[:, 0] - 0.3
    gap = rng.exponential(0.1, 4000)
    values = np.column_stack([lower, lower + gap])
    drawn = Panel(values, panel.lengths, panel.statics, panel.covariates)
    encoder.calibrate([drawn])
    again = Encoder.of(through_json(encoder.stages))
    for one in (encoder, again):
        made = one.stages.cells.decode(drawn, np.random.default_rng(0), True)
        assert abs(np.mean(made["low"]) - low.mean()) < 0.1 * low.std()
        between = np.asarray(made["high"]) - np.asarray(made["low"])
        assert (between >= -1e-9).all()
        assert np.corrcoef(between, gap)[0, 1] > 0.98


def test_all_columns_of_an_order_move_where_one_would_cross():
    """The middle column is drawn as it was observed, and would stay; those around it are drawn too high."""
    rng = np.random.default_rng(0)
    opening = np.cumsum(rng.normal(size=2000))
    lower, upper = rng.gamma(1, 1, (2, 2000))
    frame = pd.DataFrame({"low": opening - lower, "open": opening, "high": opening + upper})
    encoder = Encoder().fit(frame)
    panel, cells = encoder.encode(frame), encoder.stages.cells
    values = panel.values.copy()
    for name, gap in (("low", -0.2 * lower), ("high", 3 * upper)):
        column = next(column for column in cells.columns if column.name == name)
        values[:, cells.place(name)] = column.encode(pd.Series(opening + gap))
    drawn = Panel(values, panel.lengths, panel.statics, panel.covariates)
    encoder.calibrate([drawn])
    made = cells.decode(drawn, np.random.default_rng(0), True)
    assert (np.asarray(made["low"]) > np.asarray(made["open"]) + 1e-6).mean() < 0.01
    assert (np.asarray(made["open"]) > np.asarray(made["high"]) + 1e-6).mean() < 0.01
    cells.led = {}
    made = cells.decode(drawn, np.random.default_rng(0), True)
    assert (np.abs(np.asarray(made["open"]) - np.asarray(made["high"])) < 1e-3).mean() > 0.05  # put where they meet


def test_numbers_come_as_near_to_the_column_they_never_cross_as_real_ones():
    rng = np.random.default_rng(0)
    low = np.cumsum(rng.normal(size=2000)) * 0.1 + 20
    frame = pd.DataFrame({"low": low, "high": low + np.abs(rng.normal(size=2000))})
    made = RecurrentGAN(steps=0, random_state=0, verbose=False).fit(frame).sample(250, 24, random_state=0)
    for near in (0.05, 0.1, 0.2):  # drawing again what crosses would leave .6-.8 of them
        share = ((made["high"] - made["low"]) < near).mean()
        assert 0.85 < share / ((frame["high"] - frame["low"]) < near).mean() < 1.15


@pytest.mark.parametrize("gap", ["piled", "thin"])
def test_repeated_values_keep_their_order_where_they_meet(gap):
    rng = np.random.default_rng(0)
    low = np.cumsum(rng.normal(size=600)).round(1)
    apart = np.where(rng.random(600) < 0.3, 0, rng.exponential(1, 600)) if gap == "piled" else rng.exponential(1, 600)
    frame = pd.DataFrame({"low": low, "high": (low + apart).round(1)})
    made = RecurrentGAN(steps=0, random_state=0, verbose=False).fit(frame).sample(5, length=300, random_state=1)
    assert (made["low"] > made["high"]).mean() < 0.001
