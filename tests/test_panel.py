"""Panels of ragged sequences, and windows into them."""

from dataclasses import replace

import numpy as np
import pytest

from tsgan.encoding.sequences import cut
from tsgan.panel import Panel, Windows


def _panel(lengths, cells=2, statics=1):
    lengths = np.array(lengths, dtype=np.int64)
    rows = int(lengths.sum())
    values = np.arange(float(rows * cells)).reshape(rows, cells) + 1
    fixed = np.arange(float(len(lengths) * statics)).reshape(len(lengths), statics)
    return Panel(values, lengths, fixed)


class TestPanel:
    def test_sequences_one_after_the_other(self):
        panel = _panel([3, 1, 2])
        assert len(panel) == 3
        assert panel.offsets.tolist() == [0, 3, 4, 6]
        assert [len(part) for part in panel] == [3, 1, 2]
        np.testing.assert_array_equal(np.concatenate(list(panel)), panel.values)

    def test_from_dense_cuts_short(self):
        values = np.arange(24.0).reshape(2, 4, 3)
        panel = Panel.from_dense(values, np.array([2, 4]))
        assert panel.values.dtype == np.float64
        first, second = panel
        np.testing.assert_array_equal(first, values[0, :2])
        np.testing.assert_array_equal(second, values[1])
        assert panel.statics.shape == (2, 0)

    def test_from_dense_takes_all_by_default(self):
        panel = Panel.from_dense(np.zeros((3, 5, 2)), statics=np.ones((3, 1)))
        assert panel.lengths.tolist() == [5, 5, 5]
        assert panel.statics.sum() == 3

    @pytest.mark.parametrize("shape", [(2, 4, 0), (0, 4, 2), (2, 0, 3)])
    def test_from_dense_of_nothing(self, shape):
        panel = Panel.from_dense(np.zeros(shape))
        assert panel.values.shape == (shape[0] * shape[1], shape[2])
        assert len(panel) == shape[0]

    def test_no_covariates_by_default(self):
        assert _panel([3, 1]).covariates.shape == (4, 0)

    def test_covariates_go_with_their_rows(self):
        dense = np.arange(24.0).reshape(2, 4, 3)
        panel = Panel.from_dense(dense, np.array([2, 4]), covariates=dense[:, :, :2] + 100)
        assert panel.covariates.dtype == np.float32
        np.testing.assert_array_equal(panel.covariates, panel.values[:, :2] + 100)

    def test_covariates_that_do_not_fit(self):
        for shape in ((3, 1), (4,), (5, 2)):
            with pytest.raises(ValueError, match="the covariates of a panel must hold one row per row of values"):
                replace(_panel([4]), covariates=np.ones(shape, np.float32))

    @pytest.mark.parametrize(
        ("values", "lengths", "statics", "text"),
        [
            ((4,), [4], (1, 0), "a panel needs values .rows, cells., lengths .sequences,., statics"),
            ((4, 1), [[4]], (1, 0), "a panel needs values"),
            ((4, 1), [4], (1,), "a panel needs values"),
            ((4, 1), [3], (1, 0), "lengths of a panel must add up to its rows"),
            ((4, 1), [4], (2, 0), "statics hold one row per sequence"),
        ],
    )
    def test_parts_that_do_not_fit(self, values, lengths, statics, text):
        with pytest.raises(ValueError, match=text):
            Panel(np.zeros(values), np.array(lengths), np.zeros(statics))


class TestWindows:
    def test_values_are_rows_of_the_panel_and_zero_after_the_end(self):
        panel = _panel([5, 2])
        windows = cut(panel, 3, 1)
        values = windows.values()
        assert values.shape == (4, 3, 2)
        assert values.dtype == np.float64
        for at in range(3):
            np.testing.assert_array_equal(values[at], panel.values[at : at + 3])
        np.testing.assert_array_equal(values[3, :2], panel.values[5:])
        assert not values[3, 2].any()

    def test_a_short_one_at_the_very_end_reads_nothing_beyond(self):
        windows = Windows(_panel([4]), np.array([3]), np.array([1]), np.array([0]), 10)
        values = windows.values()
        np.testing.assert_array_equal(values[0, 0], windows.panel.values[3])
        assert not values[0, 1:].any()

    def test_missing_values_stay_missing(self):
        panel = _panel([5, 2])
        values = panel.values.copy()
        values[[1, 6], 0] = np.nan
        windows = cut(replace(panel, values=values), 3, 1)
        gone = np.isnan(windows.values())
        assert gone[:, :, 0].tolist() == [[False, True, False], [True, False, False], [False] * 3, [False, True, False]]
        assert not gone[:, :, 1].any()

    def test_chosen_ones(self):
        windows = cut(_panel([5, 2, 6]), 3, 1)
        index = np.array([6, 0, 3])
        np.testing.assert_array_equal(windows.values(index), windows.values()[index])
        np.testing.assert_array_equal(windows.values(slice(1, 3)), windows.values()[1:3])
        part = windows.subset(index)
        assert len(part) == 3
        np.testing.assert_array_equal(part.values(), windows.values(index))
        np.testing.assert_array_equal(part.sequences, windows.sequences[index])
