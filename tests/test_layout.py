"""What the cells mean: descriptions that compare, the nearest point of a grid, lengths of statics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsgan.layout import Category, Layout, Number, snap, snap_places

LENGTH = Number("length", grid=np.array([-1.5, 0.25, 1.0]))
LAYOUT = Layout(
    (Number("x"), Category("kind", 3), Number("y", missing=True)),
    (Category("sex", 2), LENGTH),
    covariates=4,
    lengths=(3, 5, 9),
)


def test_a_number_may_be_any_by_default():
    cell = Number("x")
    assert (cell.low, cell.high, cell.atoms, cell.together) == (-np.inf, np.inf, (), -1)
    assert len(cell.grid) == 0
    assert (cell.stays, cell.straight, cell.missing) == (False, 0, False)


def test_layouts_compare_by_their_cells():
    assert Layout(LAYOUT.cells, LAYOUT.statics, 4, (3, 5, 9)) == LAYOUT
    assert Layout(LAYOUT.cells, LAYOUT.statics, 4, (3, 5, 9), stretches=True) != LAYOUT
    assert Number("x", grid=np.arange(3.0)) == Number("x", grid=np.arange(3.0))
    assert Number("x", stays=True) != Number("x")


def test_lengths_of_statics():
    statics = np.full((5, 2), 1.0)
    statics[:, 1] = [-9, -0.7, -0.6, 0.6, 0.7]
    lengths = LAYOUT.lengths_of(statics)
    assert lengths.tolist() == [3, 3, 5, 5, 9]
    assert lengths.dtype == np.int64


def test_a_layout_of_equal_lengths_has_none():
    with pytest.raises(ValueError, match="this layout has no length among its statics"):
        Layout(LAYOUT.cells).lengths_of(np.zeros((1, 0)))


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=20, unique=True), st.lists(st.floats(-99, 99), max_size=20))
def test_the_nearest_point_of_a_grid(points, numbers):
    grid, z = np.sort(points), np.array(numbers, dtype=np.float64)
    nearest = np.abs(z[:, None] - grid).min(axis=1)
    np.testing.assert_allclose(np.abs(snap(grid, z) - z), nearest, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(grid[snap_places(grid, z)], snap(grid, z))


def test_points_of_a_grid_stay_and_without_a_grid_every_number_does():
    grid = np.array([-1.0, 0.3, 0.30000000000000016, 7.0])
    np.testing.assert_array_equal(snap(grid, grid), grid)
    z = np.array([0.1, -5.0])
    np.testing.assert_array_equal(snap(np.empty(0), z), z)


def test_a_layout_cannot_be_changed():
    with pytest.raises(AttributeError):
        LAYOUT.cells[0].stays = True
