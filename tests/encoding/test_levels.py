"""Numbers within levels: modes come back with their levels, ties that are right stay, order within a level is kept."""

import json

import numpy as np
import pytest

from tsgan.encoding.calibration import Marginals
from tsgan.encoding.levels import LevelMaps, Levels

ROWS, LENGTH = 12_000, 6
CENTRES = np.array([0.0, 3.0, 9.0])


def draws(seed=0):
    return np.random.default_rng(seed)


def follows():
    return np.arange(ROWS) % LENGTH > 0


def table(seed=0):
    """A number of three modes: one for each level of column 0; column 1 is noise, column 2 is static noise."""
    rng = draws(seed)
    level = rng.choice(3, ROWS, p=[0.5, 0.3, 0.2])
    codes = {0: level, 1: rng.integers(0, 4, ROWS), 2: np.repeat(rng.integers(0, 2, ROWS // LENGTH), LENGTH)}
    levels = Levels(codes, {0: 3, 1: 4, 2: 2}, follows(), frozenset({2}))
    return CENTRES[level] + 0.3 * rng.normal(size=ROWS), levels


def loose(seed=1):
    """Drawn numbers with the right marginal, tied to the level only on the whole."""
    _, levels = table(seed)
    z = levels.codes[0] + 0.8 * draws(seed + 1).normal(size=ROWS)
    return Marginals.fit(table()[0][:, None], z[:, None]).apply(z[:, None])[:, 0], levels


def test_each_level_gets_its_mode():
    real, known = table()
    drawn, made = loose()
    assert (np.abs(drawn - CENTRES[made.codes[0]]) > 1.5).mean() > 0.2
    maps = LevelMaps.fit(real[:, None], drawn[:, None], [None], known, made)
    assert [(one.column, one.paired) for one in maps.maps] == [(0, False)]
    got, levels = loose(5)
    got = maps.apply(got[:, None], levels)[:, 0]
    assert (np.abs(got - CENTRES[levels.codes[0]]) > 1.5).mean() < 0.003
    for level in range(3):
        assert got[levels.codes[0] == level].std() == pytest.approx(0.3, rel=0.05)


def test_level_before_counts_where_it_says_more():
    rng = draws(3)
    numbers, sides = [], []
    for rest in (0.2, 3.0):
        level = rng.integers(0, 3, ROWS)
        levels = Levels({0: level}, {0: 3}, follows(), frozenset())
        before = np.where(follows(), np.roll(level, 1), 3)
        numbers.append((5.0 * ((level + before) % 2) if rest < 1 else 2.5) + rest * rng.normal(size=ROWS))
        sides.append(levels)
    maps = LevelMaps.fit(numbers[0][:, None], numbers[1][:, None], [None], *sides)
    assert [(one.column, one.paired) for one in maps.maps] == [(0, True)]


def test_right_ties_stay_as_they_are():
    (real, known), (drawn, made) = table(), table(9)
    assert LevelMaps.fit(real[:, None], drawn[:, None], [None], known, made).maps == ()


def test_order_within_a_level_and_missing_numbers_stay():
    real, known = table()
    drawn, made = loose()
    maps = LevelMaps.fit(real[:, None], drawn[:, None], [None], known, made)
    drawn[::7] = np.nan
    got = maps.apply(drawn[:, None], made)[:, 0]
    np.testing.assert_array_equal(np.isnan(got), np.isnan(drawn))
    for level in range(3):
        rows = np.flatnonzero((made.codes[0] == level) & np.isfinite(drawn))
        assert (np.diff(got[rows][np.argsort(drawn[rows])]) >= 0).all()


def test_rare_and_unknown_levels_are_left_alone():
    real, known = table()
    drawn, made = loose()
    sides = []
    for levels in (known, made):
        level = levels.codes[0].copy()
        level[level == 2] = np.where(np.arange((level == 2).sum()) < 10, 2, -1)
        sides.append(Levels({0: level}, {0: 3}, np.zeros(ROWS, dtype=bool), frozenset({0})))
    maps = LevelMaps.fit(real[:, None], drawn[:, None], [None], *sides)
    assert [set(one.groups) for one in maps.maps] == [{0, 1}]
    kept = ~np.isin(sides[1].codes[0], (0, 1))
    np.testing.assert_array_equal(maps.apply(drawn[:, None], sides[1])[kept, 0], drawn[kept])


def test_state_round_trip():
    real, known = table()
    drawn, made = loose()
    maps = LevelMaps.fit(real[:, None], drawn[:, None], [None], known, made)
    data, arrays = maps.state()
    again = LevelMaps.from_state(json.loads(json.dumps(data)), arrays)
    np.testing.assert_array_equal(again.apply(drawn[:, None], made), maps.apply(drawn[:, None], made))
